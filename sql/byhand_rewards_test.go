package sql_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

var expected = map[string]time.Duration{"a": day, "b": day, "c": 2 * day}

// earned is what one update of a rate brought, and to whom; nil is unknown.
type earned struct {
	token                                   string
	prev, at                                time.Time
	net, fee, gross                         *big.Rat
	from                                    any // how the fee is known
	operators, treasury, holders, insurance *big.Rat
	strict, broad                           *big.Rat
	size                                    *big.Rat // the largest term of net and fee
}

// drawRewards draws rates, supplies, fee shares and fee settings. A report's shares may
// say what time it is of; the legs of a fee may be unread, and may not make up the whole.
func drawRewards(t *rapid.T) (p past) {
	for _, token := range []string{"a", "w", "b", "c"} {
		p = append(p, rateReadings(t, token, 14)...)
	}
	for _, token := range counted {
		p = append(p, levels(t, "lst_supply", token, rapid.SampledFrom([]int{14, 3}).Draw(t, "supplies"), 1, 1e6)...)
		if rapid.Bool().Draw(t, token+" mints fees") {
			p = append(p, readings(t, "fee_shares", token, 14, func(f *fact) {
				f.value = drawFloat(t, "shares", 0, 10)
				if hours := rapid.SampledFrom([]int{0, 0, 12, 24, 48}).Draw(t, "of the last hours"); hours > 0 {
					f.from = f.ts.Add(-time.Duration(hours) * time.Hour)
				}
			})...)
		}
		for _, f := range readings(t, "fee_reward_bps", token, 4, func(f *fact) { f.value = float64(rapid.SampledFrom([]int{0, 400, 1000, 1400}).Draw(t, "bps")) }) {
			p = append(p, f)
			left := f.value
			for _, leg := range []string{"operators", "treasury", "holders", "insurance"} {
				f.metric, f.value = "fee_reward_"+leg+"_bps", rapid.SampledFrom([]float64{0, 0.25, 0.5, 1}).Draw(t, leg)*left
				if rapid.IntRange(0, 2).Draw(t, leg+" is read") > 0 {
					p, left = append(p, f), left-f.value
				}
			}
		}
	}
	return p
}

// setting is the one in force: none is carried longer than 45 days.
func (p past) setting(metric, token string, at time.Time, w span) *big.Rat {
	list := p.newest(metric, token, w.since())
	list = slices.CompactFunc(list, func(p, q point) bool { return p.ts.Equal(q.ts) })
	return level(list, at, 45*day)
}

// feeShares are those minted in an interval; ok is false where none were read, where
// the reports that say what time they are of do not fill it, and where it is longer
// than anything is carried.
func (p past) feeShares(token string, from, to time.Time, w span) (total *big.Rat, ok bool) {
	total, ok = sum(p.series("fee_shares", token, w.since()), from, to)
	var told time.Duration
	tells := false
	for _, q := range p.series("fee_shares", token, w.since()) {
		if q.ts.After(from) && !q.ts.After(to) && !q.from.IsZero() {
			told, tells = told+q.ts.Sub(q.from), true
		}
	}
	return total, ok && to.Sub(from) <= 45*day && (!tells || (told-to.Sub(from)).Abs() <= expected[token]/2)
}

// rewards are those of the updates after lo.
func (p past) rewards(w span) (list []earned) {
	bps := big.NewRat(10000, 1)
	for _, token := range counted {
		supplies := p.supply(token, w.since())
		for _, u := range steps(p.rates(token, w.since())) {
			if u.prev == nil || !u.ts.After(w.lo) {
				continue
			}
			x := earned{token: token, prev: u.prev.ts, at: u.ts}
			supply := level(supplies, u.prev.ts, carried[token])
			if supply == nil {
				supply = level(supplies, u.ts, carried[token])
			}
			rise := sub(u.value, u.prev.value)
			x.net = times(supply, rise)
			x.size = times(supply, u.value)
			setting := func(leg string) *big.Rat { return p.setting("fee_reward_"+leg, token, u.ts, w) }
			whole := setting("bps")
			if shares, ok := p.feeShares(token, u.prev.ts, u.ts, w); ok {
				x.fee, x.from = mul(shares, u.value), "shares"
			} else if whole != nil {
				x.from = "setting"
				if x.fee = new(big.Rat); rise.Sign() > 0 {
					x.fee = times(x.net, quo(whole, sub(bps, whole))) // of the gross reward
				}
			}
			x.gross = plus(x.net, x.fee)
			legs := []*big.Rat{setting("operators_bps"), setting("treasury_bps"), setting("holders_bps"), setting("insurance_bps")}
			read := new(big.Rat)
			for _, leg := range legs {
				if leg != nil {
					read = add(read, leg)
				}
			}
			complete := whole != nil && read.Cmp(whole) >= 0
			to := func(leg *big.Rat) *big.Rat {
				switch {
				case whole == nil || leg == nil && !complete:
					return nil
				case whole.Sign() == 0: // of nothing
					return new(big.Rat)
				case leg == nil:
					return times(x.fee, new(big.Rat))
				}
				return times(x.fee, quo(leg, whole))
			}
			x.operators, x.treasury, x.holders, x.insurance = to(legs[0]), to(legs[1]), to(legs[2]), to(legs[3])
			x.strict = plus(x.treasury, x.holders)
			x.broad = plus(x.strict, x.operators)
			list = append(list, x)
		}
	}
	return list
}

