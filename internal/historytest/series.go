package historytest

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// Point is one value of a series, exact.
type Point struct {
	Time  time.Time
	Value *big.Rat
	Unit  float64 // one unit in the last place the source rounds to; 0: not rounded
}

// Series are the values of one thing, each later than the one before.
type Series []Point

// At is the newest value at a moment; ok is false before the first.
func (s Series) At(moment time.Time) (_ Point, ok bool) {
	i := slices.IndexFunc(s, func(p Point) bool { return p.Time.After(moment) })
	if i < 0 {
		i = len(s)
	}
	if i == 0 {
		return Point{}, false
	}
	return s[i-1], true
}

// and adds a value, unless it is no later than the last: the event log holds a few
// reports twice or out of order.
func (s Series) and(p Point) Series {
	if len(s) > 0 && !p.Time.After(s[len(s)-1].Time) {
		return s
	}
	return append(s, p)
}

// Rates are the redemption rates of all tokens of the recordings, by token id.
func Rates(t testing.TB) map[string]Series {
	t.Helper()
	rates := map[string]Series{}
	for _, row := range Rows(t, "solana_rates_per_epoch.csv") {
		token := row.Text("token")
		p := Point{row.Time("first_seen"), row.Number("sol_per_token"), row.solanaUnit()}
		rates[token] = rates[token].and(p)
	}
	for _, row := range Rows(t, "ethereum_rates_daily.csv") {
		token := row.Text("token")
		if token == "reth" {
			continue // its reports are exact and complete
		}
		p := Point{row.Time("time"), row.Number("eth_per_token"), printedUnit(row.Text("eth_per_token"))}
		rates[token] = rates[token].and(p)
	}
	for _, row := range balanceReports(t) {
		p := Point{row.Time("event_time"), Quo(row.Number("total_eth_wei"), row.Number("reth_supply_wei")), 0}
		rates["reth"] = rates["reth"].and(p)
	}
	return rates
}

// Supplies are the supplies of rETH its balance reports counted.
func Supplies(t testing.TB) (supplies Series) {
	t.Helper()
	for _, row := range balanceReports(t) {
		supplies = supplies.and(Point{row.Time("event_time"), Quo(row.Number("reth_supply_wei"), big.NewRat(1e18, 1)), 1e-18})
	}
	return supplies
}

// balanceReports are the reports that have a rate.
func balanceReports(t testing.TB) []Row {
	t.Helper()
	return slices.DeleteFunc(Rows(t, "rocketpool_balances.csv"), func(r Row) bool { return r.Text("reth_supply_wei") == "0" })
}

// solanaUnit is where the source of Solana's rates rounds. From some epoch on it
// rounds to fewer decimals and drops trailing zeros, which are as known as the rest.
func (r Row) solanaUnit() float64 {
	epoch := Float(r.Number("epoch"))
	switch token := r.Text("token"); {
	case (token == "jitosol" || token == "bsol") && epoch >= 487:
		return 1e-9
	case token == "stsol" && epoch >= 486:
		return 1e-4
	}
	return printedUnit(r.Text("sol_per_token"))
}

// printedUnit is one unit in the last printed place.
func printedUnit(number string) float64 {
	_, frac, _ := strings.Cut(number, ".")
	return math.Pow10(-len(frac))
}
