package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// A figure is one view of the page: charts or tables with all a reader needs to
// trust them.
type figure struct {
	ID, Title string
	Lead      string        // what it shows and how to read it
	Trust     []string      // as-of, window, basis marks, states, methodology
	From      drawnFrom     // of charts over time: what may break them
	Breaks    []seriesBreak // inside their time
	Keys      []key
	Panels    []panel // drawn side by side where there is room
	Toggle    string  // the second unit, when panels come in two
	Tables    []table
	Missing   string // set: there is nothing to draw, and why
	Notes     []string
	Offers    []offer
}

// A panel is one chart in two sizes, so that its text stays readable on a phone.
type panel struct {
	Heading      string
	Unit         string // of the toggle; empty: always shown
	Full         bool   // takes the whole width
	Wide, Narrow *scene
}

// A key says what a class or a shape means.
type key struct{ Class, Glyph, Text string }

// A table is figures as text.
type table struct {
	Caption string
	Head    []cell
	Rows    []tableRow
	Open    bool // shown outright, not folded
	Wide    bool // its first column stays in sight while the rest scrolls
}

type tableRow struct {
	Class string
	Cells []cell
}

type cell struct {
	Text, Class, Hint string
	Numeric           bool
	Bar               *scene
}

func label(s string) cell  { return cell{Text: s} }
func number(s string) cell { return cell{Text: s, Numeric: true} }

func heads(names ...string) []cell {
	list := make([]cell, len(names))
	for i, n := range names {
		name, numeric := strings.CutPrefix(n, "#")
		list[i] = cell{Text: name, Numeric: numeric}
	}
	return list
}

// An offer is one query behind a figure: its SQL, its rows as CSV, and what its
// columns mean.
type offer struct {
	Name, Question string
	Methodology    int
	SQL            string
	CSV            template.URL
	File           string // of the CSV, with the moment looked at
	Rows           int
	Columns        []query.ColumnDoc
	Caveats        []string
}

func (d *Data) offers(names ...string) ([]offer, error) {
	var list []offer
	for _, name := range names {
		a, ok := d.Answers[name]
		if !ok {
			continue
		}
		var csv bytes.Buffer
		if err := query.Render(&csv, a.Stamp(a.Result, a.Bound), "csv", 0); err != nil {
			return nil, err
		}
		uri := "data:text/csv;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(csv.Bytes())
		list = append(list, offer{
			Name: name, Question: a.Question, Methodology: a.Methodology, SQL: a.Literal(a.Bound),
			CSV:  template.URL(uri), //nolint:gosec // base64 of our own rows
			File: name + "-as-of-" + d.AsOf.Format("20060102T1504Z") + ".csv", Rows: len(a.Result.Rows),
			Columns: a.Columns, Caveats: a.Caveats,
		})
	}
	return list, nil
}

// trust is what every figure says about itself: the moment, the period, how the
// rows came to be known, and in what state the tokens are. names are the queries
// it is drawn from; the first decides the period.
func (d *Data) trust(names ...string) []string {
	list := []string{"as of " + minute(d.AsOf)}
	if a, ok := d.Answers[names[0]]; ok {
		if p := period(a.Bound); p != "" {
			list = append(list, p)
		}
	}
	if !d.KnownAt.IsZero() {
		list = append(list, "known by "+minute(d.KnownAt))
	}
	var marks []string
	tokens := map[string]bool{}
	versions := map[int]bool{}
	var each []string
	for _, name := range names {
		for _, r := range d.rows(name) {
			if t, ok := r.text("token"); ok {
				tokens[t] = true
			}
		}
		if a, ok := d.Answers[name]; ok {
			marks = append(marks, query.Marks(a.Result)...)
			versions[a.Methodology] = true
			each = append(each, fmt.Sprintf("%d of %s", a.Methodology, name))
		}
	}
	if len(marks) > 0 {
		list = append(list, query.MarkWords(marks, ", "))
	} else if under := d.marks(tokens); len(under) > 0 {
		// The query joins several readings and names no basis of its own.
		list = append(list, "◇ derived from "+query.MarkWords(under, ", "))
	}
	if s := d.states(tokens); s != "" {
		list = append(list, s)
	}
	if len(versions) > 1 {
		return append(list, "methodology "+strings.Join(each, ", "))
	}
	for v := range versions {
		list = append(list, "methodology "+strconv.Itoa(v))
	}
	return list
}

// marks are those of the newest rates of tokens.
func (d *Data) marks(tokens map[string]bool) []string {
	var list []string
	for _, r := range d.rows("freshness") {
		if m, ok := r.text("basis"); ok && tokens[r.textOr("token", "")] {
			list = append(list, m)
		}
	}
	return list
}

// period says which time a query looked at, from its bound parameters.
func period(bound map[string]string) string {
	if w, ok := bound["window"]; ok {
		return "window " + w + " d"
	}
	from, ok1 := bound["from"]
	to, ok2 := bound["to"]
	if ok1 && ok2 && len(from) >= 10 && len(to) >= 10 {
		return from[:10] + " to " + to[:10]
	}
	return ""
}

// states counts the state words of the tokens that were ever read.
func (d *Data) states(tokens map[string]bool) string {
	counts := map[string]int{}
	for _, r := range d.rows("freshness") {
		if _, read := r.moment("observed_ts"); read && tokens[r.textOr("token", "")] {
			counts[r.textOr("state", "stale")]++
		}
	}
	var parts []string
	for _, s := range []string{"fresh", "restated", "stale", "frozen", "sunset"} {
		if counts[s] > 0 {
			parts = append(parts, strconv.Itoa(counts[s])+" "+s)
		}
	}
	return strings.Join(parts, ", ")
}

// groups cuts rows into runs of equal column texts, in order of first appearance.
func groups(list []row, columns ...string) (names [][]string, members [][]row) {
	at := map[string]int{}
	for _, r := range list {
		name := make([]string, len(columns))
		for i, c := range columns {
			name[i] = r.textOr(c, "")
		}
		id := strings.Join(name, "\x00")
		i, ok := at[id]
		if !ok {
			i = len(names)
			at[id] = i
			names, members = append(names, name), append(members, nil)
		}
		members[i] = append(members[i], r)
	}
	return names, members
}
