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

// standing is what a token amounts to at a moment; nil is unknown.
type standing struct {
	token                                  string
	at                                     time.Time
	rate, supply, backing, tvl, usd, inUSD *big.Rat
	from                                   any // what the supply is known from
}

// standings are those of every counted token at 00:00 of the days from lo to hi.
func (p past) standings(m market, w span) (list []standing) {
	whole := w.since()
	for _, token := range counted {
		rates, supply, backing := p.rates(token, whole), p.supply(token, whole), p.series("backing_native", token, whole)
		usd := m.usd(coin[token], whole)
		for at := w.lo; !at.After(w.hi); at = at.Add(day) {
			x := standing{token: token, at: at, rate: level(rates, at, carried[token]), supply: level(supply, at, carried[token]),
				backing: level(backing, at, carried[token]), usd: level(usd, at, 2*day)}
			if x.supply != nil {
				x.from = "supply"
			} else if x.supply = over(x.backing, x.rate); x.supply != nil {
				x.from = "backing"
			}
			if x.from == "supply" {
				x.tvl = times(x.supply, x.rate)
			}
			if x.tvl == nil {
				x.tvl = x.backing
			}
			x.inUSD = times(x.tvl, x.usd)
			list = append(list, x)
		}
	}
	return list
}

// drawLevels draws rates, supplies and backings of all tokens, and dollar prices.
func drawLevels(t *rapid.T, most int) (p past, m market) {
	for _, token := range []string{"a", "w", "b", "c", "l"} {
		p = append(p, rateReadings(t, token, most)...)
		p = append(p, levels(t, "lst_supply", token, most, 1, 1e6)...)
	}
	for _, token := range counted {
		p = append(p, levels(t, "lst_supply_reported", token, most/2, 1, 1e6)...)
		p = append(p, levels(t, "backing_native", token, most/2, 1, 1e6)...)
	}
	for _, asset := range []string{"ETH", "SOL"} {
		m = append(m, drawPrices(t, asset, "USD", "chainlink", 0, most, 10, 5000), drawPrices(t, asset, "USD", "cex", 5, most/2, 10, 5000),
			drawPrices(t, asset, "EUR", "cex", 0, most/2, 10, 5000))
	}
	return p, m
}

// drawDays asks for some days at a whole second of the day.
func drawDays(t *rapid.T) span {
	w := drawSpan(t)
	w.hi = w.lo.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "days")) * day)
	return w
}

func TestLevelsAndSharesByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		p, m := drawLevels(t, 14)
		put(t, s, p)
		putPrices(t, s, m)
		w := drawDays(t)
		list := p.standings(m, w)
		slices.SortStableFunc(list, func(x, y standing) int { return cmp.Or(x.at.Compare(y.at), strings.Compare(x.token, y.token)) })
		total, population := map[string]*big.Rat{}, map[string]int{}
		whole := func(x standing) string { return coin[x.token] + stamp(x.at) }
		for _, x := range list {
			if x.tvl != nil {
				if total[whole(x)] == nil {
					total[whole(x)] = new(big.Rat)
				}
				total[whole(x)] = add(total[whole(x)], x.tvl)
				population[whole(x)]++
			}
		}
		tokensOf := map[string]int{"ETH": 2, "SOL": 1}
		index := map[string]*big.Rat{}
		for _, x := range list {
			if share := over(x.tvl, total[whole(x)]); share != nil {
				index[whole(x)] = plus(cmp.Or(index[whole(x)], new(big.Rat)), mul(big.NewRat(10000, 1), share, share))
			}
		}
		var daily, shares [][]any
		for _, x := range list {
			daily = append(daily, []any{x.at, x.token, x.rate, x.supply, x.from, x.tvl, x.backing, x.usd, x.inUSD})
			missing := tokensOf[coin[x.token]] - population[whole(x)]
			bound := index[whole(x)] // of the tokens, which only those of known levels are
			if missing > 0 {
				bound = nil
			}
			shares = append(shares, []any{x.at, x.token, x.tvl, total[whole(x)], over(x.tvl, total[whole(x)]), population[whole(x)], missing, index[whole(x)], bound, bound})
		}
		asked := fmt.Sprintf("'%s', '%s', kt := '%s'", stamp(w.lo), stamp(w.hi), stamp(w.known))
		agree(t, s, `SELECT d, token_id, rate, supply, supply_from, tvl_native, backing_native, usd, tvl_usd FROM daily(`+asked+`) ORDER BY 1, 2`, daily)
		agree(t, s, `SELECT d, token_id, tvl_native, denominator_native, share_of, population, left_out, hhi, hhi_low, hhi_high FROM market_share(`+asked+`) ORDER BY 1, 2`, shares)
		now := p.standings(m, span{w.hi, w.hi, w.known})
		var tvl [][]any
		for _, x := range now {
			tvl = append(tvl, []any{x.token, x.rate, x.supply, x.tvl, x.inUSD})
		}
		agree(t, s, fmt.Sprintf(`SELECT token_id, rate, supply, tvl_native, tvl_usd FROM tvl('%s', kt := '%s') ORDER BY 1`, stamp(w.hi), stamp(w.known)), tvl)
	})
}
