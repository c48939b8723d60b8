package sql_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// The way out, all in: exit_cost by hand, with quotes that are old, of no use, or of
// an unknown wait.
func TestTheCostOfLeavingByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		type way struct {
			token, route    string
			ts              time.Time
			size, out, wait *big.Rat
		}
		var p past
		grows := map[string]*big.Rat{} // the yield of the last 30 days, where one is fit to be published
		for _, token := range []string{"a", "b"} {
			kind := rapid.SampledFrom([]string{"daily", "daily", "stood still", "began late"}).Draw(t, token)
			from, to := 0, 60
			if kind == "stood still" {
				to = 50
			}
			if kind == "began late" {
				from = 55
			}
			rate := 1.0
			var at []float64
			for n := from; n <= to; n++ {
				rate *= 1 + float64(rapid.IntRange(1, 300).Draw(t, "step"))*1e-6
				at = append(at, rate)
				p = append(p, fact{metric: "exchange_rate", token: token, ts: start.AddDate(0, 0, n-60), value: rate, basis: "onchain", quality: "ok"})
			}
			if kind == "daily" {
				growth := sub(quo(rat(at[60]), rat(at[30])), one)
				grows[token] = mul(growth, big.NewRat(365, 30))
			}
		}
		put(t, s, p)
		var ways []way
		var rows []string
		for _, token := range []string{"a", "b"} {
			for _, route := range []string{"instant", "queue", "dex"} {
				for _, size := range []float64{1, 100} {
					for range rapid.IntRange(0, 2).Draw(t, "quotes") {
						x := way{token, route, start.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "hours ago")) * time.Hour), rat(size), nil, nil}
						out, wait := "NULL", "NULL"
						if rapid.IntRange(0, 4).Draw(t, "takes the size") > 0 {
							f := size * drawFloat(t, "out", 0.95, 1.001)
							x.out, out = rat(f), fmt.Sprintf("%.17g", f)
						}
						if rapid.IntRange(0, 4).Draw(t, "knows the wait") > 0 {
							f := rapid.SampledFrom([]float64{0, 0, 1.5, 30}).Draw(t, "wait")
							x.wait, wait = rat(f), fmt.Sprint(f)
						}
						if slices.ContainsFunc(ways, func(y way) bool {
							return x.token == y.token && x.route == y.route && x.size.Cmp(y.size) == 0 && x.ts.Equal(y.ts)
						}) {
							continue
						}
						ways = append(ways, x)
						rows = append(rows, fmt.Sprintf("('%s', '%s', '%s', %g, %s, %s, 'ok', 'onchain', '%[2]s', 'r', 't@1')", token, stamp(x.ts), route, size, out, wait))
					}
				}
			}
		}
		if len(rows) == 0 {
			t.Skip("nothing was quoted")
		}
		if _, err := s.DB().Exec(`DELETE FROM fact_exit_quote; INSERT INTO fact_exit_quote (token_id, ts, route, size_native, out_native, wait_days, quality, basis, known_at, run_id, transform) VALUES ` + strings.Join(rows, ",")); err != nil {
			t.Fatalf("%v", err)
		}
		bps := big.NewRat(10000, 1)
		slices.SortFunc(ways, func(x, y way) int {
			return cmp.Or(cmp.Compare(x.token, y.token), x.size.Cmp(y.size), cmp.Compare(x.route, y.route), y.ts.Compare(x.ts))
		})
		ways = slices.CompactFunc(ways, func(x, y way) bool { return x.token == y.token && x.route == y.route && x.size.Cmp(y.size) == 0 })
		ways = slices.DeleteFunc(ways, func(x way) bool { return start.Sub(x.ts) > 3*day })
		costs := func(x way) (haircut, forgone, all *big.Rat) {
			if x.out != nil {
				haircut = mul(bps, sub(one, quo(x.out, x.size)))
			}
			if x.wait != nil && x.wait.Sign() == 0 {
				forgone = new(big.Rat)
			} else {
				forgone = times(times(bps, grows[x.token]), over(x.wait, big.NewRat(365, 1)))
			}
			return haircut, forgone, plus(haircut, forgone)
		}
		var want [][]any
		for _, x := range ways {
			haircut, forgone, all := costs(x)
			cheapest := all != nil && !slices.ContainsFunc(ways, func(y way) bool {
				_, _, other := costs(y)
				return x.token == y.token && x.size.Cmp(y.size) == 0 && other != nil && other.Cmp(all) < 0
			})
			figure := func(v *big.Rat) any {
				if v == nil {
					return nil
				}
				return about{v, bps}
			}
			want = append(want, []any{x.token, x.size, x.route, x.ts, figure(haircut), figure(forgone), figure(all), cheapest})
		}
		agree(t, s, `SELECT token_id, size_native, route, ts, haircut_bps, forgone_bps, all_in_bps, is_cheapest FROM exit_cost('2024-01-01') ORDER BY 1, 2, 3`, want)
	})
}
