package report

import (
	"fmt"
	"strings"
)

// gridTicks is how many ticks of each job the health grid shows.
const gridTicks = 14

// healthFigure is the grid of the newest ticks and the four clocks of each token.
func (d *Data) healthFigure() (figure, error) {
	f := figure{
		ID: "health", Title: "Freshness and health",
		Lead: "The newest ticks of every job, newest right, and for every token four clocks: when we fetched, the chain's time, " +
			"when the value last changed, and when the next change is due.",
		Trust: d.trust("freshness", "coverage"),
	}
	for _, c := range []byte("#lr~xqu.>-") {
		f.Keys = append(f.Keys, key{"cell t-" + tickWord(c), tickGlyph(c), tickWord(c)})
	}
	rs := d.rows("coverage")
	if len(rs) == 0 {
		f.Notes = append(f.Notes, "No task is on the books. `pipeline run` reads what is due.")
	} else {
		f.Panels = []panel{{Full: true, Wide: healthScene("health-w", rs, 1180, 230), Narrow: healthScene("health-n", rs, 350, 4)}}
	}
	clocks, never := d.clockTable()
	f.Tables = []table{clocks, d.coverageTable(), d.restatedTable()}
	if len(never) > 0 {
		f.Notes = append(f.Notes, "Never read here: "+strings.Join(never, ", ")+".")
	}
	var err error
	f.Offers, err = d.offers("freshness", "coverage", "restated", "warnings", "definitions")
	return f, err
}

func healthScene(id string, rs []row, w int, left float64) *scene {
	stacked := left < 60
	pitch, head := 30.0, 0.0
	if stacked {
		pitch, head = 50, 18
	}
	size := 22.0
	sc := &scene{ID: id, W: w, H: int(pitch*float64(len(rs))) + 8, Title: "Newest ticks by job"}
	var words []string
	for i, r := range rs {
		y := pitch*float64(i) + head + 4
		name := fmt.Sprintf("%s · %s on %s", r.textOr("job", ""), r.textOr("plugin", ""), r.textOr("chain", ""))
		ticks, _ := r.number("ticks")
		have, _ := r.number("have")
		tail := fmt.Sprintf("%s of %s complete, newest %s", fixed(have, 0), fixed(ticks, 0), whenMinute(r, "newest_have"))
		if stacked {
			sc.text("name", "start", left, y-5, "%s", name)
		} else {
			sc.text("name", "end", left-12, y+16, "%s", name)
			sc.text("tick", "start", left+gridTicks*(size+2)+12, y+16, "%s", tail)
		}
		grid := r.textOr("grid", "")
		blank := gridTicks - len(grid)
		for n := 0; n < gridTicks; n++ {
			x := left + float64(n)*(size+2)
			if n < blank {
				sc.rect("cell none", x, y, size, size)
				continue
			}
			c := grid[n-blank]
			m := sc.rect("cell mark t-"+tickWord(c), x, y, size, size)
			m.Token, m.Value = r.textOr("plugin", ""), tickWord(c)
			m.Tip = name + "\n" + tickWord(c)
			if c != '#' {
				if e, ok := r.text("last_error"); ok {
					m.Tip += "\nnewest error: " + e
				}
			}
			sc.text("glyph t-"+tickWord(c), "middle", x+size/2, y+16, "%s", tickGlyph(c))
		}
		words = append(words, name+": "+tail)
	}
	sc.Desc = strings.Join(words, "; ") + "."
	return sc
}

func tickGlyph(c byte) string {
	switch c {
	case '#':
		return "✓"
	case 'l':
		return "L"
	case 'r':
		return "R"
	case '~':
		return "~"
	case 'x':
		return "✕"
	case 'q':
		return "!"
	case 'u':
		return "∅"
	case '.':
		return "·"
	case '>':
		return "›"
	case '-':
		return minus
	}
	return "?"
}

// clockTable has the four clocks; never are the tokens that were never read.
func (d *Data) clockTable() (t table, never []string) {
	t = table{Caption: "Clocks", Open: true, Wide: true, Head: heads("Token", "State", "#Fetched before", "#Chain time before", "#Changed before", "Next change due", "#Overdue", "#Restated", "Basis")}
	for _, r := range d.rows("freshness") {
		token, state := r.textOr("token", unknown), r.textOr("state", "stale")
		if _, read := r.moment("observed_ts"); !read {
			never = append(never, token)
			continue
		}
		fetched := age(r.number("fetch_age_h"))
		if h, ok := r.number("fetch_age_h"); ok && h < 0 {
			fetched = "later"
		}
		overdue := unknown
		if h, ok := r.number("overdue_h"); ok {
			overdue = "no"
			if h > 0 {
				overdue = age(h, true)
			}
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(token), {Text: state, Class: "state s-" + state}, {Text: fetched, Numeric: true, Hint: whenMinute(r, "fetched_at")},
			{Text: age(r.number("chain_age_h")), Numeric: true, Hint: whenMinute(r, "observed_ts")},
			{Text: age(r.number("value_age_h")), Numeric: true, Hint: whenMinute(r, "changed_ts")},
			label(whenMinute(r, "expected_next")), number(overdue), number(whole(r.number("restated"))), label(r.textOr("basis", unknown)),
		}})
	}
	return t, never
}

func (d *Data) coverageTable() table {
	t := table{Caption: "Ticks by job", Wide: true, Head: heads("Job", "Plugin", "Chain", "#Ticks", "#Complete", "#Partial", "#Failed", "#Open", "#Given up", "Newest complete", "Newest error")}
	for _, r := range d.rows("coverage") {
		row := tableRow{Cells: []cell{label(r.textOr("job", unknown)), label(r.textOr("plugin", unknown)), label(r.textOr("chain", unknown))}}
		for _, c := range []string{"ticks", "have", "partial", "failed", "open_ticks", "given_up"} {
			row.Cells = append(row.Cells, number(whole(r.number(c))))
		}
		row.Cells = append(row.Cells, label(whenMinute(r, "newest_have")), label(r.textOr("last_error", "")))
		t.Rows = append(t.Rows, row)
	}
	return t
}

// restatedTable is the log of corrections; a long one shows its newest rows, the
// CSV has all.
func (d *Data) restatedTable() table {
	const most = 50
	t := table{Caption: "Restatements", Wide: true, Head: heads("Token", "What", "Of", "#Was", "#Is now", "#Change", "Learned", "Reason")}
	all := d.rows("restated")
	for i, r := range all {
		if i == most {
			t.Caption += fmt.Sprintf(" (%d of %d; the CSV has all)", most, len(all))
			break
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("token", unknown)), label(r.textOr("fact", "") + " " + r.textOr("what", "")), label(whenMinute(r, "ts")),
			number(plainNumber(r.number("was"))), number(plainNumber(r.number("is_now"))), number(signedBps(r.number("change_bps"))),
			label(whenMinute(r, "known_at")), label(r.textOr("reason", "")),
		}})
	}
	return t
}

func plainNumber(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, 6)
}

func whenMinute(r row, column string) string {
	if t, ok := r.moment(column); ok {
		return minute(t)
	}
	return unknown
}
