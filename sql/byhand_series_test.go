package sql_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// Of all that was stored, each series shows what counts: series_between,
// supply_between and rate_between by hand.
func TestTheReadingsThatCountByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		var p past
		for _, token := range []string{"a", "w", "b", "l"} {
			p = append(p, rateReadings(t, token, 12)...)
		}
		for _, token := range counted {
			p = append(p, levels(t, "lst_supply", token, 8, 1, 1e6)...)
			p = append(p, levels(t, "lst_supply_reported", token, 8, 1, 1e6)...)
		}
		put(t, s, p)
		w := drawSpan(t)
		var read, supply, rates [][]any
		for _, token := range []string{"a", "b", "l", "w"} {
			for _, q := range p.series("exchange_rate", token, w) {
				read = append(read, []any{token, q.ts, q.value, q.basis})
			}
			for _, q := range p.rates(token, w) {
				rates = append(rates, []any{token, q.ts, q.value, q.uncertainty, q.basis})
			}
		}
		for _, token := range counted {
			for _, q := range p.supply(token, w) {
				supply = append(supply, []any{token, q.ts, q.value, q.basis})
			}
		}
		agree(t, s, fmt.Sprintf("SELECT token_id, ts, value, basis FROM series_between('exchange_rate', %s) ORDER BY 1, 2", w), read)
		agree(t, s, fmt.Sprintf("SELECT token_id, ts, rate, uncertainty, basis FROM rate_between(%s) ORDER BY 1, 2", w), rates)
		agree(t, s, fmt.Sprintf("SELECT token_id, ts, supply, basis FROM supply_between(%s) ORDER BY 1, 2", w), supply)
	})
}

// step is a moment a rate changed; firm where it moved from the reading before it.
type step struct {
	point
	prev *point
	firm bool
}

// steps are the changes of a rate: by more than both uncertainties and a billionth,
// from the reading before or, where it crept, from the last one that did.
func steps(rates []point) (list []step) {
	moves := func(p, q *point) bool {
		larger := p.value
		if q.value.Cmp(larger) > 0 {
			larger = q.value
		}
		noise := add(add(p.uncertainty, q.uncertainty), mul(larger, rat(1e-9)))
		return new(big.Rat).Abs(sub(q.value, p.value)).Cmp(noise) > 0
	}
	var moved, counted *point
	for i := range rates {
		q := &rates[i]
		firm := i > 0 && moves(&rates[i-1], q)
		crept := i > 0 && q.value.Cmp(rates[i-1].value) != 0 && moves(moved, q)
		if i > 0 && !firm && !crept {
			continue
		}
		list = append(list, step{*q, counted, firm})
		if counted = q; firm || i == 0 {
			moved = q
		}
	}
	return list
}

// Every change of a rate, and nothing else, is a step: rate_step_between by hand.
func TestTheChangesOfARateByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		var p past
		for _, token := range []string{"a", "w", "b", "c", "l"} {
			p = append(p, rateReadings(t, token, 30)...)
		}
		put(t, s, p)
		w := drawSpan(t)
		var want, before [][]any
		for _, token := range []string{"a", "b", "c", "w"} {
			list := steps(p.rates(token, w.since()))
			for _, q := range list {
				if q.ts.After(w.lo) {
					prevTs, prev := any(nil), any(nil)
					if q.prev != nil {
						prevTs, prev = q.prev.ts, q.prev.value
					}
					want = append(want, []any{token, q.ts, q.value, prevTs, prev, q.firm})
				}
			}
			list = slices.DeleteFunc(list, func(q step) bool { return q.ts.After(w.lo) })
			if n := len(list); n > 0 {
				before = append(before, []any{token, list[n-1].ts, list[n-1].value})
			}
		}
		agree(t, s, fmt.Sprintf("SELECT token_id, ts, rate, prev_ts, prev_rate, is_firm FROM rate_step_between(%s) WHERE ts > '%s' ORDER BY 1, 2", w, stamp(w.lo)), want)
		agree(t, s, fmt.Sprintf("SELECT token_id, max(ts), arg_max(rate, ts) FROM rate_step_between(%s) WHERE ts <= '%s' GROUP BY 1 ORDER BY 1", w, stamp(w.lo)), before)
	})
}
