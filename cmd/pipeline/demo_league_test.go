package main

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// In June 2023 every token was read, and Ethereum's own rate is known.
func TestTheLeagueOfJune2023ByHand(t *testing.T) {
	t.Parallel()
	tokens := recordedTokens(t)
	asOf := time.Date(2023, 6, 21, 0, 0, 0, 0, time.UTC)
	staking := historytest.Staking(t, asOf.AddDate(0, 0, -40), asOf)
	s, _ := newDemoSite(t)
	a := s.asks(t, "league -p window=30 -p as_of=2023-06-21")

	capture := map[string]*big.Rat{}
	for symbol, x := range tokens {
		r := a.theRow(symbol)
		r.says("state", "fresh")
		yield := r.earned(x, asOf)
		r.is("premium_bps", bps(x.premiumAt(asOf)), 2)
		if r.values["chain"] != "ethereum" { // Solana's own rate is not recorded
			for _, column := range []string{"chain_apr_pct", "spread_bps", "capture", "position"} {
				r.says(column, nil)
			}
			continue
		}
		chain := staking.Beside(yield) // over the token's own time
		capture[symbol] = historytest.Quo(yield.APR(), chain.APR())
		r.is("chain_apr_pct", percent(chain.APR()), 4)
		r.is("spread_bps", bps(historytest.Sub(yield.APR(), chain.APR())), 2)
		r.is("capture", capture[symbol], 4)
	}

	month, _ := staking.Index.YieldOf(days(30), asOf)
	a.theRow("ETH staking").is("apr_pct", percent(month.APR()), 4)

	// The highest capture first; stETH and wstETH have the same and stand by name.
	order := []string{"sfrxETH", "stETH", "wstETH", "cbETH", "rETH"}
	if !slices.IsSortedFunc(order, func(a, b string) int { return capture[b].Cmp(capture[a]) }) {
		t.Fatalf("by hand the order is another: %v", capture)
	}
	for i, symbol := range order {
		a.theRow(symbol).counts("position", i+1)
		if got := a.rows[i].values["token"]; got != symbol {
			t.Errorf("row %d is %v, want %s", i+1, got, symbol)
		}
	}

	rETH := a.theRow("rETH") // the one whose supply is recorded
	supplies := historytest.Supplies(t)
	now, _ := supplies.At(asOf)
	then, _ := supplies.At(asOf.Add(-days(30)))
	rate, _ := tokens["rETH"].rates.At(asOf)
	usd, _ := dollars(t).At(asOf)
	tvl := historytest.Mul(now.Value, rate.Value)
	rETH.is("tvl_native", tvl, 9)
	rETH.is("tvl_usd", historytest.Mul(tvl, usd.Value), 2)
	rETH.is("flow30_pct", percent(historytest.Sub(historytest.Quo(now.Value, then.Value), historytest.One)), 3)
}

