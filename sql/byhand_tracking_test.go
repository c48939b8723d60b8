package sql_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// real is a figure made with logarithms and roots, as near as a double holds it.
func real(f float64) about {
	return about{rat(f), add(rat(math.Abs(f)), one)}
}

// Week by week against the chain's own rate: tracking by hand. The chain's index
// grows, from one reading of its yearly rate to the next, by that rate alone.
func TestTrackingByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		if _, err := s.DB().Exec(`INSERT OR IGNORE INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at)
			VALUES ('eth-bench', 'n', 'ethereum', 'BENCH', 'ETH', 'benchmark', 86400, 259200, 'test', '2020-01-01')`); err != nil {
			t.Fatalf("%v", err)
		}
		var p past
		for _, token := range []string{"a", "w", "b", "c"} {
			p = append(p, rateReadings(t, token, 50)...)
		}
		p = append(p, levels(t, "benchmark_apr", "eth-bench", rapid.SampledFrom([]int{50, 8}).Draw(t, "of the chain"), 0, 0.1)...)
		put(t, s, p)
		w := drawSpan(t)
		w.hi = w.lo.AddDate(0, 0, rapid.IntRange(7, 60).Draw(t, "days"))
		chain := p.series("benchmark_apr", "eth-bench", w.since())
		index := []point{}
		for i, q := range chain {
			at := point{ts: q.ts, value: one}
			if i > 0 {
				years := quo(historytest.Seconds(q.ts.Sub(chain[i-1].ts)), big.NewRat(31536000, 1))
				at.value = mul(index[i-1].value, add(one, mul(chain[i-1].value, years)))
			}
			index = append(index, at)
		}
		var want [][]any
		for _, token := range []string{"a", "b"} {
			rates := p.rates(token, w.since())
			var differences []float64
			var before *big.Rat
			for d := w.lo; !d.After(w.hi); d = d.AddDate(0, 0, 7) {
				beside := over(level(rates, d, carried[token]), level(index, d, 3*day))
				if ratio := over(beside, before); ratio != nil {
					differences = append(differences, math.Log(historytest.Float(ratio)))
				}
				before = beside
			}
			mean, spread := 0.0, 0.0
			for _, x := range differences {
				mean += x / float64(len(differences))
			}
			for _, x := range differences {
				spread += (x - mean) * (x - mean) / float64(len(differences)-1)
			}
			row := []any{token, len(differences), nil, nil}
			if len(differences) > 0 {
				row[2] = real(1e4 * mean * 365 / 7)
			}
			if len(differences) > 1 {
				row[3] = real(1e4 * math.Sqrt(spread) * math.Sqrt(365/7.0))
			}
			if within := slices.ContainsFunc(index, func(q point) bool { return q.ts.After(w.lo.Add(-45 * day)) }); within {
				want = append(want, row)
			}
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, weeks, tracking_diff_bps, tracking_error_bps FROM tracking('%s', '%s', kt := '%s') ORDER BY 1`,
			stamp(w.lo), stamp(w.hi), stamp(w.known)), want)
	})
}
