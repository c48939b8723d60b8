package sql_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Flow, share, concentration, growth and the cost of leaving, on random levels,
// against the same in rationals.
func TestLevelsGiveTheFiguresComputedByHand(t *testing.T) {
	t.Parallel()
	s := open(t)
	const tokens, days = 4, 40
	var ids []string
	for i := range tokens {
		ids = append(ids, fmt.Sprintf("('t%d', 'p', 'ethereum', 'T', 'ETH', 'exchange_rate', 86400, 259200, 'test', '2020-01-01')", i))
	}
	exec(t, s, `INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at) VALUES `+strings.Join(ids, ","))
	bps, week, amount := big.NewRat(10000, 1), days-8, big.NewRat(250, 1)
	rapid.Check(t, func(t *rapid.T) {
		var facts []fact
		var quotes []string
		var rates, supplies [tokens][days]*big.Rat
		var minted, deposit, size, out, wait [tokens]*big.Rat
		for i := range tokens {
			id := fmt.Sprint("t", i)
			minted[i] = new(big.Rat)
			rate := rapid.Float64Range(0.6, 3).Draw(t, "rate")
			for n := range days {
				at := start.AddDate(0, 0, n)
				rate *= 1 + rapid.Float64Range(1e-6, 3e-4).Draw(t, "step")
				supply := rapid.Float64Range(1, 1e7).Draw(t, "supply")
				rates[i][n], supplies[i][n] = rat(rate), rat(supply)
				facts = append(facts, fact{metric: "exchange_rate", token: id, ts: at, value: rate}, fact{metric: "lst_supply", token: id, ts: at, value: supply})
				if rapid.Bool().Draw(t, "mints fees") {
					fee := rapid.Float64Range(0, 100).Draw(t, "fee shares")
					facts = append(facts, fact{metric: "fee_shares", token: id, ts: at, value: fee})
					if n > week {
						minted[i].Add(minted[i], rat(fee))
					}
				}
			}
			bp := float64(rapid.IntRange(0, 50).Draw(t, "deposit fee"))
			facts = append(facts, fact{metric: "fee_deposit_bps", token: id, ts: start.AddDate(0, 0, week), value: bp})
			q := [3]float64{rapid.Float64Range(1, 1e5).Draw(t, "size"), rapid.Float64Range(1, 1e5).Draw(t, "out"), rapid.Float64Range(0.1, 60).Draw(t, "wait")}
			deposit[i], size[i], out[i], wait[i] = rat(bp), rat(q[0]), rat(q[1]), rat(q[2])
			quotes = append(quotes, fmt.Sprintf("('%s', '%s', 'queue', %.17g, %.17g, %.17g, 'ok', 'onchain', '%[2]s', 'r', 't@1')", id, stamp(start.AddDate(0, 0, days-1)), q[0], q[1], q[2]))
		}
		insertFacts(t, s, facts)
		if _, err := s.DB().Exec(`DELETE FROM fact_exit_quote; INSERT INTO fact_exit_quote (token_id, ts, route, size_native, out_native, wait_days, quality, basis, known_at, run_id, transform) VALUES ` + strings.Join(quotes, ",")); err != nil {
			t.Fatalf("%v", err)
		}
		now, then := stamp(start.AddDate(0, 0, days-1)), stamp(start.AddDate(0, 0, week))
		res, err := s.DB().Query(fmt.Sprintf(`SELECT f.flow_shares, f.flow_native, m.share_of, m.hhi, g.at_redemption, x.all_in_bps
			FROM net_flow(7, '%[1]s') f JOIN market_share('%[1]s', '%[1]s') m USING (token_id)
			JOIN growth_of(250, '%[2]s', '%[1]s') g USING (token_id) JOIN exit_cost('%[1]s') x USING (token_id) ORDER BY token_id`, now, then))
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer res.Close()
		total, hhi := new(big.Rat), new(big.Rat)
		tvl := func(i int) *big.Rat { return mul(supplies[i][days-1], rates[i][days-1]) }
		for i := range tokens {
			total.Add(total, tvl(i))
		}
		for i := range tokens {
			hhi.Add(hhi, mul(bps, quo(tvl(i), total), quo(tvl(i), total)))
		}
		rows := 0
		for i := 0; res.Next(); i++ {
			var got [6]float64
			if err := res.Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5]); err != nil {
				t.Fatalf("%v", err)
			}
			s0, s1, r0, r1 := supplies[i][week], supplies[i][days-1], rates[i][week], rates[i][days-1]
			flow, most := sub(sub(s1, s0), minted[i]), add(add(s1, s0), minted[i])
			month := quo(r1, rates[i][days-31]) // 30 days of growth, simple, over 365
			forgone := quo(mul(bps, sub(month, one), wait[i]), big.NewRat(30, 1))
			grown := quo(mul(amount, sub(one, quo(deposit[i], bps)), r1), r0)
			for n, want := range []struct {
				name        string
				value, size *big.Rat
			}{
				{"flow in shares", flow, most}, {"flow in native units", mul(flow, r1), mul(most, r1)},
				{"share", quo(tvl(i), total), one}, {"concentration", hhi, bps}, {"growth of 250", grown, grown},
				{"cost of leaving", add(mul(bps, sub(one, quo(out[i], size[i]))), forgone), mul(bps, add(add(one, quo(out[i], size[i])), mul(month, wait[i])))},
			} {
				if !near(got[n], want.value, want.size) {
					w, _ := want.value.Float64()
					t.Fatalf("t%d, %s: got %.17g, want %.17g", i, want.name, got[n], w)
				}
			}
			rows++
		}
		if err := res.Err(); err != nil || rows != tokens {
			t.Fatalf("%d rows, want %d: %v", rows, tokens, err)
		}
	})
}
