package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// exitFigure draws what leaving costs by size, one panel per token, one line per
// route.
func (d *Data) exitFigure() (figure, error) {
	f := figure{
		ID: "exit", Title: "Exit curve",
		Lead: "All-in cost of leaving by size: the haircut and the yield forgone while waiting. One line per route; " +
			"a line ends where the route cannot take more. The note says from which size another route is cheaper.",
		Trust: d.trust("exit"),
	}
	names, members := groups(d.rows("exit"), "token")
	for i, rs := range members {
		token := names[i][0]
		wide := exitScene("exit-w-"+slug(token), token, rs, 380, 260)
		if wide == nil {
			f.Notes = append(f.Notes, token+": "+exitReason(rs))
			continue
		}
		f.Panels = append(f.Panels, panel{Heading: token, Wide: wide, Narrow: exitScene("exit-n-"+slug(token), token, rs, 350, 240)})
	}
	if len(f.Panels) == 0 {
		f.Missing = "No way out was quoted. Quotes come with the tokens' on-chain readings."
	}
	if len(members) > 0 {
		f.Tables = []table{d.exitTable()}
	}
	var err error
	f.Offers, err = d.offers("exit")
	return f, err
}

func exitReason(rs []row) string {
	for _, r := range rs {
		if note, ok := r.text("note"); ok {
			return note
		}
	}
	return "no figure is known for any size"
}

func exitScene(id, token string, rs []row, w, h int) *scene {
	sizeLo, sizeHi, top := math.Inf(1), 0.0, 0.0
	for _, r := range rs {
		size, _ := r.number("size_native")
		cost, ok := r.number("all_in_bps")
		if !ok || size <= 0 {
			continue
		}
		sizeLo, sizeHi, top = min(sizeLo, size), max(sizeHi, size), max(top, cost)
	}
	if sizeHi == 0 {
		return nil
	}
	if sizeLo == sizeHi {
		sizeLo, sizeHi = sizeLo/10, sizeHi*10
	}
	sc := &scene{ID: id, W: w, H: h, Title: "Cost of leaving " + token + " by size"}
	_, hi := outward(0, max(top, 1), 4)
	x := scale{lo: sizeLo, hi: sizeHi, from: 46, to: float64(w) - 84, log: true}
	y := scale{lo: 0, hi: hi, from: float64(h) - 44, to: 14}
	for _, v := range y.ticks(4) {
		sc.line("grid", x.from, y.at(v), x.to, y.at(v))
		sc.text("tick", "end", x.from-6, y.at(v)+4, "%s", fixed(v, decimalsOf(hi)))
	}
	sc.text("tick", "start", 2, 10, "bps")
	for v := math.Pow(10, math.Ceil(math.Log10(sizeLo)-1e-9)); v <= sizeHi*1.0001; v *= 10 {
		sc.line("grid", x.at(v), y.to, x.at(v), y.from)
		sc.text("tick", "middle", x.at(v), y.from+16, "%s", roundAmount(v))
	}
	sc.text("tick", "middle", (x.from+x.to)/2, y.from+33, "size, native units")
	routes, lines := groups(rs, "route")
	var ends []float64
	var endX []float64
	var drawn []int
	for n, line := range lines {
		var xs, ys []float64
		for _, r := range line {
			size, _ := r.number("size_native")
			cost, ok := r.number("all_in_bps")
			if !ok {
				continue
			}
			xs, ys = append(xs, x.at(size)), append(ys, y.at(cost))
			class := fmt.Sprintf("point mark c%d", n%8)
			if r.flag("is_cheapest") {
				class += " cheapest"
			}
			m := sc.shape(class, n, x.at(size), y.at(cost), 4)
			m.Token, m.Value = token, fixed(cost, 2)
			wait := ""
			if days, known := r.number("wait_days"); known && days > 0 {
				wait = ", waits " + daysOf(days, true)
			}
			m.Tip = fmt.Sprintf("%s %s by %s\n%s all in%s\nhaircut %s", amount(size, true), token, routes[n][0], bps(cost, true), wait, bps(r.number("haircut_bps")))
		}
		if len(xs) == 0 {
			continue
		}
		sc.path(fmt.Sprintf("series c%d", n%8), linePath(xs, ys))
		ends, endX, drawn = append(ends, ys[len(ys)-1]), append(endX, xs[len(xs)-1]), append(drawn, n)
	}
	order := make([]int, len(ends))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, ends[a]-ends[b])) })
	sorted := make([]float64, len(ends))
	for i, o := range order {
		sorted[i] = ends[o]
	}
	for i, at := range apart(sorted, 14, y.to, y.from) {
		n := drawn[order[i]]
		sc.line(fmt.Sprintf("lead c%d", n%8), endX[order[i]]+6, sorted[i], x.to+8, at)
		sc.text(fmt.Sprintf("name c%d", n%8), "start", x.to+11, at+4, "%s", routes[n][0])
	}
	if notes := crossovers(rs); len(notes) > 0 {
		sc.text("trough", "end", float64(w)-4, 10, "%s", strings.Join(notes, ", "))
	}
	sc.Desc = "Cheapest way: " + strings.Join(cheapest(rs), ", ") + "."
	return sc
}

// crossovers say from which quoted size on another route is the cheapest.
func crossovers(rs []row) []string {
	var list []string
	last, lastSize := "", 0.0
	for _, r := range bySize(rs) {
		if !r.flag("is_cheapest") {
			continue
		}
		route := r.textOr("route", "")
		size, _ := r.number("size_native")
		if last != "" && route != last {
			list = append(list, fmt.Sprintf("%s cheaper above %s", route, roundAmount(lastSize)))
		}
		last, lastSize = route, size
	}
	return list
}

func cheapest(rs []row) []string {
	var list []string
	for _, r := range bySize(rs) {
		if r.flag("is_cheapest") {
			list = append(list, fmt.Sprintf("%s units by %s for %s", amount(r.number("size_native")), r.textOr("route", ""), bps(r.number("all_in_bps"))))
		}
	}
	return list
}

func bySize(rs []row) []row {
	return slices.SortedStableFunc(slices.Values(rs), func(a, b row) int {
		x, _ := a.number("size_native")
		y, _ := b.number("size_native")
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

func (d *Data) exitTable() table {
	t := table{Caption: "Ways out", Wide: true, Head: heads("Token", "#Size", "Route", "#All in", "#Haircut", "#Forgone", "#Wait", "Cheapest", "Quoted", "Note")}
	for _, r := range d.rows("exit") {
		best := ""
		if r.flag("is_cheapest") {
			best = "cheapest"
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("token", unknown)), number(amount(r.number("size_native"))), label(r.textOr("route", unknown)),
			number(bps(r.number("all_in_bps"))), number(bps(r.number("haircut_bps"))), number(bps(r.number("forgone_bps"))),
			number(daysOf(r.number("wait_days"))), label(best), label(when(r, "quoted_at")), label(r.textOr("note", "")),
		}})
	}
	return t
}

// roundAmount writes a power of ten: 1, 10, 1k, 1M.
func roundAmount(v float64) string {
	for _, u := range []struct {
		of   float64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.of {
			return strconv.FormatFloat(v/u.of, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
