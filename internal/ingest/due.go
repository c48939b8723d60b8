package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Prepare registers the plugins and their tokens. Call it once after Discover.
func (r *Runner) Prepare(ctx context.Context, plugins []*Plugin) error {
	r.Tokens = tokens(plugins, r.Log)
	return Register(ctx, r.Store, plugins, r)
}

// Due compares the jobs' schedules with the ledger. Ticks that are closed without
// reading are written to the ledger at once; the rest comes back as work, those
// that failed before and may be tried again included. chains lists the configured
// chains; a plugin that can read none of them contributes no work and one reason.
func (r *Runner) Due(ctx context.Context, jobs []Job, plugins []*Plugin, chains []sdk.ChainID) (work []Work, skipped []string, err error) {
	now := r.now()
	for _, job := range jobs {
		for _, p := range plugins {
			if p.Err != nil || !job.takes(p) {
				continue
			}
			for _, need := range p.Description.Chains {
				if len(job.Chains) > 0 && !slices.Contains(job.Chains, need.Chain) {
					continue
				}
				if !need.Offline && !slices.Contains(chains, need.Chain) {
					if p.readsOneOf(chains) && !slices.Contains(job.Chains, need.Chain) {
						continue // it does what it can: a beacon chain, for one, is optional
					}
					skipped = append(skipped, fmt.Sprintf("job %s: plugin %s needs chain %s, which the configuration does not have", job.Name, p.Binary.Name, need.Chain))
					continue
				}
				w, err := r.dueSeries(ctx, job, p, need, now)
				if err != nil {
					return nil, skipped, err
				}
				work = append(work, w...)
			}
		}
	}
	return work, skipped, nil
}

// takes reports whether the job uses the plugin: those it names, or every plugin
// that reads a chain. A plugin that carries its numbers itself must be named, or
// each tick would load all of them again; so must one that only asks APIs, which
// change by the day and do not like to be asked by the hour.
func (j Job) takes(p *Plugin) bool {
	if len(j.Plugins) > 0 {
		return slices.Contains(j.Plugins, p.Binary.Name)
	}
	return p.ReadsChain()
}

func (r *Runner) dueSeries(ctx context.Context, job Job, p *Plugin, need sdk.ChainNeed, now time.Time) ([]Work, error) {
	series := Series{Job: job.Name, Plugin: p.Binary.Name, Chain: need.Chain}
	job = r.settle(job, need)
	if err := r.begin(ctx, series, job, need, now); err != nil {
		return nil, err
	}
	// What the ledger knows as open: just planned, left by a killed run, or failed.
	// What looks running and belongs to no live run was left by one that could not even
	// write down its end: the disk was full.
	filter := store.TaskFilter{
		Job: series.Job, Plugin: series.Plugin, Chain: series.Chain, To: now, TryBy: now,
		States: []string{store.StateDue, store.StateRunning, store.StateFailed, store.StatePartial},
	}
	if job.Retry {
		filter.TryBy = time.Time{}
	}
	open, err := r.Store.Tasks(ctx, filter)
	if err != nil {
		return nil, err
	}
	current := job.current(now)
	tried := map[time.Time]int{}
	var ticks, shelved []time.Time // to be read from the chain, and from recordings
	var lost []Verdict
	recorded := r.recorded(series)
	for _, t := range open {
		if t.State == store.StateRunning && r.Store.Live(t.RunID) {
			continue // a backfill or a retry in this process has it in hand
		}
		past := !need.ReadsPast && t.Tick.Before(current)
		if past && !recorded(t.Tick) {
			why := missedTick + noPast
			if t.Error != "" {
				why += " (last error: " + t.Error + ")"
			}
			if t.State == store.StatePartial {
				continue // the rows it has stay; the rest is gone and the row says so
			}
			lost = append(lost, Verdict{t.Tick, store.StateUnrecoverable, sdk.KindUnrecoverable, why})
			continue
		}
		ended := t.State == store.StateFailed || t.State == store.StatePartial
		if ended && givenUp(job.Attempts, t.Attempts, t.ErrorClass) && !job.Retry {
			continue
		}
		tried[t.Tick] = t.Attempts
		if past {
			shelved = append(shelved, t.Tick)
		} else {
			ticks = append(ticks, t.Tick)
		}
	}
	if err := r.close(ctx, series, lost, now); err != nil {
		return nil, err
	}
	again, err := r.provisional(ctx, series, job, need, now)
	if err != nil {
		return nil, err
	}
	// What waits on a shelf comes last: a tick that can be read only now does not wait.
	work := job.work(series, need, ticks, tried, false)
	work = append(work, job.work(series, need, again, nil, true)...)
	return append(work, job.recordedWork(series, need, shelved, tried, false)...), nil
}

