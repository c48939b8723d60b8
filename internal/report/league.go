package report

import (
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
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
