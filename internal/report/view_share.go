package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// topShares is how many tokens the area chart names; the rest are "others".
const topShares = 6

// shareFigure draws shares of TVL over time with the index of concentration below
// them, and how concentrated each protocol's operators are.
func (d *Data) shareFigure() (figure, error) {
	f := figure{
		ID: "concentration", Title: "Concentration",
		Lead: "Share of the tokens of one native asset in this warehouse, not of all stake of the chain: that is the denominator chain of the query share. " +
			"Below it the Herfindahl-Hirschman index, 0 to 10,000. Where the number of tokens read changes, shares jump without anyone moving.",
		Trust: d.trust("share-history", "share"),
		From:  drawnFrom{queries: []string{"share-history"}, metrics: []string{"exchange_rate", "lst_supply", "lst_supply_reported", "backing_native"}},
	}
	from, to := between(d.rows("share-history"), "day")
	f.Breaks = d.breaks(f.From, from, to)
	names, members := groups(d.rows("share-history"), "underlying")
	for i, rs := range members {
		asset := names[i][0]
		a := newAreas(rs)
		if len(a.days) < 2 {
			continue
		}
		of := rs[0].textOr("denominator_id", unknown) // the same in every row of the asset
		f.Panels = append(f.Panels, panel{Heading: asset + " tokens, shares of the " + of, Wide: a.scene("share-w-"+slug(asset), asset, f.Breaks, 620, 380), Narrow: a.scene("share-n-"+slug(asset), asset, f.Breaks, 350, 350)})
	}
	if p := d.operatorPanel(); p != nil {
		f.Panels = append(f.Panels, *p)
	} else {
		f.Notes = append(f.Notes, "No protocol's stake by operator was read, so there is no operator plot.")
	}
	for _, r := range d.rows("share") {
		if out, ok := r.number("left_out"); ok && out > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("%s: %s without a known level on %s; shares and index are too high.",
				r.textOr("underlying", ""), plural(int(out), "token is", "tokens are"), when(r, "day")))
		}
	}
	f.Notes = slices.Compact(f.Notes)
	if len(f.Panels) == 0 {
		f.Missing = "No token has a known TVL at two weeks of the year, so there is no share to draw."
	}
	f.Tables = []table{d.shareTable(), d.operatorTable()}
	var err error
	f.Offers, err = d.offers("share-history", "share", "operators")
	return f, err
}

// areas are shares by day for the top tokens and the others.
type areas struct {
	days   []time.Time
	names  []string
	shares [][]float64 // by name, by day, percent
	hhi    []float64
	counts []int
}

func newAreas(rs []row) areas {
	var a areas
	latest := map[string]float64{}
	for _, r := range rs {
		t, ok := r.moment("day")
		if !ok {
			continue
		}
		if n := len(a.days); n == 0 || !a.days[n-1].Equal(t) {
			h, _ := r.number("hhi")
			p, _ := r.number("population")
			a.days, a.hhi, a.counts = append(a.days, t), append(a.hhi, h), append(a.counts, int(p))
		}
		v, _ := r.number("tvl_native")
		latest[r.textOr("token", "")] = max(latest[r.textOr("token", "")], v)
	}
	for name := range latest {
		a.names = append(a.names, name)
	}
	slices.SortFunc(a.names, func(x, y string) int {
		if latest[x] != latest[y] && latest[x] > latest[y] {
			return -1
		} else if latest[x] != latest[y] {
			return 1
		}
		return strings.Compare(x, y)
	})
	if len(a.names) > topShares {
		a.names = append(a.names[:topShares:topShares], "others")
	}
	a.shares = make([][]float64, len(a.names))
	for i := range a.shares {
		a.shares[i] = make([]float64, len(a.days))
	}
	for _, r := range rs {
		t, _ := r.moment("day")
		v, ok := r.number("share_pct")
		i, found := slices.BinarySearchFunc(a.days, t, time.Time.Compare)
		if !ok || !found {
			continue
		}
		n := slices.Index(a.names, r.textOr("token", ""))
		if n < 0 {
			n = len(a.names) - 1
		}
		a.shares[n][i] += v
	}
	return a
}

