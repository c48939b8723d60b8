package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// planner is a runner that can only plan, on a new warehouse.
func planner(t *testing.T, now time.Time) *Runner {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Runner{Store: db, Now: func() time.Time { return now }}
}

func reader(name string, chain sdk.ChainID, past bool) *Plugin {
	return &Plugin{Binary: host.Binary{Name: name}, Description: sdk.Description{
		Name: name, Chains: []sdk.ChainNeed{{Chain: chain, ReadsPast: past, MaxAnchors: 50}},
	}}
}

// put writes a ledger row in a state.
func put(t *testing.T, r *Runner, key store.TaskKey, state string, finality sdk.Finality) {
	t.Helper()
	_, err := r.Store.Commit(t.Context(), store.TaskResult{KnownAt: key.Tick, Task: store.Task{
		TaskKey: key, State: state, RunID: "r", AnchorHeight: 1, AnchorTime: key.Tick, Finality: finality,
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheLedgerDecidesWhatABackfillReads(t *testing.T) {
	t.Parallel()
	r := planner(t, at(23, 30))
	job := Job{Name: "state", Schedule: every(time.Hour)}
	past, now := reader("past", "ethereum", true), reader("now", "solana", false)
	states := []string{"have", "partial", "failed", "due", "quarantined", "unrecoverable", "superseded", "have"}
	for i, state := range states {
		finality := sdk.Finalized
		if i == 7 {
			finality = sdk.Provisional
		}
		put(t, r, store.TaskKey{Job: "state", Plugin: "past", Chain: "ethereum", Tick: at(i, 0)}, state, finality)
		put(t, r, store.TaskKey{Job: "state", Plugin: "now", Chain: "solana", Tick: at(i, 0)}, state, finality)
	}
	hours := func(list ...int) (ticks []time.Time) {
		for _, h := range list {
			ticks = append(ticks, at(h, 0))
		}
		return ticks
	}
	for _, c := range []struct {
		name          string
		rng           Range
		plugin        *Plugin
		asked         int
		covered, lost int
		due           []time.Time
	}{
		{"what has its rows for good, or waits for a person, stays", Range{From: at(0, 0), To: at(8, 0)}, past, 9, 2, 0, hours(1, 2, 3, 5, 6, 7, 8)},
		{"everything is read when asked for", Range{From: at(0, 0), To: at(2, 0), Refetch: true}, past, 3, 0, 0, hours(0, 1, 2)},
		{"a step of its own", Range{From: at(0, 1), To: at(9, 0), Every: 4 * time.Hour}, past, 2, 1, 0, hours(8)},
		{"the future is not asked for", Range{From: at(22, 0), To: at(22, 0).Add(100 * time.Hour)}, past, 2, 0, 0, hours(22, 23)},
		{"without a past only the current tick can be read", Range{From: at(0, 0), To: at(23, 0)}, now, 24, 4, 19, hours(23)},
		{"and nothing again", Range{From: at(0, 0), To: at(1, 0), Refetch: true}, now, 2, 2, 0, nil},
		{"some tokens have a ledger of their own", Range{From: at(0, 0), To: at(3, 0), Tokens: []sdk.TokenID{"b", "a", "b"}}, past, 4, 0, 0, hours(0, 1, 2, 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := r.PlanBackfill(t.Context(), c.rng, []Job{job}, []*Plugin{c.plugin}, chains)
			if err != nil || len(plan.Stretches) != 1 {
				t.Fatalf("%+v, %v", plan, err)
			}
			s := plan.Stretches[0]
			if s.Asked != c.asked || s.Covered != c.covered || s.Lost != c.lost {
				t.Errorf("%d asked, %d covered, %d lost; want %d, %d, %d", s.Asked, s.Covered, s.Lost, c.asked, c.covered, c.lost)
			}
			if d := cmp.Diff(c.due, s.Due); d != "" {
				t.Error(d)
			}
			if want := map[bool]string{true: "state:a+b", false: "state"}[len(c.rng.Tokens) > 0]; s.Job != want {
				t.Errorf("the series is %s", s.Series)
			}
		})
	}
	plan, err := r.PlanBackfill(t.Context(), Range{From: at(0, 0), To: at(23, 0), Every: 24 * time.Hour}, []Job{job}, []*Plugin{reader("far", "base", true)}, chains)
	if err != nil || len(plan.Stretches) != 0 || len(plan.Skipped) != 1 {
		t.Errorf("a chain that is not configured: %+v, %v", plan, err)
	}
}

// A backfill of a stretch newer than all the ledger knows must not hide the ticks
// before it from the planner, nor may one of the past make everything since due.
func TestABackfillLeavesNoGapBehind(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	job := Job{Name: "state", Schedule: every(time.Hour), CatchUp: CatchUpAll, Max: 1000}
	plugins := []*Plugin{reader("past", "ethereum", true)}
	owed := func(r *Runner) (n int) {
		work, _, err := r.Due(ctx, []Job{job}, plugins, chains)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range work {
			n += len(w.Ticks)
		}
		return n
	}
	begin := func(r *Runner, from, to time.Time) {
		plan, err := r.PlanBackfill(ctx, Range{From: from, To: to}, []Job{job}, plugins, chains)
		if err == nil {
			err = r.BeginBackfill(ctx, plan)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range plan.Stretches {
			for _, tick := range s.Due {
				put(t, r, taskKey(s.Series, tick), "have", sdk.Finalized)
			}
		}
	}
	r := planner(t, at(20, 30))
	put(t, r, store.TaskKey{Job: "state", Plugin: "past", Chain: "ethereum", Tick: at(10, 0)}, "have", sdk.Finalized)
	begin(r, at(15, 0), at(16, 0))
	if n := owed(r); n != 8 {
		t.Errorf("%d ticks are owed; 11 to 14 and 17 to 20 are missing", n)
	}
	r = planner(t, at(20, 30))
	begin(r, at(1, 0), at(3, 0))
	if n := owed(r); n != 1 {
		t.Errorf("%d ticks are owed; the series begins with the current one", n)
	}
}

// A backfill with a step of its own must not pass for the schedule's ticks before it.
func TestABackfillBetweenTwoTicksHidesNone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	job := Job{Name: "state", Schedule: schedule.MustParse("45 * * * *", ""), CatchUp: CatchUpAll, Max: 1000}
	plugins := []*Plugin{reader("past", "ethereum", true)}
	r := planner(t, at(12, 3))
	r.Settle = map[sdk.ChainID]time.Duration{"ethereum": 20 * time.Minute}
	put(t, r, store.TaskKey{Job: "state", Plugin: "past", Chain: "ethereum", Tick: at(10, 45)}, "have", sdk.Finalized)
	plan, err := r.PlanBackfill(ctx, Range{From: at(9, 0), To: at(12, 3), Every: time.Hour}, []Job{job}, plugins, chains)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.BeginBackfill(ctx, plan); err != nil {
		t.Fatal(err)
	}
	s := plan.Stretches[0]
	if d := cmp.Diff([]time.Time{at(9, 0), at(10, 0), at(11, 0)}, s.Due); d != "" {
		t.Error(d)
	}
	if len(plan.Skipped) != 1 || !strings.Contains(plan.Skipped[0], "after 2026-03-01T11:43:00Z are left out (1)") {
		t.Errorf("what is left out: %q", plan.Skipped)
	}
	for _, tick := range s.Due {
		put(t, r, taskKey(s.Series, tick), "have", sdk.Finalized)
	}
	r.Now = func() time.Time { return at(12, 10) }
	work, _, err := r.Due(ctx, []Job{job}, plugins, chains)
	if err != nil || len(work) != 1 {
		t.Fatalf("%+v, %v", work, err)
	}
	if d := cmp.Diff([]time.Time{at(11, 45)}, work[0].Ticks); d != "" {
		t.Error(d)
	}
}

// A daemon does backfills for its user while its jobs go on.
func TestAJobLeavesAloneWhatABackfillInTheSameProcessReads(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 9, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, now)
	p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool")
	var due []int
	w.OnRequest(1, func() { // while the fetch of the backfill is under way
		work, _, err := p.Due(t.Context(), []Job{dailyJob()}, p.plugins, chains)
		if err != nil {
			t.Error(err)
		}
		for _, one := range work {
			for _, tick := range one.Ticks {
				due = append(due, tick.Day())
			}
		}
	})
	if _, sum, err := p.backfill(t.Context(), Range{From: now.AddDate(0, 0, -3), To: now.AddDate(0, 0, -1)}, dailyJob()); err != nil || !sum.OK() || len(sum.Outcomes) != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if d := cmp.Diff([]int{1}, due); d != "" { // today's
		t.Errorf("due meanwhile:\n%s", d)
	}
}

// Stopping a backfill costs what is in hand; the same command goes on.
func TestAStoppedBackfillGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 9, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, now)
	p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool")
	rng := Range{From: now.AddDate(0, 0, -120), To: now}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := 0
	p.Report = func(Outcome) {
		if done++; done == 50 { // the first fetch is stored; stop in the middle of the second
			w.OnRequest(1, cancel)
		}
	}
	if _, _, err := p.backfill(ctx, rng, dailyJob()); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped with %v", err)
	}
	states := p.ask(t, `SELECT state, count(*) FROM ingest_task GROUP BY 1 ORDER BY 1`)
	if d := cmp.Diff([]string{"due | 51", "have | 50"}, states); d != "" { // the fetch in hand, and today
		t.Error(d)
	}
	if got := p.ask(t, `SELECT status FROM ingest_run`); got[0] != "interrupted" {
		t.Errorf("the run is %s", got[0])
	}
	plan, sum, err := p.backfill(t.Context(), rng, dailyJob())
	if err != nil || !sum.OK() || plan.Stretches[0].Covered != 50 || len(sum.Outcomes) != 70 {
		t.Errorf("%d covered, %d read, %v", plan.Stretches[0].Covered, len(sum.Outcomes), err)
	}
}

