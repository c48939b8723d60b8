package ingest

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// What a wrong clock has written must not cost a tick, and a machine that slept has
// every tick in its ledger.
func TestAWrongClockCostsNoTick(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	hm := func(h, m int) time.Time {
		return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
	}
	type look struct{ true, clock time.Time }
	right := func(h, m int) look { return look{hm(h, m), hm(h, m)} }
	for _, c := range []struct {
		name             string
		looks            []look
		ethereum, solana []string
	}{
		{
			"ahead for one look", []look{right(10, 20), {hm(10, 25), hm(13, 25)}, right(11, 20), right(12, 20), right(13, 20)},
			[]string{"10h have 09:59", "11h have 10:59", "12h have 11:59", "13h have 12:59"},
			[]string{"10h have 10:20", "11h have 11:20", "12h have 12:20", "13h have 13:20"},
		},
		{
			"ahead at the first look", []look{{hm(10, 20), hm(15, 20)}, right(10, 21), right(11, 20)},
			[]string{"10h have 09:59", "11h have 10:59"},
			[]string{"10h have 10:21", "11h have 11:20"},
		},
		{
			"behind for one look", []look{right(8, 20), right(10, 20), {hm(10, 25), hm(9, 25)}, right(11, 20)},
			[]string{"8h have 07:59", "9h have 08:59", "10h have 09:59", "11h have 10:59"},
			[]string{"8h have 08:20", "9h unrecoverable", "10h have 10:20", "11h have 11:20"},
		},
		{
			"behind all that was read", []look{right(8, 20), right(10, 20), {hm(10, 25), hm(5, 25)}, right(11, 20)},
			[]string{"8h have 07:59", "9h have 08:59", "10h have 09:59", "11h have 10:59"},
			[]string{"8h have 08:20", "9h unrecoverable", "10h have 10:20", "11h have 11:20"},
		},
		{
			"a machine that slept", []look{right(10, 20), right(13, 20)},
			[]string{"10h have 09:59", "11h have 10:59", "12h have 11:59", "13h have 12:59"},
			[]string{"10h have 10:20", "11h unrecoverable", "12h unrecoverable", "13h have 13:20"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.looks[0].true)
			truth := &clock{}
			w.Ethereum.Now = truth.now // the chains know what time it is
			p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool", "marinade")
			job := Job{Name: "state", Schedule: every(time.Hour), CatchUp: CatchUpAll, Max: 1000, Attempts: 2}
			for _, l := range c.looks {
				truth.set(l.true)
				w.Solana.SetState(chaintest.SolanaState(t, l.true))
				w.clock.set(l.clock)
				p.mustWake(t, job)
			}
			ledger := func(chain string) []string {
				return p.ask(t, `SELECT concat_ws(' ', hour(tick) || 'h', state, strftime(anchor_ts, '%H:%M')) FROM ingest_task WHERE chain_id = '`+chain+`' ORDER BY tick`)
			}
			if d := cmp.Diff(c.ethereum, ledger("ethereum")); d != "" {
				t.Errorf("ethereum (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.solana, ledger("solana")); d != "" {
				t.Errorf("solana (-want +got):\n%s", d)
			}
		})
	}
}

// An Ethereum tick that has not come fails as often as a wrong clock asks for it, and
// then starts afresh.
func TestTriesBeforeTheTickDoNotCount(t *testing.T) {
	t.Parallel()
	r := planner(t, at(10, 30))
	r.Log = slog.New(slog.DiscardHandler)
	job := Job{Name: "state", Schedule: every(time.Hour), CatchUp: CatchUpAll, Attempts: 1}
	put(t, r, store.TaskKey{Job: "state", Plugin: "past", Chain: "ethereum", Tick: at(9, 0)}, store.StateHave, sdk.Finalized)
	ahead := store.TaskKey{Job: "state", Plugin: "past", Chain: "ethereum", Tick: at(11, 0)}
	if err := r.Store.FailTask(t.Context(), ahead, "", store.StateFailed, sdk.KindInternal, "no such block", at(11, 5), nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now time.Time
		due []time.Time
	}{{at(10, 30), []time.Time{at(10, 0)}}, {at(11, 30), []time.Time{at(10, 0), at(11, 0)}}} {
		r.Now = func() time.Time { return c.now }
		work, _, err := r.Due(t.Context(), []Job{job}, []*Plugin{reader("past", "ethereum", true)}, chains)
		if err != nil || len(work) != 1 {
			t.Fatalf("%+v, %v", work, err)
		}
		if d := cmp.Diff(c.due, work[0].Ticks); d != "" {
			t.Errorf("at %s: %s", c.now, d)
		}
	}
}
