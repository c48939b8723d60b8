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

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// stream are the prices of one asset or token at one venue for one size (0: not bound
// to a size).
type stream struct {
	base, quote, venue string
	size               float64
	past
}

type market []stream

func drawPrices(t *rapid.T, base, quote, venue string, size float64, most int, low, high float64) stream {
	return stream{base, quote, venue, size, levels(t, venue, base, most, low, high)}
}

// putPrices stores a market in place of the one before.
func putPrices(t *rapid.T, s *store.Store, m market) {
	text := "DELETE FROM fact_price;"
	var rows []string
	for _, q := range m {
		for _, f := range q.past {
			price, size := fmt.Sprintf("%.17g", f.value), "NULL"
			if f.unknown {
				price = "NULL"
			}
			if q.size > 0 {
				size = fmt.Sprint(q.size)
			}
			rows = append(rows, fmt.Sprintf("('%s', '%s', '%s', '%s', %s, %s, '%s', 'drawn', '%s', '%s', 'r', 't@1')", q.base, q.quote, q.venue,
				stamp(f.ts), price, size, f.quality, f.basis, stamp(f.known)))
		}
	}
	if len(rows) > 0 {
		text += `INSERT INTO fact_price (base_id, quote, venue, ts, price, size_base, quality, reason, basis, known_at, run_id, transform) VALUES ` + strings.Join(rows, ",")
	}
	if _, err := s.DB().Exec(text); err != nil {
		t.Fatalf("%v", err)
	}
}

func (q stream) prices(w span) []point { return q.newest(q.venue, q.base, w) }

// usd is the dollar price of an asset: of one moment that of the best basis, of the
// first venue by name and of the smallest size.
func (m market) usd(asset string, w span) (list []point) {
	order := slices.Clone(m)
	slices.SortFunc(order, func(p, q stream) int {
		return cmp.Or(cmp.Compare(p.venue, q.venue), cmp.Compare(cmp.Or(p.size, 1e99), cmp.Or(q.size, 1e99)))
	})
	for i, q := range order {
		if q.base != asset || q.quote != "USD" {
			continue
		}
		for _, p := range q.prices(w) {
			p.read = fmt.Sprintf("%03d", i)
			list = append(list, p)
		}
	}
	return bestBasis(list)
}

// premium is a price against what the token is worth at that moment.
type premium struct {
	point
	fair, value *big.Rat
}

// premiums are those of one stream: none where the price is in another asset, or the
// rate beside it older than the token allows. A rebasing token's unit is worth 1.
func (p past) premiums(q stream, w span) (list []premium) {
	if q.quote != coin[q.base] {
		return nil
	}
	rates := p.rates(q.base, w.since())
	for _, x := range q.prices(w) {
		fair := one
		if q.base != "a" {
			fair = level(rates, x.ts, carried[q.base])
		}
		if fair != nil {
			list = append(list, premium{x, fair, sub(quo(x.value, fair), one)})
		}
	}
	return list
}

// premiumAt is the newest premium no older than the token allows, of the largest size
// and then the first venue; nil where there is none.
func (p past) premiumAt(m market, token string, asOf, known time.Time) (best *premium, of stream) {
	for _, q := range m {
		if q.base != token {
			continue
		}
		list := p.premiums(q, span{always, asOf, known})
		// the best basis of the newest moment
		slices.SortStableFunc(list, func(x, y premium) int { return cmp.Or(y.ts.Compare(x.ts), cmp.Compare(rank(x.point), rank(y.point))) })
		if len(list) == 0 || asOf.Sub(list[0].ts) > carried[token] {
			continue
		}
		if best == nil || q.size > of.size || q.size == of.size && q.venue < of.venue {
			best, of = &list[0], q
		}
	}
	return best, of
}

// drawMarket draws prices of every token, some in the wrong asset.
func drawMarket(t *rapid.T, most int) (m market) {
	for _, token := range []string{"a", "w", "b", "c", "l"} {
		for _, size := range []float64{0, 10, 100} {
			for _, venue := range []string{"curve", "dex"} {
				if rapid.Bool().Draw(t, "is traded") {
					m = append(m, drawPrices(t, token, coin["a"], venue, size, most, 0.985, 1.01))
				}
			}
		}
	}
	return append(m, drawPrices(t, "c", "SOL", "curve", 0, most, 0.9, 2.1), drawPrices(t, "w", "USD", "cex", 1000, most, 900, 2000))
}

func TestPremiumsByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		var p past
		for _, token := range []string{"a", "w", "b", "c", "l"} {
			p = append(p, rateReadings(t, token, 12)...)
		}
		put(t, s, p)
		m := drawMarket(t, 6)
		putPrices(t, s, m)
		w := drawSpan(t)
		w.hi = w.lo.Add(drawTime(t, "as of", 0, 4))
		var all, newest [][]any
		for _, token := range []string{"a", "b", "c", "w"} {
			for _, q := range m {
				if q.base == token {
					for _, x := range p.premiums(q, w) {
						all = append(all, []any{token, q.venue, rat(q.size), x.ts, x.basis, x.fair, about{x.value, one}})
					}
				}
			}
			if x, of := p.premiumAt(m, token, w.hi, w.known); x != nil {
				newest = append(newest, []any{token, of.venue, x.ts, x.basis, x.fair, about{x.value, one}})
			}
		}
		slices.SortStableFunc(all, func(x, y []any) int {
			return cmp.Or(cmp.Compare(x[0].(string), y[0].(string)), cmp.Compare(x[1].(string), y[1].(string)), x[2].(*big.Rat).Cmp(y[2].(*big.Rat)), x[3].(time.Time).Compare(y[3].(time.Time)))
		})
		agree(t, s, fmt.Sprintf(`SELECT token_id, venue, coalesce(size_base, 0) AS size, ts, basis, fair, premium FROM premium_between(%s)
			ORDER BY token_id, venue, size, ts, basis_rank(basis)`, w), all)
		agree(t, s, fmt.Sprintf("SELECT token_id, venue, ts, basis, fair, premium FROM premium_at('%s', kt := '%s') ORDER BY 1", stamp(w.hi), stamp(w.known)), newest)
	})
}

// episode is a time below −theta that ends above −theta/2.
type episode struct {
	began, trough, ended *premium // ended is nil while it is open
	area                 *big.Rat // bps × days
	prices               int
}

func episodes(list []premium, theta *big.Rat, age time.Duration) (all []episode) {
	deep, half := new(big.Rat).Neg(theta), new(big.Rat).Neg(quo(theta, big.NewRat(2, 1)))
	var running *episode
	for i := range list {
		x := &list[i]
		switch {
		case x.value.Cmp(deep) < 0 && running == nil:
			running = &episode{began: x, trough: x, area: new(big.Rat)}
		case x.value.Cmp(half) > 0 && running != nil:
			running.ended = x
			all, running = append(all, *running), nil
		}
		if running == nil {
			continue
		}
		running.prices++
		if x.value.Cmp(running.trough.value) < 0 {
			running.trough = x
		}
		if i+1 < len(list) {
			days := quo(historytest.Seconds(min(list[i+1].ts.Sub(x.ts), age)), big.NewRat(86400, 1))
			running.area = sub(running.area, mul(big.NewRat(10000, 1), x.value, days))
		}
	}
	if running != nil {
		all = append(all, *running)
	}
	return all
}

func TestDepegEpisodesByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		var p past
		for _, token := range []string{"a", "b"} {
			p = append(p, rateReadings(t, token, 40)...)
		}
		put(t, s, p)
		var m market
		for _, size := range []float64{1, 100} {
			for _, token := range []string{"a", "b"} {
				price := one // creeps, so that it stays near the threshold for a while
				if token == "b" {
					price = rat(p[len(p)-1].value)
				}
				q := stream{token, "ETH", "dex", size, readings(t, "dex", token, 30, func(f *fact) {
					price = add(price, rat(drawFloat(t, "move", -0.004, 0.004)))
					f.value = historytest.Float(price)
				})}
				q.past = slices.DeleteFunc(q.past, func(f fact) bool { return f.basis != "onchain" }) // one price a moment
				m = append(m, q)
			}
		}
		putPrices(t, s, m)
		w := drawSpan(t)
		theta := rapid.SampledFrom([]float64{0.002, 0.005, 0.02}).Draw(t, "theta")
		var want [][]any
		for _, q := range []stream{m[0], m[2], m[1], m[3]} {
			for _, e := range episodes(p.premiums(q, w), rat(theta), carried[q.base]) {
				days := func(from *premium) any {
					if e.ended == nil {
						return nil
					}
					return quo(historytest.Seconds(e.ended.ts.Sub(from.ts)), big.NewRat(86400, 1))
				}
				ended := any(nil)
				if e.ended != nil {
					ended = e.ended.ts
				}
				want = append(want, []any{q.base, rat(q.size), e.began.ts, e.trough.ts, ended, about{mul(big.NewRat(10000, 1), e.trough.value), big.NewRat(10000, 1)},
					days(e.began), days(e.trough), about{e.area, big.NewRat(1e6, 1)}, e.prices, e.ended == nil})
			}
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, size_base, began, trough_at, ended, trough_bps, duration_days, recovery_days, area_bps_days, prices, is_open
			FROM depeg_episodes(%g, %s) ORDER BY token_id, size_base, began`, theta, w), want)
	})
}