// At the end of 2024 Ethereum's records have ended, stSOL stands still, and the other
// three of Solana are shown without a rank, since Solana's own rate is not recorded.
func TestTheLeagueOfTheEndOf2024ByHand(t *testing.T) {
	t.Parallel()
	tokens := recordedTokens(t)
	asOf := time.Date(2024, 12, 31, 19, 30, 0, 0, time.UTC)
	s, _ := newDemoSite(t)
	a := s.asks(t, "league -p window=30 -p as_of=2024-12-31T19:30:00Z")

	withheld := []string{"apr_pct", "apr_7d_pct", "apr_30d_pct", "apr_365d_pct", "spread_bps", "capture"}
	for _, symbol := range []string{"mSOL", "JitoSOL", "bSOL"} {
		r := a.theRow(symbol)
		r.says("state", "fresh")
		r.earned(tokens[symbol], asOf)
		year, whole := tokens[symbol].rates.YieldOf(days(365), asOf)
		if !whole {
			t.Fatalf("%s has no whole year", symbol)
		}
		r.is("apr_365d_pct", percent(year.APR()), 4)
	}

	x, r := tokens["stSOL"], a.theRow("stSOL")
	last, _ := x.rates.At(asOf)
	still, _ := x.rates.YieldOf(days(30), asOf)
	if asOf.Sub(last.Time) > x.stale || asOf.Sub(still.To.Time) <= x.stale {
		t.Fatalf("by hand stSOL, read at %v and changed at %v, is not frozen", last.Time, still.To.Time)
	}
	r.says("state", "frozen")
	r.is("age_h", historytest.Quo(historytest.Seconds(asOf.Sub(still.To.Time)), big.NewRat(3600, 1)), 1)
	for _, column := range withheld {
		r.says(column, nil)
	}

	for _, symbol := range []string{"stETH", "wstETH", "rETH", "cbETH", "sfrxETH"} {
		r := a.theRow(symbol)
		r.says("state", "stale")
		for _, column := range withheld {
			r.says(column, nil)
		}
	}
	chain, _ := historytest.Staking(t, asOf.AddDate(0, 0, -40), asOf).Index.YieldOf(days(30), asOf)
	a.theRow("ETH staking").is("apr_pct", percent(chain.APR()), 4)
	for _, r := range a.rows {
		r.says("position", nil)
	}
	for i, symbol := range []string{"mSOL", "JitoSOL", "bSOL"} { // and first who earned most
		if got := a.rows[i].values["token"]; got != symbol {
			t.Errorf("row %d is %v, want %s", i+1, got, symbol)
		}
	}
}

// earned checks what a row says of a token's yields over a week and a month, and
// returns the month's.
func (r answered) earned(x recordedToken, asOf time.Time) historytest.Yield {
	r.t.Helper()
	week, ok := x.rates.YieldOf(days(7), asOf)
	month, whole := x.rates.YieldOf(days(30), asOf)
	if !ok || !whole {
		r.t.Fatalf("%s has no whole month at %v", x.symbol, asOf)
	}
	r.is("apr_7d_pct", percent(week.APR()), 4)
	r.is("apr_30d_pct", percent(month.APR()), 4)
	r.is("apr_pct", percent(month.APR()), 4)
	r.is("days_used", month.Days(), 2)
	r.counts("updates", month.Updates)
	r.is("age_h", historytest.Quo(historytest.Seconds(asOf.Sub(month.To.Time)), big.NewRat(3600, 1)), 1)
	return month
}

// dollars are the recorded prices of ETH in USD.
func dollars(t *testing.T) (prices historytest.Series) {
	t.Helper()
	for _, row := range historytest.Rows(t, "prices_usd_daily.csv") {
		prices = append(prices, historytest.Point{Time: row.Time("date"), Value: row.Number("eth_usd")})
	}
	return prices
}

// What a protocol and its validators keep, against the chain's own rate.
func TestTheTakeRateOfJune2023ByHand(t *testing.T) {
	t.Parallel()
	tokens := recordedTokens(t)
	asOf := time.Date(2023, 6, 21, 0, 0, 0, 0, time.UTC)
	staking := historytest.Staking(t, asOf.AddDate(0, 0, -40), asOf)
	s, _ := newDemoSite(t)
	a := s.asks(t, "take-rate -p window=30 -p as_of=2023-06-21")
	for _, symbol := range []string{"stETH", "rETH", "cbETH", "sfrxETH"} {
		r := a.theRow(symbol)
		yield, _ := tokens[symbol].rates.YieldOf(days(30), asOf)
		r.is("vs_chain_pct", percent(historytest.Sub(historytest.One, historytest.Quo(yield.APR(), staking.Beside(yield).APR()))), 2)
		r.says("effective_pct", nil) // no shares minted as fees are recorded
	}
	for _, symbol := range []string{"JitoSOL", "mSOL", "stSOL"} {
		a.theRow(symbol).says("vs_chain_pct", nil)
	}
}