func (a areas) scene(id, asset string, breaks []seriesBreak, w, h int) *scene {
	sc := &scene{ID: id, W: w, H: h, Title: "Shares of " + asset + " tokens"}
	left, right := 46.0, float64(w)-96
	split := float64(h) * 0.68
	x := timeScale{a.days[0], a.days[len(a.days)-1], left, right}
	y := scale{lo: 0, hi: 100, from: split, to: 10 + breakRoom(breaks)}
	z := scale{lo: 0, hi: 10000, from: float64(h) - 26, to: split + 26}
	for _, v := range []float64{0, 25, 50, 75, 100} {
		sc.text("tick", "end", left-6, y.at(v)+4, "%s%%", fixed(v, 0))
	}
	months := 2
	if w < 500 {
		months = 3
	}
	x.months(sc, y.to, z.from, months)
	xs := make([]float64, len(a.days))
	lower := make([]float64, len(a.days))
	for i := range a.days {
		xs[i], lower[i] = x.at(a.days[i]), y.at(0)
	}
	sums := make([]float64, len(a.days))
	var mids []float64
	var words []string
	last := len(a.days) - 1
	for n, name := range a.names {
		upper := make([]float64, len(a.days))
		for i, v := range a.shares[n] {
			sums[i] += v
			upper[i] = y.at(sums[i])
		}
		m := sc.path(fmt.Sprintf("area mark a%d", n), areaPath(xs, upper, lower))
		m.Token, m.Value = name, fixed(a.shares[n][last], 2)
		mids = append(mids, (upper[last]+lower[last])/2)
		lower = upper
		words = append(words, name+" "+share(a.shares[n][last], true))
	}
	slices.Reverse(mids) // the topmost label first
	for i, at := range apart(mids, 14, y.to+4, y.from) {
		n := len(a.names) - 1 - i
		sc.line("lead", right, mids[i], right+8, at)
		sc.text("name", "start", right+11, at+4, "%s", a.names[n]+" "+share(a.shares[n][last], true))
	}
	sc.line("grid", left, z.at(0), right, z.at(0))
	sc.line("grid", left, z.at(2500), right, z.at(2500))
	sc.text("tick", "end", left-6, z.at(10000)+4, "10k")
	sc.text("tick", "end", left-6, z.at(2500)+4, "2.5k")
	zs := make([]float64, len(a.hhi))
	for i, v := range a.hhi {
		zs[i] = z.at(v)
	}
	m := sc.path("series mark hhi", linePath(xs, zs))
	m.Token, m.Value = "HHI", fixed(a.hhi[last], 1)
	sc.text("name", "start", right+11, zs[last]+4, "HHI %s", fixed(a.hhi[last], 0))
	for i := range a.days {
		lines := []string{day(a.days[i])}
		for n := len(a.names) - 1; n >= 0; n-- {
			lines = append(lines, a.names[n]+" "+share(a.shares[n][i], true))
		}
		lines = append(lines, fmt.Sprintf("HHI %s of %s", fixed(a.hhi[i], 0), plural(a.counts[i], "token", "tokens")))
		end := right
		if i < last {
			end = xs[i+1]
		}
		if end > xs[i] {
			sc.rect("hover", xs[i], y.to, end-xs[i], z.from-y.to).Tip = strings.Join(lines, "\n")
		}
	}
	sc.Desc = fmt.Sprintf("On %s: %s; HHI %s.", day(a.days[last]), strings.Join(words, ", "), fixed(a.hhi[last], 0))
	sc.breaks(breaks, x, z.from)
	return sc
}

// operatorPanel is a dot per protocol: the largest operator's share, labelled with
// its Nakamoto count: the fewest operators that together hold more than a third.
func (d *Data) operatorPanel() *panel {
	rs := d.rows("operators")
	if len(rs) == 0 {
		return nil
	}
	draw := func(id string, w int) *scene {
		sc := &scene{ID: id, W: w, H: 34*len(rs) + 54, Title: "Largest operator of each protocol"}
		x := scale{lo: 0, hi: 100, from: 100, to: float64(w) - 90}
		bottom := float64(34*len(rs)) + 10
		for _, v := range []float64{0, 100.0 / 3, 100} {
			sc.line("grid", x.at(v), 4, x.at(v), bottom)
			sc.text("tick", "middle", x.at(v), bottom+16, "%s", fixed(v, 0)+"%")
		}
		sc.text("tick", "middle", (x.from+x.to)/2, bottom+33, "share of the largest operator; Nakamoto count: the fewest that hold over a third")
		var words []string
		for i, r := range rs {
			y := 24 + 34*float64(i)
			name := r.textOr("protocol", unknown)
			v, ok := r.number("top1_pct")
			sc.text("name", "end", x.from-10, y+4, "%s", name)
			sc.line("grid", x.from, y, x.to, y)
			if !ok {
				continue
			}
			count, _ := r.number("operators")
			third, _ := r.number("nakamoto_33")
			m := sc.shape("end mark c0", i, x.at(v), y, 6)
			m.Token, m.Value = name, fixed(v, 2)
			m.Tip = fmt.Sprintf("%s\n%s operators (%s)\nlargest %s\nNakamoto count %s: so many hold more than a third", name, fixed(count, 0), r.textOr("counted_by", unknown), share(v, true), fixed(third, 0))
			sc.text("tick", "start", x.to+8, y+4, "Nakamoto %s", fixed(third, 0))
			words = append(words, fmt.Sprintf("%s %s, Nakamoto count %s of %s", name, share(v, true), fixed(third, 0), fixed(count, 0)))
		}
		sc.Desc = strings.Join(words, "; ") + "."
		return sc
	}
	return &panel{Heading: "Operators", Wide: draw("operators-w", 620), Narrow: draw("operators-n", 350)}
}

func (d *Data) shareTable() table {
	t := table{Caption: "Shares now", Wide: true, Head: heads("Token", "Asset", "Day", "#TVL native", "#Share", "#HHI", "#Tokens known", "#Left out", "Denominator")}
	for _, r := range d.rows("share") {
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("token", unknown)), label(r.textOr("underlying", unknown)), label(when(r, "day")), number(amount(r.number("tvl_native"))),
			number(share(r.number("share_pct"))), number(whole(r.number("hhi"))), number(whole(r.number("population"))), number(whole(r.number("left_out"))),
			label(r.textOr("denominator_id", unknown) + ": " + r.textOr("denominator", unknown)),
		}})
	}
	return t
}

func (d *Data) operatorTable() table {
	t := table{Caption: "Operators", Wide: true, Head: heads("Protocol", "Snapshot", "#Operators", "Counted by", "#Largest", "#HHI", "#Nakamoto count (over a third)")}
	for _, r := range d.rows("operators") {
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("protocol", unknown)), label(when(r, "ts")), number(whole(r.number("operators"))), label(r.textOr("counted_by", unknown)), number(share(r.number("top1_pct"))),
			number(whole(r.number("op_hhi"))), number(whole(r.number("nakamoto_33"))),
		}})
	}
	return t
}

func whole(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, 0)
}
