package sql_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// The by-hand figures of the recorded histories, on random ones: quiet stretches, falls, dust below
// the size of an update, and rounded rates that creep.
func TestRandomHistoriesGiveTheYieldsComputedByHand(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	windows := []float64{1, 7, 30, 90, 365}
	rapid.Check(t, func(t *rapid.T) {
		var list historytest.Series
		var facts []fact
		ts, rate := start.AddDate(0, 0, -rapid.IntRange(30, 500).Draw(t, "days before")), 1.0
		rounded := rapid.Bool().Draw(t, "rounded")
		for range rapid.IntRange(2, 80).Draw(t, "readings") {
			ts = ts.Add(time.Duration(rapid.SampledFrom([]int{600, 3600, 40000, 86400, 86400, 200000, 5000000}).Draw(t, "gap")) * time.Second)
			rate *= 1 + float64(rapid.SampledFrom([]int{0, 1, 1, 3000000, 8000000, 8000000, 100000000, -20000000}).Draw(t, "step"))*1e-12
			p := historytest.Point{Time: ts, Value: rat(rate)}
			if rounded {
				p.Value, p.Unit = rat(math.Round(rate*1e5)/1e5), 1e-5
			}
			list = append(list, p)
			facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: ts, value: historytest.Float(p.Value), uncertainty: p.Unit})
		}
		insertFacts(t, s, facts)
		asOf := start.AddDate(0, 0, rapid.IntRange(-30, 60).Draw(t, "as of"))
		res, err := s.DB().Query(fmt.Sprintf(`SELECT window_days, apr_net, from_ts, to_ts FROM apr_windows([1, 7, 30, 90, 365], '%s') WHERE token_id = 'a' ORDER BY 1`, stamp(asOf)))
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer res.Close()
		for i := 0; res.Next(); i++ {
			var days float64
			var got *float64
			var from, to *time.Time
			if err := res.Scan(&days, &got, &from, &to); err != nil {
				t.Fatalf("%v", err)
			}
			yield, _ := list.YieldOf(time.Duration(windows[i]*24)*time.Hour, asOf)
			if yield.Updates == 0 {
				if got != nil {
					t.Fatalf("%v days to %v: SQL says %v, by hand nothing changed", days, asOf, *got)
				}
				continue
			}
			want, s, e := historytest.Float(yield.APR()), yield.From.Time, yield.To.Time
			if got == nil || math.Abs(*got-want) > 1e-9*max(1, math.Abs(want)) || !from.Equal(s) || !to.Equal(e) {
				t.Fatalf("%v days to %v: SQL says %v (%v to %v), by hand %v (%v to %v)", days, asOf, got, from, to, want, s, e)
			}
		}
		if err := res.Err(); err != nil {
			t.Fatalf("%v", err)
		}
	})
}
