package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/notify"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// JobSpec is what a job promises: which ticks, and whether somebody relies on it.
type JobSpec struct {
	Name     string
	Schedule schedule.Schedule
	Offset   time.Duration // a tick is due that much after its moment
	// Settle is what a chain takes to be final, by its name; see ingest.Runner.
	Settle   map[sdk.ChainID]time.Duration
	Required bool
	Plugins  []string
}

// Series is one line of the ledger (a job, a plugin, a chain) beside what its
// job's schedule asks for. Zero times mean: never, or no schedule.
type Series struct {
	Job, Plugin, Chain string // Plugin and Chain are empty for a job that never ran
	Required           bool
	Newest             time.Time // newest complete tick
	Ended              time.Time // when that tick was stored
	Expected           time.Time // newest tick that is due
	Next               time.Time // the tick after it
	// Stale says that the newest complete tick is two periods of the job old or
	// older, or that there is none. A job without a schedule is never stale.
	Stale bool
	State string // of the newest tick in the ledger
	Grid  string // the last 14 ticks, newest right, as in the query coverage
	Class string // of the newest error of those that still stands
	Error string
	// Ticks counts all ticks the ledger has, by their state.
	Ticks map[string]int
	// Stuck counts failed ticks that are tried again only when a person asks for it.
	Stuck int
	// Hole is the newest tick that is not complete and that nothing is under way for,
	// Reason its state and why.
	Hole   time.Time
	Reason string
}

// HoleStates are the states of ticks that are not complete and that nothing is under
// way for.
var HoleStates = []string{store.StateFailed, store.StatePartial, store.StateQuarantined, store.StateUnrecoverable, store.StateSuperseded}

// Holes counts the ticks that are not complete and that nothing is under way for,
// however long ago.
func (s Series) Holes() (n int) {
	for _, state := range HoleStates {
		n += s.Ticks[state]
	}
	return n
}

// coverageSQL asks for everything the ledger has ever had up to a moment. What a
// clock that ran ahead has written after it is no coverage.
const coverageSQL = `
	SELECT job, plugin, chain_id, newest_have, stored_at, newest_state, grid, last_error_class, last_error, states, stuck, newest_hole, hole_reason
	FROM ledger(40000, TIMESTAMP '%s') ORDER BY ALL`

// Coverage compares the ledger with what the jobs promise at a moment. Every job
// is in the answer: those that never ran as well, and series of the ledger whose
// job is no longer configured, which are not required.
func Coverage(ctx context.Context, src query.Source, jobs []JobSpec, now time.Time) (_ []Series, err error) {
	rows, err := src.Query(ctx, fmt.Sprintf(coverageSQL, now.UTC().Format(time.DateTime)))
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []Series
	for rows.Next() {
		v := rows.Values()
		s := Series{}
		s.Job, _ = v[0].(string)
		s.Plugin, _ = v[1].(string)
		s.Chain, _ = v[2].(string)
		s.Newest, _ = v[3].(time.Time)
		s.Ended, _ = v[4].(time.Time)
		s.State, _ = v[5].(string)
		s.Grid, _ = v[6].(string)
		s.Class, _ = v[7].(string)
		s.Error, _ = v[8].(string)
		states, _ := v[9].(string)
		if err := json.Unmarshal([]byte(states), &s.Ticks); err != nil {
			return nil, fmt.Errorf("read the ledger: states of %s: %w", s, err)
		}
		stuck, _ := v[10].(int64)
		s.Stuck = int(stuck)
		s.Hole, _ = v[11].(time.Time)
		s.Reason, _ = v[12].(string)
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return expect(all, jobs, now), nil
}

// expect fills in what the schedules ask for and adds what never ran.
func expect(all []Series, jobs []JobSpec, now time.Time) []Series {
	for _, j := range jobs {
		seen := map[string]bool{}
		for _, s := range all {
			if s.Job == j.Name {
				seen[s.Plugin] = true
			}
		}
		if len(seen) == 0 && len(j.Plugins) == 0 {
			all = append(all, Series{Job: j.Name})
		}
		for _, p := range j.Plugins {
			if !seen[p] {
				all = append(all, Series{Job: j.Name, Plugin: p})
			}
		}
	}
	for i := range all {
		s := &all[i]
		at := slices.IndexFunc(jobs, func(j JobSpec) bool { return j.Name == s.Job })
		if at < 0 || len(jobs[at].Plugins) > 0 && !slices.Contains(jobs[at].Plugins, s.Plugin) {
			continue // no longer read
		}
		j := jobs[at]
		s.Expected = j.Schedule.Last(now.Add(-max(j.Offset, j.Settle[sdk.ChainID(s.Chain)])))
		if s.Expected.IsZero() {
			continue
		}
		s.Required = j.Required
		s.Next = j.Schedule.Next(s.Expected)
		// While the newest tick's period lasts it may still come; the tick before it
		// has had all of its own.
		s.Stale = s.Newest.Before(j.Schedule.Last(s.Expected.Add(-time.Second)))
	}
	slices.SortStableFunc(all, func(a, b Series) int {
		return slices.Compare([]string{a.Job, a.Plugin, a.Chain}, []string{b.Job, b.Plugin, b.Chain})
	})
	return all
}

// Late returns the required series that are stale.
func Late(all []Series) []Series {
	var late []Series
	for _, s := range all {
		if s.Required && s.Stale {
			late = append(late, s)
		}
	}
	return late
}

// Stuck returns the required series with failed ticks that wait for a person.
func Stuck(all []Series) []Series {
	var stuck []Series
	for _, s := range all {
		if s.Required && s.Stuck > 0 {
			stuck = append(stuck, s)
		}
	}
	return stuck
}

// Findings says of each required series that is stale what lags, for alerts.
func Findings(all []Series) []notify.Finding {
	var found []notify.Finding
	for _, s := range Late(all) {
		detail := "no tick is complete yet"
		if !s.Newest.IsZero() {
			detail = "the newest complete tick is " + moment(s.Newest)
		}
		detail += ", expected " + moment(s.Expected)
		if s.Error != "" {
			detail += ": " + s.Error
		}
		found = append(found, notify.Finding{Event: notify.Stale, Subject: strings.TrimRight(s.Job+"/"+s.Plugin+"/"+s.Chain, "/"), Detail: detail})
	}
	return found
}

func (s Series) String() string {
	name := "job " + s.Job
	if s.Plugin != "" {
		name += ", plugin " + s.Plugin
	}
	if s.Chain != "" {
		name += " on " + s.Chain
	}
	return name
}