// near a figure: terms of a size can cancel in it.
func (x earned) near(v *big.Rat) any {
	if v == nil {
		return nil
	}
	if x.size == nil {
		return v
	}
	return about{v, add(x.size, new(big.Rat).Abs(v))}
}

func TestRewardsByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p := drawRewards(t)
		put(t, s, p)
		w := drawSpan(t)
		var want [][]any
		for _, x := range p.rewards(w) {
			want = append(want, []any{x.token, x.prev, x.at, x.near(x.net), x.near(x.fee), x.from, x.near(x.gross),
				x.near(x.operators), x.near(x.treasury), x.near(x.holders), x.near(x.insurance), x.near(x.strict), x.near(x.broad)})
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, prev_ts, ts, net_native, fee_native, fee_from, gross_native,
			to_operators, to_treasury, to_holders, to_insurance, revenue_strict, revenue_broad FROM reward_between(%s) ORDER BY 1, 3`, w), want)
	})
}

// Rewards lie on the days they were earned on: reward_daily by hand.
func TestRewardsOfDaysByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p := drawRewards(t)
		put(t, s, p)
		w := drawSpan(t)
		w.lo, w.hi = w.lo.Truncate(day), w.lo.Truncate(day).Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "days"))*day)
		var want [][]any
		list := p.rewards(span{w.lo, w.hi.Add(45 * day), w.known})
		for _, token := range counted {
			for d := w.lo; !d.After(w.hi); d = d.Add(day) {
				row, seen := []any{token, d, nil, nil, nil}, false
				size := new(big.Rat)
				for _, x := range list {
					from, to := x.prev, x.at
					if from.Before(d) {
						from = d
					}
					if to.After(d.Add(day)) {
						to = d.Add(day)
					}
					if x.token != token || !to.After(from) {
						continue
					}
					seen = true
					part := quo(historytest.Seconds(to.Sub(from)), historytest.Seconds(x.at.Sub(x.prev)))
					if x.size != nil {
						size = add(size, x.size)
					}
					for i, v := range []*big.Rat{x.net, x.fee, x.gross} {
						if v == nil {
							continue
						}
						size = add(size, new(big.Rat).Abs(v))
						so := new(big.Rat)
						if row[2+i] != nil {
							so = row[2+i].(about).value
						}
						row[2+i] = about{add(so, mul(v, part)), size}
					}
				}
				if seen {
					want = append(want, row)
				}
			}
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, d, net_native, fee_native, gross_native FROM reward_daily('%s', '%s', kt := '%s') ORDER BY 1, 2`,
			stamp(w.lo), stamp(w.hi), stamp(w.known)), want)
	})
}

// The part that was kept, of the updates whose rewards and fee shares are both known,
// beside what is advertised: take_rate by hand.
func TestTakeRatesByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p := drawRewards(t)
		put(t, s, p)
		w := drawSpan(t)
		days := rapid.IntRange(1, 40).Draw(t, "days")
		w.lo = w.hi.AddDate(0, 0, -days)
		said := drawCards(t, s)
		var want [][]any
		for _, token := range []string{"a", "b", "c", "w"} {
			net, fee, size, updates := new(big.Rat), new(big.Rat), new(big.Rat), 0
			for _, x := range p.rewards(w) {
				if x.token == token && x.from == "shares" && x.net != nil {
					net, fee, size, updates = add(net, x.net), add(fee, x.fee), add(size, x.size), updates+1
				}
			}
			row := []any{token, nil, nil, nil, nil, nil}
			if updates > 0 {
				gross := add(net, fee)
				row[1], row[2], row[3] = updates, about{net, size}, fee
				if gross.Sign() > 0 {
					row[4] = about{quo(fee, gross), quo(mul(fee, size), mul(gross, gross))}
				}
			}
			if chain := p.series("fee_reward_bps", token, span{w.hi.Add(-45 * day), w.hi, w.known}); len(chain) > 0 {
				row[5] = quo(chain[len(chain)-1].value, big.NewRat(10000, 1))
			}
			if parts := said.stated("p"+token, "reward", w.hi, w.known); len(parts) > 0 { // its card says so
				whole := new(big.Rat)
				for _, bps := range parts {
					whole = add(whole, bps)
				}
				row[5] = quo(whole, big.NewRat(10000, 1))
			}
			want = append(want, row)
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, updates, net_native, fee_native, take_rate_eff, take_rate_adv FROM take_rate(%d, '%s', kt := '%s') ORDER BY 1`,
			days, stamp(w.hi), stamp(w.known)), want)
	})
}
