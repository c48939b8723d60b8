package ingest

import (
	"fmt"
	"sort"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Ticker gives the scheduled moments of a job; internal/schedule implements it.
type Ticker interface {
	// Ticks returns all ticks in (from, to], ascending, UTC.
	Ticks(from, to time.Time) []time.Time
	// Last returns the newest tick at or before t, or the zero time.
	Last(t time.Time) time.Time
	// Next returns the first tick after t.
	Next(t time.Time) time.Time
}

// CatchUp says what happens to ticks that were not read while they were current.
type CatchUp string

// The catch-up policies.
const (
	CatchUpAll  CatchUp = "all"  // read every missed tick, newest first up to a cap
	CatchUpLast CatchUp = "last" // read only the newest missed tick
	CatchUpSkip CatchUp = "skip" // read a tick only while it is the current one and never missed
)

// Series is one line of the ledger: a job's ticks for one plugin on one chain.
type Series struct {
	Job    string
	Plugin string
	Chain  sdk.ChainID
}

// Policy is how a series treats ticks it has missed.
type Policy struct {
	CatchUp CatchUp
	// Max is how many missed ticks CatchUpAll reads; 0 means 1000.
	Max int
	// ReadsPast is false where a tick can only be read while it is the newest one
	// (Solana). Older ticks are then lost and the ledger says so, but for those that
	// are Recorded; nil means none.
	ReadsPast bool
	Recorded  func(tick time.Time) bool
}

// missedTick begins the reason of every tick that was closed without being read. Why
// it was missed (nothing ran, the machine slept, its plugin hung) nobody knows.
const missedTick = "not read while it was the current tick; "

// noPast is why a tick cannot be read any more.
const noPast = "this chain's past state cannot be read"

// Verdict is a tick the planner closes without reading it.
type Verdict struct {
	Tick  time.Time
	State string // superseded | unrecoverable
	Kind  sdk.Kind
	Why   string
}

// Plan is what one series owes at a moment.
type Plan struct {
	Due    []time.Time // ascending
	Closed []Verdict   // ascending
}

// MakePlan computes what is due for ticks after newest (the newest tick the
// ledger knows; zero when the series is new) up to now. Every tick in that range
// ends up in exactly one of Due and Closed, so none can be lost silently.
func MakePlan(t Ticker, p Policy, newest, now time.Time) Plan {
	current := t.Last(now)
	if current.IsZero() {
		return Plan{}
	}
	if newest.IsZero() {
		// A new series starts with the current tick: there is no past to owe.
		return Plan{Due: []time.Time{current}}
	}
	missed := t.Ticks(newest, now)
	var plan Plan
	limit := p.Max
	if limit <= 0 {
		limit = 1000
	}
	for i, tick := range missed {
		age := len(missed) - 1 - i // 0 is the current tick
		switch {
		case age == 0:
			plan.Due = append(plan.Due, tick)
		case !p.ReadsPast && (p.Recorded == nil || !p.Recorded(tick)):
			plan.Closed = append(plan.Closed, Verdict{tick, "unrecoverable", sdk.KindUnrecoverable,
				missedTick + noPast})
		case p.CatchUp == CatchUpSkip || p.CatchUp == CatchUpLast:
			plan.Closed = append(plan.Closed, Verdict{tick, "superseded", "",
				fmt.Sprintf(missedTick+"catch_up: %s reads only the newest (pipeline backfill closes the gap)", p.CatchUp)})
		case age >= limit:
			plan.Closed = append(plan.Closed, Verdict{tick, "superseded", "",
				fmt.Sprintf(missedTick+"beyond catch_up_max %d (pipeline backfill closes the gap)", limit)})
		default:
			plan.Due = append(plan.Due, tick)
		}
	}
	return plan
}

// batches splits ticks into ascending groups of at most n.
func batches(ticks []time.Time, n int) [][]time.Time {
	sort.Slice(ticks, func(i, j int) bool { return ticks[i].Before(ticks[j]) })
	if n <= 0 {
		n = 1
	}
	var out [][]time.Time
	for len(ticks) > n {
		out = append(out, ticks[:n:n])
		ticks = ticks[n:]
	}
	if len(ticks) > 0 {
		out = append(out, ticks)
	}
	return out
}
