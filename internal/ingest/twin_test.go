package ingest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A pipeline that was down for three days ends with what its uninterrupted twin has
// on Ethereum, and with its Solana ticks written down as lost.
func TestThreeDaysDownLeaveNoHoleOnEthereumAndSaySoOnSolana(t *testing.T) {
	t.Parallel()
	const period = 12 * time.Hour
	start := time.Date(2024, 3, 1, 0, 1, 0, 0, time.UTC)
	job := Job{Name: "state", Schedule: every(period), CatchUp: CatchUpAll, Max: 1000}
	w := newWorld(t, start)
	dir := t.TempDir()
	twin := w.open(t, filepath.Join(dir, "twin.duckdb"), "rocketpool", "marinade")
	down := w.open(t, filepath.Join(dir, "down.duckdb"), "rocketpool", "marinade")
	awake := func(at time.Time) bool {
		return at.Before(start.Add(24*time.Hour)) || !at.Before(start.Add(4*24*time.Hour))
	}
	lost := 0
	for at := start; at.Before(start.Add(5 * 24 * time.Hour)); at = at.Add(period) {
		w.set(t, at)
		if sum := twin.mustWake(t, job); !sum.OK() {
			t.Fatalf("%s: %+v", at, sum)
		}
		if awake(at) {
			if sum := down.mustWake(t, job); !sum.OK() {
				t.Fatalf("%s: %+v", at, sum)
			}
		} else {
			lost++
		}
	}
	want := twin.ask(t, ethereumFacts)
	if d := cmp.Diff(want, down.ask(t, ethereumFacts)); d != "" {
		t.Errorf("Ethereum (-twin +down):\n%s", d)
	}
	if len(want) < 200 {
		t.Errorf("the twin has only %d facts", len(want))
	}
	const ethereumTasks = `SELECT plugin, tick, state, anchor_height, anchor_hash, finality, rows FROM ingest_task WHERE chain_id = 'ethereum' ORDER BY ALL`
	if d := cmp.Diff(twin.ask(t, ethereumTasks), down.ask(t, ethereumTasks)); d != "" {
		t.Errorf("the ledger of Ethereum (-twin +down):\n%s", d)
	}
	const solanaTasks = `SELECT state, error_class, count(*), min(tick), max(tick) FROM ingest_task WHERE chain_id = 'solana' GROUP BY ALL ORDER BY ALL`
	if d := cmp.Diff([]string{
		"have | <nil> | 4 | 2024-03-01T00:00:00Z | 2024-03-05T12:00:00Z",
		"unrecoverable | unrecoverable | 6 | 2024-03-02T00:00:00Z | 2024-03-04T12:00:00Z",
	}, down.ask(t, solanaTasks)); d != "" || lost != 6 {
		t.Errorf("the ledger of Solana, %d wakes were missed:\n%s", lost, d)
	}
	for name, p := range map[string]*pipeline{"twin": twin, "down": down} {
		if rows := p.ask(t, doubled); len(rows) > 0 {
			t.Errorf("%s has facts twice: %v", name, rows)
		}
	}
}