// begin writes into the ledger what the schedule has come to, so that whatever is
// written after it, a series has no tick that nobody knows of.
func (r *Runner) begin(ctx context.Context, series Series, job Job, need sdk.ChainNeed, now time.Time) error {
	last, ok, err := r.watermark(ctx, series, now)
	if err != nil || !ok {
		return err
	}
	plan := MakePlan(job.Schedule, Policy{CatchUp: job.CatchUp, Max: job.Max, ReadsPast: need.ReadsPast, Recorded: r.recorded(series)}, last, now.Add(-job.Delay))
	if err := r.close(ctx, series, plan.Closed, now); err != nil {
		return err
	}
	keys := make([]store.TaskKey, len(plan.Due))
	for i, tick := range plan.Due {
		keys[i] = taskKey(series, tick)
	}
	_, err = r.Store.PutTasks(ctx, keys)
	return err
}

// watermark is the newest tick that the ledger has of a series and that has come,
// zero for a new series. It is not ok when all ticks are yet to come although they
// were read: the clock is behind, and nothing can be planned by it.
func (r *Runner) watermark(ctx context.Context, series Series, now time.Time) (last time.Time, ok bool, err error) {
	filter := store.TaskFilter{Job: series.Job, Plugin: series.Plugin, Chain: series.Chain, Newest: true, Limit: 1}
	newest, err := r.Store.Tasks(ctx, filter)
	if err != nil || len(newest) == 0 {
		return time.Time{}, true, err
	}
	if last = newest[0].Tick; !last.After(now) && !newest[0].EndedAt.After(now) {
		return last, true, nil
	}
	dropped, err := r.Store.DropAhead(ctx, series.Job, series.Plugin, series.Chain, now)
	if err != nil {
		return time.Time{}, false, err
	}
	log := r.Log.With("job", series.Job, "plugin", series.Plugin, "chain", string(series.Chain), "newest", last, "now", now)
	if dropped > 0 {
		log.Warn("the clock was ahead and was set back; what it made of ticks that had not come is forgotten, and they are planned anew", "ticks", dropped)
	}
	filter.To = now
	if newest, err = r.Store.Tasks(ctx, filter); err == nil && len(newest) > 0 {
		return newest[0].Tick, true, nil
	} else if err != nil {
		return time.Time{}, false, err
	}
	filter.To = time.Time{}
	if newest, err = r.Store.Tasks(ctx, filter); err != nil || len(newest) == 0 {
		return time.Time{}, true, err
	}
	log.Warn("the clock is behind all that was read: nothing is planned by it; set the machine's clock")
	return time.Time{}, false, nil
}

// settle delays the job's ticks on a chain by what its blocks take to be final.
func (r *Runner) settle(job Job, need sdk.ChainNeed) Job {
	if need.ReadsPast && !need.Offline {
		job.Delay = max(job.Delay, r.Settle[need.Chain])
	}
	return job
}

// current is the job's newest tick that has come; zero if there is none.
func (j Job) current(now time.Time) time.Time { return j.Schedule.Last(now.Add(-j.Delay)) }

// work groups ticks of a series into fetches.
func (j Job) work(series Series, need sdk.ChainNeed, ticks []time.Time, tried map[time.Time]int, again bool) []Work {
	var work []Work
	for _, group := range batches(ticks, need.MaxAnchors) {
		work = append(work, Work{
			Series: series, Ticks: group, Tokens: j.Tokens, Options: j.Options[series.Plugin], Timeout: j.Timeout,
			Attempts: j.Attempts, Again: again, tried: tried,
		})
	}
	return work
}

// close writes verdicts into the ledger, one statement for each distinct reason.
func (r *Runner) close(ctx context.Context, s Series, verdicts []Verdict, now time.Time) error {
	groups := map[[2]string][]store.TaskKey{}
	kinds := map[[2]string]sdk.Kind{}
	for _, v := range verdicts {
		id := [2]string{v.State, v.Why}
		groups[id] = append(groups[id], taskKey(s, v.Tick))
		kinds[id] = v.Kind
	}
	for id, keys := range groups {
		if err := r.Store.CloseTasks(ctx, keys, "", id[0], kinds[id], id[1], now); err != nil {
			return fmt.Errorf("writing down the missed ticks of %s: %w", s, err)
		}
	}
	return nil
}
