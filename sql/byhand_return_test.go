package sql_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// path is how something went from one day to another: its return, and its worst fall
// from a peak (≤ 0).
func path(values []*big.Rat) (gain, worst *big.Rat) {
	if len(values) == 0 {
		return nil, nil
	}
	peak, worst := values[0], new(big.Rat)
	for _, v := range values {
		if v.Cmp(peak) > 0 {
			peak = v
		}
		if fall := sub(quo(v, peak), one); fall.Cmp(worst) < 0 {
			worst = fall
		}
	}
	return sub(quo(values[len(values)-1], values[0]), one), worst
}

// What holding brought: total_return by hand.
func TestTotalReturnByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p, m := drawLevels(t, 14)
		put(t, s, p)
		putPrices(t, s, m)
		w := drawDays(t)
		var want [][]any
		for _, token := range counted {
			var first, final any
			var rates, dollars []*big.Rat
			for _, x := range p.standings(m, w) {
				if x.token != token || x.rate == nil {
					continue
				}
				if first == nil {
					first = x.at
				}
				final, rates = x.at, append(rates, x.rate)
				if x.usd != nil {
					dollars = append(dollars, mul(x.rate, x.usd))
				}
			}
			if len(rates) == 0 {
				continue
			}
			gain, fall := path(rates)
			row := []any{token, first, final, len(rates), len(dollars), about{gain, one}, about{fall, one}, nil, nil}
			if gain, fall := path(dollars); gain != nil {
				row[7], row[8] = about{gain, add(one, new(big.Rat).Abs(gain))}, about{fall, one}
			}
			want = append(want, row)
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, from_d, to_d, ndays, usd_days, native_return, max_drawdown_native, usd_return, max_drawdown_usd
			FROM total_return('%s', '%s', kt := '%s') ORDER BY 1`, stamp(w.lo), stamp(w.hi), stamp(w.known)), want)
	})
}

// What an amount became: growth_of by hand.
func TestGrowthOfAnAmountByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		var p past
		for _, token := range []string{"a", "w", "b", "c", "l"} {
			p = append(p, rateReadings(t, token, 14)...)
			p = append(p, levels(t, "fee_deposit_bps", token, 5, 0, 60)...)
		}
		put(t, s, p)
		m := drawMarket(t, 4)
		putPrices(t, s, m)
		w := drawSpan(t)
		said := drawCards(t, s)
		amount := big.NewRat(int64(rapid.IntRange(1, 1e6).Draw(t, "amount")), 100)
		var want [][]any
		for _, token := range []string{"a", "b", "c", "w"} {
			fee := level(p.series("fee_deposit_bps", token, span{always, w.lo, w.known}), w.lo, 45*day-1)
			if fee == nil { // the dearest way in that the card names
				for _, bps := range said.stated("p"+token, "deposit", w.lo, w.known) {
					if fee == nil || bps.Cmp(fee) > 0 {
						fee = bps
					}
				}
			}
			kept := one
			if fee != nil {
				kept = sub(one, quo(fee, big.NewRat(10000, 1)))
			}
			rates := p.rates(token, w.since())
			r0, r1 := level(rates, w.lo, carried[token]), level(rates, w.hi, carried[token])
			bought := times(mul(amount, kept), over(one, r0))
			redeemed := times(bought, r1)
			var sold *big.Rat
			if x, _ := p.premiumAt(m, token, w.hi, w.known); x != nil {
				sold = times(redeemed, add(one, x.value))
			}
			seen := any(nil)
			if x := last(rates, w.hi); x != nil {
				seen = x.ts
			}
			row := []any{token, seen, fee, bought, redeemed, sold, nil}
			if ratio := over(r1, r0); ratio != nil {
				row[6] = about{sub(ratio, one), one}
			}
			want = append(want, row)
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, to_ts, fee_bps, lst_bought, at_redemption, at_market, native_return
			FROM growth_of(%s, '%s', '%s', kt := '%s') ORDER BY 1`, amount.FloatString(2), stamp(w.lo), stamp(w.hi), stamp(w.known)), want)
	})
}
