package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A textColumn of the terminal report, its head on two lines: the second is the unit
// or the rest of the name. Low priorities go first when it is narrow; 9 never goes.
type textColumn struct {
	head, unit string
	left       bool
	priority   int
	cell       func(row) string
}

// The yield and what it may cost to get it back stand side by side at every width.
var leagueColumns = []textColumn{
	{"chain", "", true, 9, chainOf},
	{"token", "", true, 9, tokenOf},
	{"net", "APR", false, 9, netAPR},
	{"over", "", false, 2, windowOf},
	{"7d", "APR", false, 1, show("apr_7d_pct", percent)},
	{"30d", "APR", false, 1, show("apr_30d_pct", percent)},
	{"365d", "APR", false, 2, show("apr_365d_pct", percent)},
	{"chain", "rate", false, 5, show("chain_apr_pct", percent)},
	{"spread", "bps", false, 5, bare(show("spread_bps", signedBps))},
	{"capture", "", false, 9, show("capture", times)},
	{"take", "eff/adv", false, 6, takeText},
	{"prem", "bps", false, 9, bare(show("premium_bps", signedBps))},
	{"exit", "bps", false, 9, bare(exitOf)},
	{"TVL", "", false, 8, show("tvl_native", amount)},
	{"USD", "", false, 3, show("tvl_usd", dollars)},
	{"flow", "30d", false, 4, show("flow30_pct", signedPercent)},
	{"  read", "", true, 1, readAt},
	{"  state", "", true, 9, func(r row) string { return r.textOr("basis", " ") + " " + stateOf(r) }},
}

func show(column string, format func(float64, bool) string) func(row) string {
	return func(r row) string { return format(r.number(column)) }
}

// bare leaves out the unit that the head of the column says.
func bare(cell func(row) string) func(row) string {
	return func(r row) string { return strings.Replace(cell(r), "bps", "", 1) }
}

// chainOf is the first three letters of a chain; the legend has the whole name.
func chainOf(r row) string {
	name := []rune(r.textOr("chain", unknown))
	return string(name[:min(len(name), 3)])
}

// tokenOf is the symbol; of a chain's own rate its first word, "ETH staking" is ETH.
func tokenOf(r row) string {
	token := r.textOr("token", unknown)
	if tier(r) == 0 {
		token, _, _ = strings.Cut(token, " ")
	}
	return token
}

func takeRates(r row) string {
	eff, effOK := r.number("take_eff_pct")
	adv, advOK := r.number("take_adv_pct")
	if !effOK && !advOK {
		return unknown
	}
	return strings.TrimSuffix(share(eff, effOK), "%") + "/" + share(adv, advOK)
}

// takeText is takeRates in few characters: 10.1/10%.
func takeText(r row) string { return strings.Replace(takeRates(r), ".0%", "%", 1) }

// exitOf is the cheapest cost of leaving with 100 units and the route's letter.
func exitOf(r row) string {
	v, ok := r.number("exit100_bps")
	if !ok {
		return unknown
	}
	return bps(v, ok) + " " + routeLetter(r.textOr("exit100_route", "?"))
}

// routeLetter is the first letter of a route; dex is x, because delayed is d.
func routeLetter(route string) string {
	if route == "dex" {
		return "x"
	}
	return route[:min(len(route), 1)]
}

// offWindow reports whether a yield covers other days than those asked for, and how
// many it does cover.
func offWindow(r row) (used float64, off bool) {
	used, ok1 := r.number("days_used")
	asked, ok2 := r.number("window_days")
	_, shown := r.number("apr_pct")
	return used, ok1 && ok2 && shown && math.Abs(used-asked) > 0.2*asked
}

// netAPR is the yield, with a star where it does not cover the window.
func netAPR(r row) string {
	text := percent(r.number("apr_pct"))
	if _, off := offWindow(r); off {
		text += "*"
	}
	return text
}

// windowOf is the days a shown yield really covers, from update to update.
func windowOf(r row) string {
	used, ok := r.number("days_used")
	if _, shown := r.number("apr_pct"); !shown || !ok {
		return unknown
	}
	return fmt.Sprintf("%.0fd", used)
}

// readAt is when the token's newest value was so on chain, to the hour.
func readAt(r row) string {
	at, ok1 := r.moment("as_of")
	h, ok2 := r.number("age_h")
	if !ok1 || !ok2 {
		return "  " + unknown
	}
	return "  " + at.Add(-time.Duration(h*float64(time.Hour))).UTC().Format("2006-01-02 15Z")
}

// stateOf is the state word with the age of the value.
func stateOf(r row) string {
	s := r.textOr("state", unknown)
	if h, ok := r.number("age_h"); ok {
		s += " " + age(h, true)
	}
	return s
}
