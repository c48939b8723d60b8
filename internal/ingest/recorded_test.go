package ingest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// shelve opens a gateway to Solana that records into a folder, or replays it.
func (w *world) shelve(t *testing.T, record, replay string) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(gateway.Options{
		Now: w.clock.now, Attempts: 1, PresentGrace: 366 * 24 * time.Hour, Record: record, Replay: replay,
		Chains: []gateway.Chain{{ID: "solana", Kind: gateway.Solana, Endpoints: []gateway.Endpoint{{Alias: "sol", URL: w.SolanaURL}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestAPastTickOfSolanaIsReadFromARecording(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	hour := func(h int) time.Time { return day.Add(time.Duration(h) * time.Hour) }
	dir, folder := t.TempDir(), t.TempDir()
	job := Job{Name: "state", Schedule: every(time.Hour), CatchUp: CatchUpAll, Max: 1000, Attempts: 1}
	w := newWorld(t, hour(11).Add(20*time.Minute))
	elsewhere := w.open(t, filepath.Join(dir, "elsewhere.duckdb"), "marinade")
	elsewhere.Gateway, elsewhere.Recording = w.shelve(t, folder, ""), true
	for _, h := range []int{11, 12} {
		w.set(t, hour(h).Add(20*time.Minute))
		if sum := elsewhere.mustWake(t, job); !sum.OK() || len(sum.Outcomes) != 1 {
			t.Fatalf("%+v", sum)
		}
	}
	const facts = `SELECT metric_id, token_id, ts, value_exact::VARCHAR, height FROM metric_now WHERE basis = 'onchain' AND ts < '2024-03-01 13:00' ORDER BY ALL`
	const ledger = `SELECT hour(tick) || 'h ' || state, anchor_ts FROM ingest_task ORDER BY tick`
	want := []string{"11h have | 2024-03-01T11:20:00Z", "12h have | 2024-03-01T12:20:00Z", "13h unrecoverable | <nil>", "14h have | 2024-03-01T14:20:00Z"}

	w.set(t, hour(10).Add(20*time.Minute))
	down := w.open(t, filepath.Join(dir, "down.duckdb"), "marinade")
	asked := w.open(t, filepath.Join(dir, "asked.duckdb"), "marinade")
	shelf := w.shelve(t, "", folder)
	down.Recordings = map[sdk.ChainID]Recordings{"solana": shelf}
	asked.Recordings = down.Recordings
	down.mustWake(t, job)

	w.set(t, hour(14).Add(20*time.Minute))
	var order []int
	down.Report = func(o Outcome) { order = append(order, o.Tick.Hour()) }
	if sum := down.mustWake(t, job); !sum.OK() {
		t.Fatalf("%+v", sum)
	}
	if d := cmp.Diff(append([]string{"10h have | 2024-03-01T10:20:00Z"}, want...), down.ask(t, ledger)); d != "" {
		t.Errorf("caught up:\n%s", d)
	}
	if d := cmp.Diff([]int{14, 11, 12}, order); d != "" {
		t.Errorf("the tick that can be read only now is not the first:\n%s", d)
	}
	if work, _, err := down.Due(t.Context(), []Job{job}, down.plugins, chains); err != nil || len(work) != 0 {
		t.Errorf("due again: %+v, %v", work, err)
	}

	plan, sum, err := asked.backfill(t.Context(), Range{From: hour(11), To: hour(14)}, job)
	if err != nil || !sum.OK() {
		t.Fatalf("%+v, %v", sum, err)
	}
	if s := plan.Stretches[0]; len(s.Due) != 3 || s.Lost != 1 || s.Requests != 1 {
		t.Errorf("%d to read in %d requests, %d lost; want 11, 12 and, from the chain, 14", len(s.Due), s.Requests, s.Lost)
	}
	if d := cmp.Diff(want, asked.ask(t, ledger)); d != "" {
		t.Errorf("backfill:\n%s", d)
	}
	if d := cmp.Diff(elsewhere.ask(t, facts), asked.ask(t, facts)); d != "" || len(elsewhere.ask(t, facts)) == 0 {
		t.Errorf("what was recorded and what was read from it (-recorded +read):\n%s", d)
	}
}
