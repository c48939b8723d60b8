package ingest

import (
	"context"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// hasty gives anchors that are not final and will be replaced: blocks too early.
type hasty struct {
	*gateway.Gateway
	early uint64 // by how many blocks
}

func (h hasty) Anchors(ctx context.Context, chain sdk.ChainID, ticks []time.Time) ([]sdk.Anchor, []error) {
	anchors, errs := h.Gateway.Anchors(ctx, chain, ticks)
	for i := range anchors {
		b := chaintest.BlockAt(anchors[i].Time.Add(-time.Duration(h.early) * 12 * time.Second))
		anchors[i].Height, anchors[i].Hash, anchors[i].Time, anchors[i].Finality = anchors[i].Height-h.early, b.Hash(), b.Time, sdk.Provisional
	}
	return anchors, errs
}

// teachPool makes a value of the deposit pool that differs from block to block.
func teachPool(w *world) {
	w.Ethereum.At(chaintest.PoolBalance, func(b chaintest.Block) []any {
		return []any{new(big.Int).Mul(big.NewInt(int64(b.Number%1000)+1000), big.NewInt(1e18))}
	})
}

func TestWhatWasReadBeforeFinalityIsReadAgainAndCorrected(t *testing.T) {
	t.Parallel()
	tick := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	job := dailyJob()
	job.Schedule = every(12 * time.Hour)
	w := newWorld(t, tick.Add(20*time.Minute))
	teachPool(w)
	p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool")
	p.Gateway = hasty{p.gate, 3}
	if sum := p.mustWake(t, job); !sum.OK() {
		t.Fatalf("%+v", sum)
	}
	const ledger = `SELECT state, finality, anchor_ts, attempts FROM ingest_task`
	if d := cmp.Diff([]string{"have | provisional | 2024-03-01T11:59:23Z | 1"}, p.ask(t, ledger)); d != "" {
		t.Fatal(d)
	}
	before := p.ask(t, `SELECT count(*) FROM metric_now WHERE finality = 'provisional' OR basis = 'derived'`)

	// It is too early to ask again ...
	w.clock.set(tick.Add(19 * time.Minute))
	if work, _, err := p.Due(t.Context(), []Job{job}, p.plugins, chains); err != nil || len(work) != 0 {
		t.Fatalf("%v, %v", work, err)
	}
	// ... and now it is not: the tick has another block.
	w.clock.set(tick.Add(time.Hour))
	p.Gateway = p.gate
	work, _, err := p.Due(t.Context(), []Job{job}, p.plugins, chains)
	if err != nil || len(work) != 1 || !work[0].Again {
		t.Fatalf("%+v, %v", work, err)
	}
	if sum, err := p.Run(t.Context(), "run", p.plugins, work); err != nil || !sum.OK() {
		t.Fatalf("%+v, %v", sum, err)
	}
	if d := cmp.Diff([]string{"have | finalized | 2024-03-01T11:59:59Z | 2"}, p.ask(t, ledger)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2024-03-01T11:59:59Z"}, p.ask(t, `SELECT DISTINCT ts FROM metric_now`)); d != "" {
		t.Errorf("facts of a block that the tick does not have still stand:\n%s", d)
	}
	gone := p.ask(t, `SELECT count(*), any_value(reason) FROM fact_metric WHERE quality = 'retracted'`)[0]
	if n, reason, _ := strings.Cut(gone, " | "); n != before[0] || !strings.Contains(reason, "before it was final; the tick's final block is") {
		t.Errorf("retracted: %s; there were %s", gone, before[0])
	}
	for table, key := range map[string]string{"fact_price": "venue", "fact_exit_quote": "route, size_native"} {
		if rows := p.ask(t, `SELECT * FROM `+table+` WHERE ts < '2024-03-01 11:59:59'
			QUALIFY row_number() OVER (PARTITION BY `+key+` ORDER BY known_at DESC) = 1 AND quality <> 'retracted'`); len(rows) > 0 {
			t.Errorf("%s still holds %v", table, rows)
		}
	}
	if work, _, err := p.Due(t.Context(), []Job{job}, p.plugins, chains); err != nil || len(work) != 0 {
		t.Errorf("what is final is read again: %v, %v", work, err)
	}
}

func TestAPartialTickThatWasGivenUpBecomesFinalOnce(t *testing.T) {
	t.Parallel()
	r := planner(t, at(12, 30))
	key := store.TaskKey{Job: "state", Plugin: "past", Chain: "ethereum", Tick: at(12, 0)}
	if _, err := r.Store.Commit(t.Context(), store.TaskResult{KnownAt: at(12, 1), Task: store.Task{
		TaskKey: key, State: store.StatePartial, ErrorClass: sdk.KindLayout, Error: "a pool has another layout", RunID: "r",
		AnchorHeight: 1, AnchorTime: at(11, 59), Finality: sdk.Provisional,
	}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		attempts int
		retry    bool
		again    bool
	}{
		{"one that was given up is read again like any other", 1, false, true},
		{"one that is tried again is not read twice", 2, false, false},
		{"nor one that a person has tried again", 1, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := Job{Name: "state", Schedule: every(time.Hour), Attempts: c.attempts, Retry: c.retry}
			work, _, err := r.Due(t.Context(), []Job{job}, []*Plugin{reader("past", "ethereum", true)}, chains)
			if err != nil || len(work) != 1 || work[0].Again != c.again || len(work[0].Ticks) != 1 {
				t.Errorf("%+v, %v", work, err)
			}
		})
	}
}

func TestAProvisionalFactThatStaysTheSameBecomesFinal(t *testing.T) {
	t.Parallel()
	tick := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	job := dailyJob()
	job.Schedule = every(12 * time.Hour)
	w := newWorld(t, tick.Add(time.Minute))
	p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool")
	p.Settle = nil // nobody waits until the block is final
	p.mustWake(t, job)
	const ledger = `SELECT tick, state, finality, anchor_ts FROM ingest_task`
	if d := cmp.Diff([]string{"2024-03-01T12:00:00Z | have | provisional | 2024-03-01T11:59:59Z"}, p.ask(t, ledger)); d != "" {
		t.Fatal(d)
	}
	w.clock.set(tick.Add(time.Hour))
	// One value was another before the chain settled.
	w.Ethereum.Answer(chaintest.PoolBalance, big.NewInt(77e17))
	if sum := p.mustWake(t, job); !sum.OK() || len(sum.Outcomes) != 1 {
		t.Fatalf("%+v", sum)
	}
	if rows := p.ask(t, `SELECT metric_id FROM metric_now WHERE finality <> 'finalized' OR quality = 'retracted'`); len(rows) > 0 {
		t.Errorf("not final: %v", rows)
	}
	got := p.ask(t, `SELECT metric_id, reason FROM metric_now WHERE metric_id IN ('exchange_rate', 'lst_supply') OR reason LIKE '%was 5%' ORDER BY 1`)
	if d := cmp.Diff([]string{
		"exchange_rate | restated: was provisional", "lst_supply | restated: was provisional",
	}, got); d != "" {
		t.Error(d)
	}
	// A third reading finds nothing new.
	before := p.ask(t, `SELECT count(*) FROM fact_metric`)
	if _, sum, err := p.backfill(t.Context(), Range{From: tick, To: tick, Refetch: true}, job); err != nil || !sum.OK() || len(sum.Outcomes) != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if d := cmp.Diff(before, p.ask(t, `SELECT count(*) FROM fact_metric`)); d != "" {
		t.Error(d)
	}
}