// One request an anchor group, and the search for blocks once for all plugins.
func TestTheEstimateOfRequestsIsAboutRight(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 9, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, now)
	p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool", "chainlink")
	plan, sum, err := p.backfill(t.Context(), Range{From: now.AddDate(0, 0, -60), To: now}, dailyJob())
	if err != nil || !sum.OK() {
		t.Fatalf("%+v, %v", sum, err)
	}
	estimate := plan.Anchors["ethereum"]
	for _, s := range plan.Stretches {
		estimate += s.Requests
		if groups := (len(s.Due) + 49) / 50; s.Plugin == "rocketpool" && s.Requests != groups {
			t.Errorf("%s: %d requests for %d groups", s.Plugin, s.Requests, groups)
		}
	}
	if got := w.Requests(); got > estimate+1 || got < estimate/2 { // and one for the chain's identity
		t.Errorf("%d requests, %d were estimated", got, estimate)
	}
	spent := p.ask(t, `SELECT sum(requests)::BIGINT FROM ingest_task WHERE plugin = 'rocketpool'`)
	if spent[0] != fmt.Sprint(2) {
		t.Errorf("the ledger says %s requests of rocketpool", spent[0])
	}
	ticks, calls := 0, 0
	for _, o := range sum.Outcomes {
		if o.Plugin == "rocketpool" {
			ticks, calls = ticks+1, calls+o.Calls
		}
	}
	if calls < ticks || calls > 4*ticks { // each tick has its own block
		t.Errorf("%d calls for %d ticks of rocketpool", calls, ticks)
	}
}
