package report

import (
	"fmt"
	"slices"
	"strings"
)

// steps of the waterfall: two levels and, between them, what leads from one to the
// other.
var steps = []struct{ column, name, short string }{
	{"start", "TVL at the start", "start"},
	{"net_in", "net deposits", "in"},
	{"net_out", "net withdrawals", "out"},
	{"fee_shares", "fee shares", "fees"},
	{"rewards", "rewards", "rewards"},
	{"price", "price", "price"},
	{"end", "TVL at the end", "end"},
}

func isLevel(column string) bool { return column == "start" || column == "end" }

// flowFigure is the attribution of TVL: start, deposits, withdrawals, fee shares,
// rewards, price, end.
func (d *Data) flowFigure() (figure, error) {
	f := figure{
		ID: "flows", Title: "TVL attribution", Toggle: "USD",
		Lead: "What led from each token's TVL at the start to that at the end. Deposits are the sum of the days that grew, withdrawals of those that shrank: " +
			"what came and went on one day cancels. The bars of start and end are cut at the foot. " +
			"One scale for all tokens of an asset, so that bars compare. Rewards are not deposits: a rebase is no inflow.",
		Trust: d.trust("attribution"),
		Keys:  []key{{"cell up", "▲", "adds"}, {"cell down", "▼", "takes away"}, {"cell total", "", "TVL"}},
	}
	all := d.rows("attribution")
	native := flowPanels(all, "native")
	usd := flowPanels(all, "usd")
	f.Panels = append(native, usd...)
	if len(usd) == 0 {
		f.Toggle = ""
		if len(native) > 0 {
			f.Notes = append(f.Notes, "No USD price of the native assets covers this time, so only native units are shown.")
		}
		for i := range f.Panels {
			f.Panels[i].Unit = ""
		}
	}
	if len(f.Panels) == 0 {
		f.Missing = "No token has supply and rate at two days of this time."
	}
	for _, r := range all {
		from, ok1 := r.moment("from_day")
		to, ok2 := r.moment("to_day")
		a := d.Answers["attribution"].Bound
		if ok1 && ok2 && len(a["from"]) >= 10 && (day(from) > a["from"][:10] || day(to) < a["to"][:10]) {
			f.Notes = append(f.Notes, fmt.Sprintf("%s covers %s to %s only.", r.textOr("token", unknown), day(from), day(to)))
		}
	}
	f.Tables = []table{d.flowTable()}
	var err error
	f.Offers, err = d.offers("attribution")
	return f, err
}

func flowPanels(all []row, unit string) []panel {
	names, members := groups(all, "underlying")
	var list []panel
	for i, rs := range members {
		rs = slices.DeleteFunc(slices.Clone(rs), func(r row) bool { _, ok := r.number("change_" + unit); return !ok })
		lo, hi := 0.0, 0.0
		for _, r := range rs {
			a, b := reach(r, unit)
			lo, hi = min(lo, a), max(hi, b)
		}
		if lo == hi {
			continue
		}
		for _, r := range rs {
			id := "flow-" + unit + "-" + slug(r.textOr("token", ""))
			list = append(list, panel{
				Heading: r.textOr("token", unknown) + " in " + map[string]string{"native": names[i][0], "usd": "USD"}[unit],
				Unit:    unit,
				Wide:    waterfall(id+"-w", r, unit, lo, hi, 380, 240), Narrow: waterfall(id+"-n", r, unit, lo, hi, 350, 230),
			})
		}
	}
	return list
}

// reach is how far the running sum of the steps goes below and above the start.
func reach(r row, unit string) (lo, hi float64) {
	sum := 0.0
	for _, s := range steps {
		if v, ok := r.number(s.column + "_" + unit); ok && !isLevel(s.column) {
			sum += v
			lo, hi = min(lo, sum), max(hi, sum)
		}
	}
	return lo, hi
}

func waterfall(id string, r row, unit string, lo, hi float64, w, h int) *scene {
	token := r.textOr("token", unknown)
	sc := &scene{ID: id, W: w, H: h, Title: "From the TVL of " + token + " at the start to that at the end"}
	format := amount
	if unit == "usd" {
		format = dollars
	}
	foot := float64(h) - 28
	// Positions are relative to the start; below the lowest sum stays room for labels.
	y := scale{lo: lo - (hi-lo)*0.3, hi: hi + (hi-lo)*0.12, from: foot, to: 8}
	var shown []int
	for i, s := range steps {
		if _, ok := r.number(s.column + "_" + unit); ok {
			shown = append(shown, i)
		}
	}
	sc.line("axis", 8, foot, float64(w)-8, foot)
	slot := float64(w-16) / float64(len(shown))
	sum := 0.0
	var words []string
	for n, i := range shown {
		s := steps[i]
		v, _ := r.number(s.column + "_" + unit)
		x := 8 + slot*float64(n)
		from, text := y.at(sum), format(v, true)
		class := "leg mark total"
		if !isLevel(s.column) {
			sum += v
			class = "leg mark up"
			if v < 0 {
				class = "leg mark down"
			} else if v > 0 {
				text = "+" + text
			}
		} else {
			from = foot
		}
		top, bottom := min(from, y.at(sum)), max(from, y.at(sum))
		m := sc.rect(class, x+slot*.14, top, slot*.72, max(bottom-top, 1.5))
		m.Token, m.Value = token, fixed(v, 2)
		m.Tip = fmt.Sprintf("%s\n%s %s", token, s.name, format(v, true))
		if isLevel(s.column) { // the cut
			sc.line("cut", x+slot*.1, foot-8, x+slot*.9, foot-14)
		}
		at := top - 5
		if v < 0 {
			at = bottom + 13
		}
		sc.text("value", "middle", x+slot/2, at, "%s", text)
		sc.text("tick", "middle", x+slot/2, float64(h)-8, "%s", s.short)
		if n < len(shown)-1 {
			sc.line("lead", x+slot*.86, y.at(sum), x+slot*1.14, y.at(sum))
		}
		words = append(words, s.name+" "+text)
	}
	sc.Desc = strings.Join(words, ", ") + "."
	return sc
}

func (d *Data) flowTable() table {
	t := table{Caption: "Attribution", Wide: true, Head: heads("Token", "From", "To", "#Start", "#Net in", "#Net out", "#Fee shares", "#Rewards", "#End", "#Change",
		"#Start USD", "#Net in USD", "#Net out USD", "#Fee shares USD", "#Rewards USD", "#Price USD", "#Residual USD", "#End USD", "#Change USD")}
	for _, r := range d.rows("attribution") {
		row := tableRow{Cells: []cell{label(r.textOr("token", unknown)), label(when(r, "from_day")), label(when(r, "to_day"))}}
		for _, c := range []string{"start_native", "net_in_native", "net_out_native", "fee_shares_native", "rewards_native", "end_native", "change_native"} {
			row.Cells = append(row.Cells, number(amount(r.number(c))))
		}
		for _, c := range []string{"start_usd", "net_in_usd", "net_out_usd", "fee_shares_usd", "rewards_usd", "price_usd", "residual_usd", "end_usd", "change_usd"} {
			row.Cells = append(row.Cells, number(dollars(r.number(c))))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
