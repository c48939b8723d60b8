package sql_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// sum is that of the points after a moment and up to another; ok is false where there
// is none.
func sum(list []point, after, upTo time.Time) (total *big.Rat, ok bool) {
	total = new(big.Rat)
	for _, q := range list {
		if q.ts.After(after) && !q.ts.After(upTo) {
			total, ok = add(total, q.value), true
		}
	}
	return total, ok
}

// drawFeeShares adds shares minted as fees to some of the tokens.
func drawFeeShares(t *rapid.T, p past, most int) past {
	for _, token := range counted {
		if rapid.IntRange(0, 3).Draw(t, token+" mints fees") > 0 {
			p = append(p, levels(t, "fee_shares", token, most, 0, 1e3)...)
		}
	}
	return p
}

// Changes of supply without rewards, prices and fee shares: flow_between by hand.
func TestFlowsByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p, _ := drawLevels(t, 14)
		p = drawFeeShares(t, p, 14)
		put(t, s, p)
		w := drawSpan(t)
		var want [][]any
		for _, token := range counted {
			minted, rates, supply := p.series("fee_shares", token, w), p.rates(token, w.since()), p.supply(token, w)
			for i := 1; i < len(supply); i++ {
				before, after := supply[i-1], supply[i]
				fees, reported := sum(minted, before.ts, after.ts)
				fee := any(nil)
				if reported || len(minted) > 0 {
					fee = fees
				}
				rate := level(rates, after.ts, carried[token])
				flow := any(nil)
				if rate != nil {
					flow = about{mul(sub(sub(after.value, before.value), fees), rate), mul(add(after.value, before.value), rate)}
				}
				want = append(want, []any{token, before.ts, after.ts, before.value, after.value, fee, rate, flow})
			}
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, prev_ts, ts, prev_supply, supply, fee_shares, rate, flow_native
			FROM flow_between(%s) ORDER BY 1, 3`, w), want)
	})
}

// Net flow over days, from the levels at both ends: net_flow by hand.
func TestNetFlowByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p, m := drawLevels(t, 14)
		p = drawFeeShares(t, p, 14)
		put(t, s, p)
		putPrices(t, s, m)
		w := drawSpan(t)
		days := rapid.IntRange(1, 20).Draw(t, "days")
		w.lo = w.hi.AddDate(0, 0, -days)
		then, now := p.standings(m, span{w.lo, w.lo, w.known}), p.standings(m, span{w.hi, w.hi, w.known})
		var want [][]any
		for i, token := range counted {
			s0, s1 := then[i].supply, now[i].supply
			fees, reported := sum(p.series("fee_shares", token, w), w.lo, w.hi)
			fee, shares, native, percent := any(nil), any(nil), any(nil), any(nil)
			if reported {
				fee = fees
			}
			if flow := minus(minus(s1, s0), fees); flow != nil {
				size := add(add(s0, s1), fees)
				shares, percent = about{flow, size}, about{mul(big.NewRat(100, 1), quo(flow, s0)), mul(big.NewRat(100, 1), quo(size, s0))}
				if rate := now[i].rate; rate != nil {
					native = about{mul(flow, rate), mul(size, rate)}
				}
			}
			want = append(want, []any{token, s0, s1, fee, shares, native, percent})
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, s0, s1, fee_shares, flow_shares, flow_native, flow_pct FROM net_flow(%d, '%s', kt := '%s') ORDER BY 1`,
			days, stamp(w.hi), stamp(w.known)), want)
	})
}

// Where the change of TVL came from: attribution_in by hand, in dollars and in the
// native asset.
func TestAttributionByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p, m := drawLevels(t, 20)
		p = drawFeeShares(t, p, 20)
		put(t, s, p)
		putPrices(t, s, m)
		w := drawDays(t)
		for _, unit := range []string{"usd", "native"} {
			var want [][]any
			for _, token := range counted {
				minted := p.series("fee_shares", token, w)
				var first, before *standing
				var in, out, fees, rewards, price, scale big.Rat
				days := 0
				list := p.standings(m, w)
				for i := range list {
					x := &list[i]
					if unit == "native" {
						x.usd = one
					}
					if x.token != token || x.supply == nil || x.rate == nil || x.usd == nil {
						continue // the legs of the next day cover the gap
					}
					if before != nil {
						share, _ := sum(minted, before.at, x.at)
						deposited := mul(sub(sub(x.supply, before.supply), share), x.rate, x.usd)
						if deposited.Sign() > 0 {
							in.Add(&in, deposited)
						} else {
							out.Add(&out, deposited)
						}
						fees.Add(&fees, mul(share, x.rate, x.usd))
						rewards.Add(&rewards, mul(before.supply, sub(x.rate, before.rate), x.usd))
						price.Add(&price, mul(before.supply, before.rate, sub(x.usd, before.usd)))
						days++
					} else {
						first = x
					}
					scale.Add(&scale, mul(x.supply, x.rate, add(x.usd, rat(5000))))
					before = x
				}
				if days == 0 {
					continue
				}
				size := func(x *big.Rat) about { return about{x, &scale} }
				fee := any(nil)
				if len(minted) > 0 {
					fee = size(&fees)
				}
				start, end := mul(first.supply, first.rate, first.usd), mul(before.supply, before.rate, before.usd)
				want = append(want, []any{token, first.at, before.at, days, size(sub(end, start)), size(&in), size(&out), fee, size(&rewards), size(&price), size(start), size(end)})
			}
			agree(t, s, fmt.Sprintf(`SELECT token_id, from_d, to_d, ndays, change, net_in, net_out, fees, rewards, price_effect, level_from, level_to
				FROM attribution_in('%s', '%s', '%s', kt := '%s') ORDER BY 1`, stamp(w.lo), stamp(w.hi), unit, stamp(w.known)), want)
		}
	})
}
