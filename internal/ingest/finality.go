package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// finalAfter is how old a provisional anchor must be to be asked for again: by then
// every chain that reaches finality at all has. An anchor that still is provisional
// stays so in the ledger, and the tick is looked at again.
const finalAfter = 20 * time.Minute

// provisional lists the ticks of a series that were read before finality and can
// now be read again. Partial ones are tried again anyway until they are given up.
func (r *Runner) provisional(ctx context.Context, series Series, job Job, need sdk.ChainNeed, now time.Time) ([]time.Time, error) {
	if !need.ReadsPast {
		return nil, nil // the value of that moment is gone, and the row says what it is
	}
	tasks, err := r.Store.Tasks(ctx, store.TaskFilter{
		Job: series.Job, Plugin: series.Plugin, Chain: series.Chain, Finality: sdk.Provisional, TryBy: now,
		States: []string{store.StateHave, store.StateQuarantined, store.StatePartial},
	})
	if err != nil {
		return nil, err
	}
	var ticks []time.Time
	for _, t := range tasks {
		open := t.State == store.StatePartial && (job.Retry || !givenUp(job.Attempts, t.Attempts, t.ErrorClass))
		if !open && now.Sub(t.AnchorTime) >= finalAfter {
			ticks = append(ticks, t.Tick)
		}
	}
	return ticks, nil
}

// correct adds to results what they take back: the facts of a block that the task
// read before finality and that is no longer its anchor. Facts that the new block
// has under the same key become new versions by themselves.
func (r *Runner) correct(ctx context.Context, w Work, results []store.TaskResult) error {
	if len(results) == 0 {
		return nil
	}
	tasks, err := r.Store.Tasks(ctx, store.TaskFilter{
		Job: w.Job, Plugin: w.Plugin, Chain: w.Chain, Finality: sdk.Provisional,
		From: results[0].Task.Tick, To: results[len(results)-1].Task.Tick,
	})
	if err != nil {
		return err
	}
	before := map[time.Time]store.Task{}
	for _, t := range tasks {
		before[t.Tick.UTC()] = t
	}
	for i := range results {
		res := &results[i]
		old, ok := before[res.Task.Tick.UTC()]
		if !ok || old.AnchorHeight == res.Task.AnchorHeight && old.AnchorHash == res.Task.AnchorHash {
			continue
		}
		reason := fmt.Sprintf("read at block %d (%s) before it was final; the tick's final block is %d (%s)",
			old.AnchorHeight, old.AnchorHash, res.Task.AnchorHeight, res.Task.AnchorHash)
		gone, err := r.Store.Retractions(ctx, w.Plugin, w.Chain,
			sdk.Position{Height: old.AnchorHeight, Hash: old.AnchorHash, Time: old.AnchorTime}, reason)
		if err != nil {
			return err
		}
		res.Metrics = append(res.Metrics, unless(gone.Metrics, res.Metrics, metricKey)...)
		res.Prices = append(res.Prices, unless(gone.Prices, res.Prices, priceKey)...)
		res.Quotes = append(res.Quotes, unless(gone.Quotes, res.Quotes, quoteKey)...)
	}
	return nil
}

// unless drops the facts whose key one of the others has.
func unless[F any](facts, others []F, key func(F) string) []F {
	taken := map[string]bool{}
	for _, f := range others {
		taken[key(f)] = true
	}
	var left []F
	for _, f := range facts {
		if !taken[key(f)] {
			left = append(left, f)
		}
	}
	return left
}

func metricKey(f transforms.MetricFact) string {
	return fmt.Sprint(f.Metric, "|", f.Token, "|", f.TS.UnixMicro(), "|", f.Basis)
}

func priceKey(f transforms.PriceFact) string {
	return fmt.Sprint(f.Base, "|", f.Quote, "|", f.Venue, "|", f.TS.UnixMicro())
}

func quoteKey(f transforms.ExitQuote) string {
	size, _ := f.Size.Float64() // as the warehouse keys it
	return fmt.Sprint(f.Token, "|", f.Route, "|", size, "|", f.TS.UnixMicro())
}
