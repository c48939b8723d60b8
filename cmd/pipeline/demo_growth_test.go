package main

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// What 100 ETH or SOL became: the levels at both ends, the entry fee, the market.
func TestTheGrowthOf2023ByHand(t *testing.T) {
	t.Parallel()
	tokens := recordedTokens(t)
	// Rocket Pool took 0.05 % of a deposit; nothing says what others took.
	fees := map[string]*big.Rat{"rETH": big.NewRat(5, 10000)}
	for _, span := range []struct{ from, to time.Time }{
		{time.Date(2023, 3, 10, 0, 0, 0, 0, time.UTC), time.Date(2023, 6, 21, 0, 0, 0, 0, time.UTC)},
		{time.Date(2023, 4, 2, 18, 30, 0, 0, time.UTC), time.Date(2023, 5, 17, 6, 0, 0, 0, time.UTC)},
	} {
		t.Run(span.from.Format(time.DateOnly), func(t *testing.T) {
			t.Parallel()
			s, _ := newDemoSite(t)
			a := s.asks(t, fmt.Sprintf("growth -p from=%s -p to=%s", span.from.Format(time.RFC3339), span.to.Format(time.RFC3339)))
			if len(a.rows) != len(tokens)+1 {
				t.Errorf("there are %d rows, want one a token and Ethereum's own rate", len(a.rows))
			}
			for symbol, x := range tokens {
				r := a.theRow(symbol)
				from, to := x.levelAt(t, span.from), x.levelAt(t, span.to)
				bought := historytest.Quo(big.NewRat(100, 1), from.Value)
				if fee := fees[symbol]; fee != nil {
					bought = historytest.Mul(bought, historytest.Sub(historytest.One, fee))
				}
				redeemed := historytest.Mul(bought, to.Value)
				var sold *big.Rat
				if premium := x.premiumAt(span.to); premium != nil {
					sold = historytest.Mul(redeemed, historytest.Add(historytest.One, premium))
				}
				r.is("fee_bps", bps(fees[symbol]), 0)
				r.is("lst_bought", bought, 6)
				r.is("at_redemption", redeemed, 6)
				r.is("at_market", sold, 6)
				r.grew(from, to)
			}
			index := historytest.Staking(t, span.from.AddDate(0, 0, -2), span.to).Index
			from, _ := index.At(span.from)
			to, _ := index.At(span.to)
			r := a.theRow("ETH staking")
			r.says("lst_bought", nil)
			r.is("at_redemption", historytest.Mul(big.NewRat(100, 1), historytest.Quo(to.Value, from.Value)), 6)
			r.says("at_market", nil)
			r.grew(from, to)
		})
	}
}

// grew checks the growth between two levels, and the same per year.
func (r answered) grew(from, to historytest.Point) {
	r.t.Helper()
	growth := historytest.Quo(to.Value, from.Value)
	r.is("native_return_pct", percent(historytest.Sub(growth, historytest.One)), 4)
	// A power is no rational; the double of it is exact to more places than are printed.
	years := to.Time.Sub(from.Time).Hours() / (365 * 24)
	r.is("apy_pct", percent(historytest.Exactly(math.Pow(historytest.Float(growth), 1/years)-1)), 4)
	r.isAt("from_ts", from.Time)
	r.isAt("to_ts", to.Time)
}

// levelAt is the rate at a moment, which must be fresh then.
func (x recordedToken) levelAt(t *testing.T, moment time.Time) historytest.Point {
	t.Helper()
	p, ok := x.rates.At(moment)
	if !ok || moment.Sub(p.Time) > x.stale {
		t.Fatalf("%s has no fresh rate at %v", x.symbol, moment)
	}
	return p
}
