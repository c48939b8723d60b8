package sql_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// The tests named by_hand draw a random past and say what the macros should make of
// it a second time: in rationals, from the words of their comments. This file holds
// the past and the few definitions all of them share.

// The tokens of a random past: a has a wrapper w and a bridged copy l that must never
// count; b says nothing of its ages; c lives on another chain.
const cast = `
INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, rate_of, expected_update_s, stale_after_s, plugin, updated_at) VALUES
  ('a', 'pa', 'ethereum', 'A', 'ETH', 'rebase', NULL, 86400, 259200, 'test', '2020-01-01'),
  ('w', 'pa', 'ethereum', 'W', 'ETH', 'wrapper', 'a', NULL, NULL, 'test', '2020-01-01'),
  ('l', 'pa', 'l2', 'L', 'ETH', 'bridged', 'a', NULL, NULL, 'test', '2020-01-01'),
  ('b', 'pb', 'ethereum', 'B', 'ETH', 'exchange_rate', NULL, NULL, NULL, 'test', '2020-01-01'),
  ('c', 'pc', 'solana', 'C', 'SOL', 'exchange_rate', NULL, 172800, 345600, 'test', '2020-01-01');
INSERT INTO dim_protocol (protocol_id, name, status, plugin, updated_at) VALUES
  ('pa', 'PA', 'live', 'test', '2020-01-01'), ('pb', 'PB', 'live', 'test', '2020-01-01'), ('pc', 'PC', 'live', 'test', '2020-01-01')`

const day = 24 * time.Hour

var (
	counted = []string{"a", "b", "c"}
	sharing = map[string][]string{"a": {"a", "w"}, "w": {"a", "w"}, "b": {"b"}, "c": {"c"}} // whose readings are a token's rate
	coin    = map[string]string{"a": "ETH", "w": "ETH", "b": "ETH", "c": "SOL"}
	// How long a level stands: three expected updates where nothing is said.
	carried = map[string]time.Duration{"a": 3 * day, "w": 3 * day, "b": 3 * day, "c": 4 * day}
	bases   = []string{"onchain", "derived", "published", "api", "manual"} // the better first
	always  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	forever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// byHand runs one random past after another on one warehouse.
func byHand(t *testing.T, draw func(*rapid.T, *store.Store)) {
	t.Parallel()
	s := open(t)
	exec(t, s, cast)
	rapid.Check(t, func(t *rapid.T) { draw(t, s) })
}

// past is everything that was ever stored, corrections and retractions included.
type past []fact

// readings draws what was read of one metric: at gaps from none to longer than any
// level is carried, by any basis, some of them unknown, suspect, corrected or
// retracted. set fills in a value.
func readings(t *rapid.T, metric, token string, most int, set func(*fact)) (list past) {
	ts, basis := start.Add(-drawTime(t, metric+" of "+token+" begins", 0, 7)), 0
	same, n := false, 0
	if rapid.IntRange(0, 9).Draw(t, "is read") != 9 {
		n = most - rapid.IntRange(0, most/2).Draw(t, "fewer")
	}
	for range n {
		gap := rapid.SampledFrom([]int{86400, 86400, 86400, 86400, 86400, 43200, 172800, 3600, 3601, 600, 0, 259200, 345601, 1500000}).Draw(t, "gap")
		if gap == 0 && !same && len(list) > 0 { // another basis speaks of the same moment
			same, basis = true, (basis+1)%len(bases)
		} else {
			same, ts, basis = false, ts.Add(time.Duration(max(gap, 60))*time.Second), rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}).Draw(t, "basis")
		}
		f := fact{metric: metric, token: token, ts: ts, basis: bases[basis], known: ts, quality: "ok"}
		set(&f)
		kind := rapid.SampledFrom([]string{"", "", "", "", "", "", "unknown", "suspect", "corrected", "retracted", "released"}).Draw(t, "kind")
		f.unknown = kind == "unknown"
		if kind == "suspect" || kind == "released" {
			f.quality = "suspect"
		}
		list = append(list, f)
		if kind == "corrected" || kind == "retracted" || kind == "released" {
			f.known, f.quality = ts.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours later"))*time.Hour), "ok"
			if kind == "retracted" {
				f.quality = "retracted"
			}
			if kind == "corrected" {
				set(&f)
			}
			list = append(list, f)
		}
	}
	return list
}

// rateReadings draws a redemption rate: quiet, rising, falling or by dust, and now and
// then, or all along, rounded to four decimals, so that it creeps.
func rateReadings(t *rapid.T, token string, most int) past {
	rate := 0.8 + float64(rapid.IntRange(0, 12000).Draw(t, "first rate"))*1e-4
	coarse := rapid.IntRange(0, 3).Draw(t, "coarse") == 3
	return readings(t, "exchange_rate", token, most, func(f *fact) {
		rate *= 1 + float64(rapid.SampledFrom([]int{80000000, 120000000, 80000000, 1, 0, 300000000, -90000000, 80000000}).Draw(t, "step"))*1e-12
		f.value, f.uncertainty = rate, 0
		odd := rapid.IntRange(0, 15).Draw(t, "odd")
		if odd == 8 {
			f.value = 0 // no rate
		} else if odd == 7 || coarse {
			f.value, f.uncertainty = historytest.Float(big.NewRat(int64(rate*1e4+0.5), 1e4)), 1e-4
		}
	})
}

