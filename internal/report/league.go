package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// Widths a text report can have.
const (
	MinWidth     = 80
	DefaultWidth = 100
	MaxWidth     = 160
)

// league is the answer of the query of that name in the order of a reader: by
// chain, the chain's own rate first, then by rank, then what has no rank.
type league struct {
	chains []chainLeague
	unread int // tokens of which nothing is known, left out
}

type chainLeague struct {
	chain string
	rows  []row
}

func newLeague(res *query.Result) league {
	var l league
	for _, r := range rows(res) {
		if !anyKnown(r, "age_h", "tvl_native", "premium_bps") {
			l.unread++
			continue
		}
		chain := r.textOr("chain", unknown)
		i := slices.IndexFunc(l.chains, func(c chainLeague) bool { return c.chain == chain })
		if i < 0 {
			i = len(l.chains)
			l.chains = append(l.chains, chainLeague{chain: chain})
		}
		l.chains[i].rows = append(l.chains[i].rows, r)
	}
	slices.SortStableFunc(l.chains, func(a, b chainLeague) int { return strings.Compare(a.chain, b.chain) })
	for _, c := range l.chains {
		slices.SortStableFunc(c.rows, func(a, b row) int { return tier(a) - tier(b) })
	}
	return l
}

func anyKnown(r row, columns ...string) bool {
	return slices.ContainsFunc(columns, func(c string) bool { _, ok := r.number(c); return ok })
}

// league of the report; the tokens that were never read are those of freshness.
func (d *Data) league() league {
	l := newLeague(d.Answers["league"].Result)
	l.unread = 0
	for _, r := range d.rows("freshness") {
		if _, read := r.moment("observed_ts"); !read {
			l.unread++
		}
	}
	return l
}

// tier puts the benchmark first and what is withheld last; inside a tier the
// order of the query stays.
func tier(r row) int {
	switch {
	case r.textOr("state", "") == "bench":
		return 0
	case isRanked(r):
		return 1
	case !isWithheld(r):
		return 2
	}
	return 3
}

func isRanked(r row) bool {
	_, ok := r.number("position")
	return ok
}

// isWithheld reports whether the state keeps the yield from being shown.
func isWithheld(r row) bool {
	s := r.textOr("state", "stale")
	return s != "fresh" && s != "restated" && s != "bench"
}

// A textColumn of the terminal report. Low priorities go first when it is narrow.
type textColumn struct {
	head     string
	left     bool
	priority int
	cell     func(row) string
}

var leagueColumns = []textColumn{
	{"chain", true, 9, chainOf},
	{"token", true, 9, tokenOf},
	{"net APR", false, 9, show("apr_pct", percent)},
	{"over", false, 8, windowOf},
	{"7d", false, 1, show("apr_7d_pct", percent)},
	{"30d", false, 1, show("apr_30d_pct", percent)},
	{"365d", false, 2, show("apr_365d_pct", percent)},
	{"chain's", false, 5, show("chain_apr_pct", percent)},
	{"spread", false, 7, show("spread_bps", signedBps)},
	{"capture", false, 9, show("capture", times)},
	{"kept/said", false, 6, takeRates},
	{"prem", false, 7, show("premium_bps", signedBps)},
	{"exit100", false, 6, exitOf},
	{"TVL", false, 8, show("tvl_native", amount)},
	{"USD", false, 3, show("tvl_usd", dollars)},
	{"30d flow", false, 4, show("flow30_pct", signedPercent)},
	{"  as of", true, 8, readAt},
	{"  state", true, 9, func(r row) string { return r.textOr("basis", " ") + " " + stateOf(r) }},
}

func show(column string, format func(float64, bool) string) func(row) string {
	return func(r row) string { return format(r.number(column)) }
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

// LeagueTable writes the answer of the query league for a terminal of width
// columns: grouped by chain, the chain's own rate first, unknown as —. Tokens that
// were never read are left out and counted in one line. Columns that do not fit
// are left out, the least needed first.
func LeagueTable(w io.Writer, res *query.Result, width int) error {
	return leagueTable(w, newLeague(res), TextOptions{Width: width})
}

func leagueTable(w io.Writer, l league, o TextOptions) error {
	var lines [][]string
	var kinds []int // tier of each line
	for _, c := range l.chains {
		for _, r := range c.rows {
			line := make([]string, len(leagueColumns))
			for i, col := range leagueColumns {
				line[i] = col.cell(r)
			}
			lines, kinds = append(lines, line), append(kinds, tier(r))
		}
	}
	out := &painter{color: o.Color}
	if len(lines) > 0 {
		shown, widths := fit(leagueColumns, lines, o.width())
		head := make([]string, len(leagueColumns))
		for i, c := range leagueColumns {
			head[i] = c.head
		}
		out.line(bold, joinCells(head, shown, widths))
		for i, line := range lines {
			style := plain
			switch {
			case kinds[i] == 0:
				style = bold
			case kinds[i] == 3:
				style = dim
			}
			out.line(style, joinCells(line, shown, widths))
		}
	}
	if len(lines) > 0 {
		out.wrapped(dim, "", l.legend(), o.width())
	}
	if l.unread > 0 {
		out.line(dim, fmt.Sprintf("%s never read here and left out", plural(l.unread, "token was", "tokens were")))
	}
	return out.flush(w)
}

// fit picks the columns that fit into width: all, or without the least needed.
func fit(columns []textColumn, lines [][]string, width int) (shown []int, widths []int) {
	widths = make([]int, len(columns))
	for i, c := range columns {
		widths[i] = runes(c.head)
		for _, line := range lines {
			widths[i] = max(widths[i], runes(line[i]))
		}
		shown = append(shown, i)
	}
	total := func() int {
		sum := 2 * (len(shown) - 1)
		for _, i := range shown {
			sum += widths[i]
		}
		return sum
	}
	for total() > width {
		least := slices.MinFunc(shown, func(a, b int) int { return columns[a].priority - columns[b].priority })
		if columns[least].priority == 9 {
			break
		}
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == least })
	}
	return shown, widths
}

func joinCells(cells []string, shown, widths []int) string {
	parts := make([]string, len(shown))
	for n, i := range shown {
		pad := strings.Repeat(" ", widths[i]-runes(cells[i]))
		if leagueColumns[i].left {
			parts[n] = cells[i] + pad
		} else {
			parts[n] = pad + cells[i]
		}
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}
