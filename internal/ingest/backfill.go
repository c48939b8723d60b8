package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Range is the part of the past a backfill is asked for.
type Range struct {
	From, To time.Time // ticks in [From, To]
	// Every is the step, aligned to UTC; 0 means the schedule of the job.
	Every time.Duration
	// Tokens narrows what is read. Coverage of a narrowed backfill is kept in a
	// series of its own (see Narrowed), since it does not cover the job's ticks.
	Tokens []sdk.TokenID
	// Refetch also reads ticks that have their rows. What differs becomes a new
	// version; nothing is overwritten.
	Refetch bool
	// Named says that a person chose the plugins, and wants to know of each that takes
	// no part.
	Named bool
	// MaxBatch is how many calls one HTTP request to a chain may carry, for the
	// estimate of requests; 0 means 100.
	MaxBatch map[sdk.ChainID]int
}

// Backfill is the plan of a backfill.
type Backfill struct {
	Stretches []Stretch
	// Anchors estimates the HTTP requests that find the blocks of the ticks, by
	// chain; all plugins share them.
	Anchors map[sdk.ChainID]int
	// Skipped says what takes no part and why.
	Skipped []string
}

// Stretch is what a backfill comes to for one series.
type Stretch struct {
	Series
	Asked   int         // ticks of the range
	Covered int         // of these, ticks that stay as they are
	Due     []time.Time // ticks to read, ascending
	Lost    int         // ticks that cannot be read any more, known as such or not
	// Requests estimates the plugin's HTTP requests.
	Requests int

	job      Job
	need     sdk.ChainNeed
	narrowed bool
	tried    map[time.Time]int
	again    map[time.Time]bool // due ticks that have their rows
	recorded map[time.Time]bool // due ticks that are read from recordings
	closing  []time.Time        // lost ticks the ledger does not call so yet
}

// Work is what Run is to be given.
func (b Backfill) Work() []Work {
	var all []Work
	for _, s := range b.Stretches {
		for _, again := range []bool{false, true} {
			var ticks, shelved []time.Time
			for _, tick := range s.Due {
				switch {
				case s.again[tick] != again:
				case s.recorded[tick]:
					shelved = append(shelved, tick)
				default:
					ticks = append(ticks, tick)
				}
			}
			all = append(all, s.job.work(s.Series, s.need, ticks, s.tried, again)...)
			all = append(all, s.job.recordedWork(s.Series, s.need, shelved, s.tried, again)...)
		}
	}
	return all
}

// Narrowed is the name under which the ledger keeps what a backfill of some of a
// job's tokens covers: "state:reth".
func Narrowed(job string, tokens []sdk.TokenID) string {
	names := make([]string, len(tokens))
	for i, t := range tokens {
		names[i] = string(t)
	}
	slices.Sort(names)
	return job + ":" + strings.Join(slices.Compact(names), "+")
}

// PlanBackfill compares a range with the ledger and writes nothing; without a Store it
// plans for a warehouse that is empty. Every plugin belongs to the first of the jobs
// that takes it. chains lists the configured ones.
func (r *Runner) PlanBackfill(ctx context.Context, rng Range, jobs []Job, plugins []*Plugin, chains []sdk.ChainID) (Backfill, error) {
	now := r.now()
	if rng.To.After(now) {
		rng.To = now
	}
	plan := Backfill{Anchors: map[sdk.ChainID]int{}}
	skip := func(format string, args ...any) { plan.Skipped = append(plan.Skipped, fmt.Sprintf(format, args...)) }
	for _, p := range plugins {
		name := p.Binary.Name
		if p.Err != nil {
			continue // Run reports it
		}
		at := slices.IndexFunc(jobs, func(j Job) bool { return j.takes(p) })
		if at < 0 {
			if rng.Named {
				skip("plugin %s: no job takes it", name)
			}
			continue
		}
		job := jobs[at]
		for _, need := range p.Description.Chains {
			switch {
			case len(job.Chains) > 0 && !slices.Contains(job.Chains, need.Chain):
				continue
			case !need.Offline && !slices.Contains(chains, need.Chain):
				if p.readsOneOf(chains) && !slices.Contains(job.Chains, need.Chain) {
					continue
				}
				skip("job %s: plugin %s needs chain %s, which the configuration does not have", job.Name, name, need.Chain)
				continue
			}
			job := r.settle(job, need)
			ticks, early := job.come(rng.ticks(job), now)
			if early > 0 && (rng.Every > 0 || len(ticks) == 0) { // the schedule reads its own
				skip("job %s: plugin %s: ticks on %s after %s are left out (%d): their blocks are not final yet", job.Name, name, need.Chain, now.Add(-job.Delay).Format(time.RFC3339), early)
			}
			if len(ticks) == 0 && early == 0 {
				skip("job %s: plugin %s: no tick of its schedule lies in the range; --every sets a step", job.Name, name)
			}
			if len(ticks) == 0 {
				continue
			}
			s, err := r.stretch(ctx, rng, job, p, need, ticks, now)
			if err != nil {
				return Backfill{}, err
			}
			plan.Stretches = append(plan.Stretches, s)
		}
	}
	return plan, r.estimateAnchors(ctx, rng, &plan)
}