// drawFloat draws one of a million values: rapid's own favour the smallest.
func drawFloat(t *rapid.T, name string, low, high float64) float64 {
	return low + (high-low)*float64(rapid.IntRange(0, 999).Draw(t, name)*1000+rapid.IntRange(0, 999).Draw(t, name))/1e6
}

// levels draws values that know nothing of each other.
func levels(t *rapid.T, metric, token string, most int, low, high float64) past {
	return readings(t, metric, token, most, func(f *fact) { f.value = drawFloat(t, metric, low, high) })
}

// put stores a past in place of the one before.
func put(t *rapid.T, s *store.Store, p past) {
	if len(p) == 0 {
		t.Skip("nothing was ever read")
	}
	insertFacts(t, s, p)
}

// span is what a question looks at: the time after lo and up to hi, as known then.
type span struct{ lo, hi, known time.Time }

func (w span) String() string {
	return fmt.Sprintf("'%s', '%s', '%s'", stamp(w.lo), stamp(w.hi), stamp(w.known))
}

// drawTime draws whole hours; small ranges keep rapid from favouring the small.
func drawTime(t *rapid.T, name string, lowDays, highDays int) time.Duration {
	return time.Duration(rapid.IntRange(lowDays, highDays).Draw(t, name+", days"))*day + time.Duration(rapid.IntRange(0, 23).Draw(t, "hours"))*time.Hour
}

// drawSpan asks about a part of the past, now and then long after it, and half of the
// time with what is known today.
func drawSpan(t *rapid.T) span {
	lo := start.Add(drawTime(t, "lo", -3, 7))
	if rapid.IntRange(0, 7).Draw(t, "is long after") == 7 {
		lo = lo.Add(60 * day)
	}
	w := span{lo, lo.Add(time.Hour + time.Duration(rapid.SampledFrom([]int{20, 30, 10, 3, 60}).Draw(t, "days"))*day), forever}
	if rapid.Bool().Draw(t, "as known then") {
		w.known = w.hi.Add(drawTime(t, "known", -8, 3))
	}
	return w
}

// since widens a span to the beginning of everything.
func (w span) since() span { return span{always, w.hi, w.known} }

// point is one value of a series.
type point struct {
	ts          time.Time
	value       *big.Rat
	basis, read string // how it is known, and from which token it was read
	uncertainty *big.Rat
	from        time.Time // start of the time it is of; zero: of a moment
}

// newest are the newest versions of what was read of a metric, without what is
// unknown, suspect or retracted, in order of time and then of basis.
func (p past) newest(metric, token string, w span) (list []point) {
	versions := map[string]fact{}
	for _, f := range p {
		if f.metric != metric || f.token != token || !f.ts.After(w.lo) || f.ts.After(w.hi) || f.known.After(w.known) {
			continue
		}
		key := stamp(f.ts) + f.basis
		if old, ok := versions[key]; !ok || f.known.After(old.known) {
			versions[key] = f
		}
	}
	for _, f := range versions {
		if !f.unknown && f.quality == "ok" {
			list = append(list, point{f.ts, rat(f.value), f.basis, token, rat(f.uncertainty), f.from})
		}
	}
	slices.SortFunc(list, byTimeAndBasis)
	return list
}

func rank(p point) int { return slices.Index(bases, p.basis) }

func byTimeAndBasis(p, q point) int {
	return cmp.Or(p.ts.Compare(q.ts), cmp.Compare(rank(p), rank(q)), p.uncertainty.Cmp(q.uncertainty), cmp.Compare(p.read, q.read))
}

// series are the same with one basis at a time.
func (p past) series(metric, token string, w span) []point {
	return bestBasis(p.newest(metric, token, w))
}

// bestBasis drops, where bases speak within an hour of each other, all but the best,
// and of several points of one moment all but the first.
func bestBasis(list []point) []point {
	slices.SortStableFunc(list, byTimeAndBasis)
	kept := slices.DeleteFunc(slices.Clone(list), func(p point) bool {
		return slices.ContainsFunc(list, func(q point) bool { return rank(q) < rank(p) && p.ts.Sub(q.ts).Abs() <= time.Hour })
	})
	return slices.CompactFunc(kept, func(p, q point) bool { return p.ts.Equal(q.ts) })
}

// rates are the redemption rates of a token and of what shares its rate.
func (p past) rates(token string, w span) []point {
	var list []point
	for _, from := range sharing[token] {
		list = append(list, p.series("exchange_rate", from, w)...)
	}
	return bestBasis(slices.DeleteFunc(list, func(q point) bool { return q.value.Sign() <= 0 }))
}

// supply is the supply read, and where that was not read within a day the one reported.
func (p past) supply(token string, w span) []point {
	read := p.series("lst_supply", token, w)
	list := slices.Clone(read)
	for _, r := range p.series("lst_supply_reported", token, w) {
		if !slices.ContainsFunc(read, func(q point) bool { return r.ts.Sub(q.ts).Abs() <= day }) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(p, q point) int { return p.ts.Compare(q.ts) })
	return list
}

// last is the newest point at a moment, however old; nil before the first.
func last(list []point, moment time.Time) *point {
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].ts.After(moment) {
			return &list[i]
		}
	}
	return nil
}

// level is the value at a moment; unknown where it is older than age.
func level(list []point, moment time.Time, age time.Duration) *big.Rat {
	if p := last(list, moment); p != nil && moment.Sub(p.ts) <= age {
		return p.value
	}
	return nil
}
