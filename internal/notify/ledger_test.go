package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// task writes the state of a tick of state/plugin/c; next says that it is tried
// again by itself.
func (s *setup) task(t *testing.T, plugin, state, class string, attempts int, tick time.Time, next bool) {
	t.Helper()
	var at any
	if next {
		at = tick.Add(time.Hour)
	}
	s.exec(t, `INSERT INTO ingest_task (job, plugin, chain_id, tick, state, attempts, next_try, error_class, error)
		VALUES ('state', $1, 'c', $2, $3, $4, $5, nullif($6, ''), nullif($6, ''))
		ON CONFLICT DO UPDATE SET state = excluded.state, attempts = excluded.attempts, next_try = excluded.next_try,
			error_class = excluded.error_class, error = excluded.error`, plugin, tick, state, attempts, at, class)
}

func TestTheLedgerSaysWhatFailsAndWhereEndpointsDisagree(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	task := func(plugin, state, class string, attempts int, tick time.Time) {
		t.Helper()
		s.task(t, plugin, state, class, attempts, tick, true)
	}
	task("once", "failed", "transient", 1, t0)
	task("twice", "failed", "transient", 2, t0)
	task("broken", "failed", "layout", 1, t0)
	task("quarrel", "failed", "disagreement", 1, t0)
	task("healed", "failed", "layout", 3, t0.Add(-time.Hour))
	task("healed", "have", "", 1, t0)
	task("ancient", "failed", "layout", 3, t0.AddDate(0, -3, 0))
	want := []string{"disagreement state/quarrel/c begun", "failed state/broken/c begun", "failed state/twice/c begun"}
	if diff := cmp.Diff(want, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
	s.exec(t, `UPDATE ingest_task SET state = 'have', error = NULL, error_class = NULL`)
	want = []string{"disagreement state/quarrel/c resolved", "failed state/broken/c resolved", "failed state/twice/c resolved"}
	if diff := cmp.Diff(want, s.step(t, time.Minute)); diff != "" {
		t.Error(diff)
	}
}

func TestAFailureIsOverOnceATickHasItsRows(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	at := func(hour int) time.Time { return t0.Add(time.Duration(hour-10) * time.Hour) }
	for _, c := range []struct {
		name     string
		hour     int
		state    string
		class    string
		attempts int
		next     bool
		want     []string
	}{
		{"a first stumble says nothing", 0, "failed", "transient", 1, true, []string{}},
		{"a second is told", 0, "failed", "transient", 2, true, []string{"failed state/p/c begun"}},
		{"a third try that runs ends nothing", 0, "running", "transient", 2, false, []string{}},
		{"nor does giving up", 0, "failed", "transient", 3, false, []string{}},
		{"nor the next tick when it is due", 1, "due", "", 0, false, []string{}},
		{"when it runs", 1, "running", "", 0, false, []string{}},
		{"when it has failed once", 1, "failed", "transient", 1, true, []string{}},
		{"or brought some rows", 1, "partial", "transient", 2, true, []string{}},
		{"or is missed for ever", 1, "unrecoverable", "unrecoverable", 2, false, []string{}},
		{"a tick with its rows does, and leaves a hole", 2, "have", "", 1, false, []string{"failed state/p/c resolved", "failed state/p/c/holes begun"}},
		{"which later ticks do not close", 3, "have", "", 1, false, []string{}},
		{"nor does trying it again", 0, "running", "transient", 3, false, []string{}},
		{"in vain", 0, "failed", "transient", 4, false, []string{}},
		{"a tick read again to be final is none", 3, "running", "", 1, false, []string{}},
		{"and stays", 3, "have", "", 2, false, []string{}},
		{"a new failure is told beside the hole", 4, "failed", "layout", 1, true, []string{"failed state/p/c begun"}},
		{"and is over by itself, while what was tried for hours is a hole like one given up", 0, "failed", "transient", 5, true, []string{}},
		{"with its rows", 4, "have", "", 2, false, []string{"failed state/p/c resolved"}},
		{"the hole is closed by its rows", 0, "have", "", 5, false, []string{"failed state/p/c/holes resolved"}},
		{"two endpoints that disagree are told", 5, "failed", "disagreement", 1, true, []string{"disagreement state/p/c begun"}},
		{"a disagreement is not over because it is asked again", 5, "running", "disagreement", 1, false, []string{}},
		{"or because the next tick stumbles otherwise", 6, "failed", "transient", 1, true, []string{}},
		{"nor by a later tick's rows while it is asked", 6, "have", "", 2, false, []string{}},
		{"but once that has ended", 5, "have", "", 2, false, []string{"disagreement state/p/c resolved"}},
	} {
		s.task(t, "p", c.state, c.class, c.attempts, at(c.hour), c.next)
		if diff := cmp.Diff(c.want, s.step(t, time.Second)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestAHoleIsClosedByAPersonsWord(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"unrecoverable", "superseded"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.task(t, "p", "failed", "layout", 5, t0.AddDate(-1, 0, 0), false) // however old
			s.task(t, "p", "failed", "layout", 5, t0.Add(-3*time.Hour), false)
			s.task(t, "p", "have", "", 1, t0.Add(-time.Hour), false)
			if diff := cmp.Diff([]string{"failed state/p/c/holes begun"}, s.step(t, time.Second)); diff != "" {
				t.Error(diff)
			}
			if got, want := s.inbox.got[0].Detail, "2 ticks from 2025-03-01 12:00 to 2026-03-01 09:00 are missing though later ones are there, the newest: layout (pipeline run --retry)"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			s.task(t, "p", end, end, 5, t0.AddDate(-1, 0, 0), false)
			s.task(t, "p", end, end, 5, t0.Add(-3*time.Hour), false)
			if diff := cmp.Diff([]string{"failed state/p/c/holes resolved"}, s.step(t, time.Second)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
