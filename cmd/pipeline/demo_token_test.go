package main

import (
	"math/big"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// recordedToken is a token of the recordings under its symbol.
type recordedToken struct {
	symbol, id string
	rates      historytest.Series
	prices     historytest.Series // in the native asset; none: no market is recorded
	perShare   bool               // a price is for a share and not for a unit of the native asset
	stale      time.Duration      // older than this its rate is not used, as its card says
}

// recordedTokens are the tokens whose rates of 2023 and 2024 are recorded.
func recordedTokens(t *testing.T) map[string]recordedToken {
	t.Helper()
	rates := historytest.Rates(t)
	rates["steth"] = rates["wsteth"] // which is recorded for both
	prices := map[string]historytest.Series{}
	for _, row := range historytest.Rows(t, "ethereum_market_prices_daily.csv") {
		id := row.Text("token")
		prices[id] = append(prices[id], historytest.Point{Time: row.Time("time"), Value: row.Number("eth_per_token")})
	}
	tokens := map[string]recordedToken{}
	for _, x := range []recordedToken{
		{symbol: "stETH", id: "steth", stale: 50 * time.Hour},
		{symbol: "wstETH", id: "wsteth", stale: 50 * time.Hour, perShare: true},
		{symbol: "rETH", id: "reth", stale: 50 * time.Hour, perShare: true},
		{symbol: "cbETH", id: "cbeth", stale: 72 * time.Hour, perShare: true},
		{symbol: "sfrxETH", id: "sfrxeth", stale: 192 * time.Hour, perShare: true},
		{symbol: "mSOL", id: "msol", stale: 96 * time.Hour, perShare: true},
		{symbol: "JitoSOL", id: "jitosol", stale: 96 * time.Hour, perShare: true},
		{symbol: "bSOL", id: "bsol", stale: 96 * time.Hour, perShare: true},
		{symbol: "stSOL", id: "stsol", stale: 96 * time.Hour, perShare: true},
	} {
		x.rates, x.prices = rates[x.id], prices[x.id]
		tokens[x.symbol] = x
	}
	return tokens
}

// premiumOf is a price over the token's fair value then, minus 1; nil when the rate
// is too old to say.
func (x recordedToken) premiumOf(price historytest.Point) *big.Rat {
	fair := historytest.One
	if x.perShare {
		rate, ok := x.rates.At(price.Time)
		if !ok || price.Time.Sub(rate.Time) > x.stale {
			return nil
		}
		fair = rate.Value
	}
	return historytest.Sub(historytest.Quo(price.Value, fair), historytest.One)
}

// premiumAt is the newest premium at a moment; nil without a fresh price.
func (x recordedToken) premiumAt(moment time.Time) *big.Rat {
	price, ok := x.prices.At(moment)
	if !ok || moment.Sub(price.Time) > x.stale {
		return nil
	}
	return x.premiumOf(price)
}

// days is a number of days of 24 hours.
func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
