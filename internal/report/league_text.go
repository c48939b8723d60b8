package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

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
		heads, units := make([]string, len(leagueColumns)), make([]string, len(leagueColumns))
		for i, c := range leagueColumns {
			heads[i], units[i] = c.head, c.unit
		}
		out.line(bold, joinCells(heads, shown, widths))
		out.line(bold, joinCells(units, shown, widths))
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
		out.wrapped(dim, l.legend(shown), "  ", o.width())
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
		widths[i] = max(runes(c.head), runes(c.unit))
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

// legend names the chains, and the routes, marks and heads of the columns shown.
func (l league) legend(shown []int) []string {
	var chains, routes, stars, marks []string
	for _, c := range l.chains {
		chains = append(chains, chainOf(c.rows[0])+"="+c.chain)
		for _, r := range c.rows {
			if used, off := offWindow(r); off {
				stars = append(stars, fmt.Sprintf("%s %.0fd", tokenOf(r), used))
			}
			if route, ok := r.text("exit100_route"); ok && !slices.Contains(routes, routeLetter(route)+"="+route) {
				routes = append(routes, routeLetter(route)+"="+route)
			}
			marks = append(marks, r.textOr("basis", ""))
		}
	}
	parts := chains
	if len(stars) > 0 {
		parts = append(parts, "*=over other days: "+strings.Join(stars, ", "))
	}
	for _, i := range shown {
		switch leagueColumns[i].head {
		case "take":
			parts = append(parts, "take=of rewards, effective/advertised")
		case "exit":
			parts = append(append(parts, "exit=of 100 units, all in"), routes...)
		}
	}
	return append(parts, strings.Split(query.MarkWords(marks, "  "), "  ")...)
}
