package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func hours(n int) []TaskKey {
	keys := make([]TaskKey, n)
	for i := range keys {
		keys[i] = TaskKey{Job: "hourly", Plugin: "lido", Chain: "ethereum", Tick: t0.Add(time.Duration(i) * time.Hour)}
	}
	return keys
}

func states(t *testing.T, s *Store, f TaskFilter) []string {
	t.Helper()
	tasks, err := s.Tasks(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, task := range tasks {
		list = append(list, task.Tick.Format("15h ")+task.State)
	}
	return list
}

func TestTheLedgerTakesATaskFromDueToItsEnd(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	ctx := t.Context()
	keys := hours(5)
	run, err := s.StartRun(ctx, "run", "dev", t0)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{5, 0} {
		added, err := s.PutTasks(ctx, append(keys, keys[0]))
		if err != nil || added != want {
			t.Fatalf("put %d: %d added, %v", i, added, err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if taken, err := s.MarkRunning(ctx, keys[:4], run, t0); err != nil || len(taken) != 4 {
		t.Fatalf("%v were taken, %v", taken, err)
	}
	res := result(keys[0].Tick, 2)
	res.Task.RunID, res.Task.Requests = run, 9
	mustCommit(t, s, res)
	backoff := func(attempts int) time.Duration { return time.Duration(attempts) * time.Minute }
	must(s.FailTask(ctx, keys[1], run, StateFailed, sdk.KindTransient, "endpoint public: timeout", t0, backoff))
	must(s.FailTask(ctx, keys[1], run, StateFailed, sdk.KindTransient, "endpoint public: timeout", t0, backoff))
	must(s.MarkUnrecoverable(ctx, []TaskKey{keys[2], keys[0]}, run, "the slot is gone", t0)) // keys[0] has its rows already
	must(s.CloseTasks(ctx, []TaskKey{{Job: "new", Plugin: "lido", Chain: "ethereum", Tick: t0.Add(-time.Hour)}}, run, StateSuperseded, "", "catch-up takes the last only", t0))

	if diff := cmp.Diff([]string{"11h superseded", "12h have", "13h failed", "14h unrecoverable", "15h running", "16h due"}, states(t, s, TaskFilter{})); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		name string
		f    TaskFilter
		want []string
	}{
		{"by state", TaskFilter{States: []string{StateDue, StateFailed}}, []string{"13h failed", "16h due"}},
		{"by next try, too early", TaskFilter{States: []string{StateDue, StateFailed}, TryBy: t0.Add(time.Minute)}, []string{"16h due"}},
		{"by next try", TaskFilter{States: []string{StateDue, StateFailed}, TryBy: t0.Add(2 * time.Minute)}, []string{"13h failed", "16h due"}},
		{"by job", TaskFilter{Job: "new"}, []string{"11h superseded"}},
		{"by time", TaskFilter{From: keys[1].Tick, To: keys[2].Tick}, []string{"13h failed", "14h unrecoverable"}},
		{"newest first", TaskFilter{Newest: true, Limit: 2}, []string{"16h due", "15h running"}},
		{"by finality and chain", TaskFilter{Finality: sdk.Finalized, Chain: "ethereum", Plugin: "lido"}, []string{"12h have"}},
		{"by another chain", TaskFilter{Chain: "solana"}, []string{}},
		{"by run", TaskFilter{RunID: run, Job: "hourly"}, []string{"12h have", "13h failed", "14h unrecoverable", "15h running"}},
	} {
		if diff := cmp.Diff(tc.want, states(t, s, tc.f)); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}

	tasks, err := s.Tasks(ctx, TaskFilter{From: keys[0].Tick, To: keys[1].Tick})
	must(err)
	want := []Task{
		{
			TaskKey: keys[0], State: StateHave, Attempts: 1, RunID: run, AnchorHeight: 19_000_000, AnchorTime: t0,
			Finality: sdk.Finalized, Rows: 2, Requests: 9,
		},
		{
			TaskKey: keys[1], State: StateFailed, Attempts: 2, NextTry: t0.Add(2 * time.Minute), ErrorClass: sdk.KindTransient,
			Error: "endpoint public: timeout", RunID: run, StartedAt: t0, EndedAt: t0,
		},
	}
	if diff := cmp.Diff(want, tasks); diff != "" {
		t.Error(diff)
	}

	must(s.EndRun(ctx, run, RunPartial, errors.New("one tick failed"), t0.Add(time.Minute)))
	got := rows(t, s, "SELECT command, ended_at, status, tasks, tasks_ok, rows, rejects, error, version FROM ingest_run")
	if diff := cmp.Diff([]string{"run | 2024-03-01T12:01:00Z | partial | 3 | 1 | 2 | 0 | one tick failed | dev"}, got); diff != "" {
		t.Error(diff)
	}
	if err := s.EndRun(ctx, "nobody", RunOK, nil, t0); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("ending a run that is not there: %v", err)
	}
	if err := s.CloseTasks(ctx, keys, run, StateSuperseded, "", "", t0); err == nil {
		t.Error("a task was closed without a reason")
	}
}

func TestWhatALiveRunHasInHandIsNotTakenFromIt(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	ctx := t.Context()
	keys := hours(3)
	start := func() string {
		run, err := s.StartRun(ctx, "run", "dev", t0)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	take := func(run string, keys ...TaskKey) (ticks []int) {
		taken, err := s.MarkRunning(ctx, keys, run, t0)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range taken {
			ticks = append(ticks, k.Tick.Hour())
		}
		return ticks
	}
	backfill, daemon := start(), start()
	got := [][]int{take(backfill, keys[0], keys[1]), take(daemon, keys...)}
	if err := s.EndRun(ctx, backfill, RunInterrupted, nil, t0); err != nil {
		t.Fatal(err)
	}
	got = append(got, take(daemon, keys[0])) // left behind
	if diff := cmp.Diff([][]int{{12, 13}, {14}, {12}}, got); diff != "" {
		t.Error(diff)
	}
}