// ticks are the moments the range asks for.
func (rng Range) ticks(job Job) []time.Time {
	if rng.Every <= 0 {
		return job.Schedule.Ticks(rng.From.UTC().Add(-time.Nanosecond), rng.To.UTC())
	}
	var ticks []time.Time
	t := rng.From.UTC().Truncate(rng.Every)
	if t.Before(rng.From) {
		t = t.Add(rng.Every)
	}
	for ; !t.After(rng.To); t = t.Add(rng.Every) {
		ticks = append(ticks, t)
	}
	return ticks
}

// come cuts off the ticks that are not due yet, and says how many these are. What
// begin writes down ends there as well: a newer tick in the ledger would pass for one
// that has all scheduled ticks before it.
func (j Job) come(ticks []time.Time, now time.Time) (come []time.Time, early int) {
	n, _ := slices.BinarySearchFunc(ticks, now.Add(-j.Delay).Add(1), time.Time.Compare)
	return ticks[:n], len(ticks) - n
}

// stretch sorts the ticks of one series into covered, due and lost.
func (r *Runner) stretch(ctx context.Context, rng Range, job Job, p *Plugin, need sdk.ChainNeed, ticks []time.Time, now time.Time) (Stretch, error) {
	s := Stretch{
		Series: Series{Job: job.Name, Plugin: p.Binary.Name, Chain: need.Chain}, Asked: len(ticks), job: job, need: need,
		tried: map[time.Time]int{}, again: map[time.Time]bool{}, recorded: map[time.Time]bool{},
	}
	if len(rng.Tokens) > 0 {
		s.job.Tokens, s.narrowed = rng.Tokens, true
		s.Job = Narrowed(job.Name, rng.Tokens)
	}
	known := map[time.Time]store.Task{}
	if r.Store != nil {
		tasks, err := r.Store.Tasks(ctx, store.TaskFilter{
			Job: s.Job, Plugin: s.Plugin, Chain: s.Chain, From: ticks[0], To: ticks[len(ticks)-1],
		})
		if err != nil {
			return s, err
		}
		for _, t := range tasks {
			known[t.Tick.UTC()] = t
		}
	}
	current := job.current(now)
	recorded := r.recorded(s.Series)
	for _, tick := range ticks {
		t := known[tick]
		s.tried[tick] = t.Attempts
		// A row that is refused as a whole would be refused again: a person decides.
		covered := t.State == store.StateHave || t.State == store.StateQuarantined
		s.again[tick] = covered
		live := need.ReadsPast || need.Offline || tick.Equal(current)
		s.recorded[tick] = !live && recorded(tick)
		readable := live || s.recorded[tick]
		switch {
		case covered && readable && (rng.Refetch || need.ReadsPast && t.Finality == sdk.Provisional):
			s.Due = append(s.Due, tick)
		case covered, !readable && t.State == store.StatePartial:
			s.Covered++
		case !readable:
			s.Lost++
			if t.State != store.StateUnrecoverable {
				s.closing = append(s.closing, tick)
			}
		default:
			s.Due = append(s.Due, tick)
		}
	}
	if !need.Offline {
		batch := cmpOr(rng.MaxBatch[need.Chain], 100)
		for _, group := range batches(s.live(), need.MaxAnchors) {
			s.Requests += (len(group) + batch - 1) / batch
		}
	}
	return s, nil
}

// live are the due ticks that endpoints are asked about.
func (s Stretch) live() []time.Time {
	return slices.DeleteFunc(slices.Clone(s.Due), func(tick time.Time) bool { return s.recorded[tick] })
}

// estimateAnchors guesses what finding the blocks will cost: one request for the
// newest final block, and for every 50 ticks about three rounds of two headers a
// tick.
func (r *Runner) estimateAnchors(ctx context.Context, rng Range, plan *Backfill) error {
	byChain := map[sdk.ChainID][]time.Time{}
	for _, s := range plan.Stretches {
		if s.need.Offline || s.need.IsAPI() {
			continue
		}
		byChain[s.Chain] = append(byChain[s.Chain], s.live()...)
	}
	for chain, ticks := range byChain {
		slices.SortFunc(ticks, time.Time.Compare)
		ticks = slices.CompactFunc(ticks, time.Time.Equal)
		missing := len(ticks)
		if r.Store != nil {
			known, err := r.Store.FinalAnchors(ctx, chain, ticks)
			if err != nil {
				return err
			}
			missing -= len(known)
		}
		if missing > 0 {
			batch := cmpOr(rng.MaxBatch[chain], 100)
			plan.Anchors[chain] = 1 + (missing+49)/50*3*((100+batch-1)/batch)
		}
	}
	return nil
}

// BeginBackfill writes down what the plan will not read: the ticks that are lost,
// and what the schedules have come to up to now, so that a backfill leaves no gap
// behind a tick that is newer than all the ledger knew.
func (r *Runner) BeginBackfill(ctx context.Context, plan Backfill) error {
	now := r.now()
	for _, s := range plan.Stretches {
		if !s.narrowed {
			if err := r.begin(ctx, s.Series, s.job, s.need, now); err != nil {
				return err
			}
		}
		lost := make([]Verdict, len(s.closing))
		for i, tick := range s.closing {
			lost[i] = Verdict{tick, store.StateUnrecoverable, sdk.KindUnrecoverable,
				"asked for by a backfill; " + noPast}
		}
		if err := r.close(ctx, s.Series, lost, now); err != nil {
			return err
		}
	}
	return nil
}
