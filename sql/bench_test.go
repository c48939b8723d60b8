package sql_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// yearly is one row of a benchmark: a rate from ts on, or, with a period, of the
// time that ends at ts.
type yearly struct {
	ts     time.Time
	apr    *big.Rat
	period bool
}

// grown is the growth factor of a benchmark from one moment to another, in
// rationals: simple inside a row, compounding at each. NULL (nil) before the first
// row and more than stale after the last.
func grown(rows []yearly, from, to time.Time, stale time.Duration) *big.Rat {
	if from.Before(rows[0].ts) || to.After(rows[len(rows)-1].ts.Add(stale)) {
		return nil
	}
	index := func(at time.Time) *big.Rat {
		level := one
		for i, r := range rows {
			if r.ts.After(at) {
				break
			}
			until, apr := at, r.apr
			if i+1 < len(rows) {
				if next := rows[i+1]; next.period {
					apr = next.apr
				}
				if rows[i+1].ts.Before(at) {
					until = rows[i+1].ts
				}
			}
			years := big.NewRat(int64(until.Sub(r.ts)/time.Second), 31536000)
			level = mul(level, add(one, mul(apr, years)))
		}
		return level
	}
	return quo(index(to), index(from))
}

// Capture compares a token with its chain over exactly the token's own time,
// whatever the chain's rate did then and whenever it was read.
func TestTheBenchmarkGrowsOverExactlyTheTokensTime(t *testing.T) {
	t.Parallel()
	s := open(t)
	const tokens = 12
	var ids []string
	for i := range tokens {
		ids = append(ids, fmt.Sprintf("('t%d', 'p', 'ethereum', 'T', 'ETH', 'exchange_rate', 86400, 259200, 'test', '2020-01-01')", i))
	}
	exec(t, s, `INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at) VALUES
		('bench', 'n', 'ethereum', 'B', 'ETH', 'benchmark', 86400, 259200, 'test', '2020-01-01'), `+strings.Join(ids, ","))
	hours := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	rapid.Check(t, func(t *rapid.T) {
		var rows []yearly
		values := []string{}
		at := 100
		for range rapid.IntRange(1, 20).Draw(t, "rows") {
			r := yearly{hours(at), big.NewRat(int64(rapid.IntRange(0, 1000).Draw(t, "apr in bps of a percent")), 10000), rapid.Bool().Draw(t, "period")}
			rows = append(rows, r)
			f, _ := r.apr.Float64()
			period := "NULL"
			if r.period {
				period = "'" + stamp(r.ts.Add(-time.Hour)) + "'"
			}
			values = append(values, fmt.Sprintf("('benchmark_apr', 'bench', '%s', %s, %.17g, 'ok', 'onchain', '%[1]s', 'r', 't@1')", stamp(r.ts), period, f))
			at += rapid.IntRange(1, 100).Draw(t, "gap")
		}
		type span struct{ from, to time.Time }
		var spans []span
		for i := range tokens {
			from := rapid.IntRange(50, at).Draw(t, "from")
			to := from + rapid.IntRange(1, at-from+100).Draw(t, "hours")
			spans = append(spans, span{hours(from), hours(to)})
			for n, ts := range []time.Time{hours(from), hours(to)} {
				values = append(values, fmt.Sprintf("('exchange_rate', 't%d', '%s', NULL, %g, 'ok', 'onchain', '%[2]s', 'r', 't@1')", i, stamp(ts), 1+float64(n)/100))
			}
		}
		if _, err := s.DB().Exec(`DELETE FROM fact_metric; INSERT INTO fact_metric (metric_id, token_id, ts, period_start, value, quality, basis, known_at, run_id, transform) VALUES ` + strings.Join(values, ",")); err != nil {
			t.Fatalf("%v", err)
		}
		res, err := s.DB().Query(`WITH s AS MATERIALIZED (SELECT * FROM rate_step_between('2023-01-01', '2025-01-01', 'infinity')),
			a AS MATERIALIZED (SELECT * FROM apr_windows_with('s', [700.0], '2025-01-01'))
			SELECT token_id, bench_apr FROM a LEFT JOIN bench_with('a', 's') b USING (token_id) WHERE token_id <> 'bench' ORDER BY length(token_id), token_id`)
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer res.Close()
		for i := 0; res.Next(); i++ {
			var id string
			var got *float64
			if err := res.Scan(&id, &got); err != nil {
				t.Fatalf("%v", err)
			}
			growth := grown(rows, spans[i].from, spans[i].to, 259200*time.Second)
			if (got != nil) != (growth != nil) {
				t.Fatalf("%s from %v to %v: got %v, the benchmark grew by %v", id, spans[i].from, spans[i].to, got, growth)
			}
			if growth == nil {
				continue
			}
			perYear := big.NewRat(31536000, int64(spans[i].to.Sub(spans[i].from)/time.Second))
			// one part in 1e14 of the growth factor, over the time
			if want := mul(sub(growth, one), perYear); !near(*got, want, mul(growth, perYear)) {
				w, _ := want.Float64()
				t.Fatalf("%s from %v to %v: got %v, want %v", id, spans[i].from, spans[i].to, *got, w)
			}
		}
		if err := res.Err(); err != nil {
			t.Fatalf("%v", err)
		}
	})
}
