package report

import (
	"fmt"
	"slices"
	"strings"
)

// steps of the waterfall; the last is the sum of the others.
var steps = []struct{ column, name, short string }{
	{"deposits", "net deposits", "deposits"},
	{"fee_shares", "fee shares", "fees"},
	{"rewards", "rewards", "rewards"},
	{"price", "price", "price"},
	{"change", "change of TVL", "change"},
}

// flowFigure is the attribution of TVL: deposits, fee shares, rewards, price.
func (d *Data) flowFigure() (figure, error) {
	f := figure{
		ID: "flows", Title: "TVL attribution", Toggle: "USD",
		Lead: "What moved each token's TVL. The legs add up to the change; what is left is rounding. " +
			"One scale for all tokens of an asset, so that bars compare. Rewards are not deposits: a rebase is no inflow.",
		Trust: d.trust("attribution"),
		Keys:  []key{{"cell up", "▲", "adds"}, {"cell down", "▼", "takes away"}, {"cell total", "", "change of TVL"}},
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

// reach is how far the running sum of the legs goes down and up.
func reach(r row, unit string) (lo, hi float64) {
	sum := 0.0
	for _, s := range steps[:4] {
		v, _ := r.number(s.column + "_" + unit)
		sum += v
		lo, hi = min(lo, sum), max(hi, sum)
	}
	return lo, hi
}

func waterfall(id string, r row, unit string, lo, hi float64, w, h int) *scene {
	token := r.textOr("token", unknown)
	sc := &scene{ID: id, W: w, H: h, Title: "What changed the TVL of " + token}
	format := amount
	if unit == "usd" {
		format = dollars
	}
	pad := (hi - lo) * 0.12
	y := scale{lo: lo - pad, hi: hi + pad, from: float64(h) - 28, to: 8}
	var shown []int
	for i, s := range steps {
		if _, ok := r.number(s.column + "_" + unit); ok {
			shown = append(shown, i)
		}
	}
	sc.line("axis", 8, y.at(0), float64(w)-8, y.at(0))
	slot := float64(w-16) / float64(len(shown))
	sum := 0.0
	var words []string
	for n, i := range shown {
		s := steps[i]
		v, _ := r.number(s.column + "_" + unit)
		from, to := sum, sum+v
		class := "leg mark up"
		if v < 0 {
			class = "leg mark down"
		}
		if s.column == "change" {
			from, to, class = 0, v, "leg mark total"
		}
		x := 8 + slot*float64(n)
		top, bottom := y.at(max(from, to)), y.at(min(from, to))
		m := sc.rect(class, x+slot*.14, top, slot*.72, max(bottom-top, 1.5))
		m.Token, m.Value = token, fixed(v, 2)
		m.Tip = fmt.Sprintf("%s\n%s %s", token, s.name, format(v, true))
		text := format(v, true)
		if v > 0 {
			text = "+" + text
		}
		at := top - 5
		if v < 0 {
			at = bottom + 13
		}
		sc.text("value", "middle", x+slot/2, at, "%s", text)
		sc.text("tick", "middle", x+slot/2, float64(h)-8, "%s", s.short)
		if n < len(shown)-1 {
			sc.line("lead", x+slot*.86, y.at(to), x+slot*1.14, y.at(to))
		}
		sum = to
		words = append(words, s.name+" "+text)
	}
	sc.Desc = strings.Join(words, ", ") + "."
	return sc
}

func (d *Data) flowTable() table {
	t := table{Caption: "Attribution", Wide: true, Head: heads("Token", "From", "To", "#Change", "#Deposits", "#Fee shares", "#Rewards",
		"#Change USD", "#Deposits USD", "#Fee shares USD", "#Rewards USD", "#Price USD", "#Residual USD")}
	for _, r := range d.rows("attribution") {
		row := tableRow{Cells: []cell{label(r.textOr("token", unknown)), label(when(r, "from_day")), label(when(r, "to_day"))}}
		for _, c := range []string{"change_native", "deposits_native", "fee_shares_native", "rewards_native"} {
			row.Cells = append(row.Cells, number(amount(r.number(c))))
		}
		for _, c := range []string{"change_usd", "deposits_usd", "fee_shares_usd", "rewards_usd", "price_usd", "residual_usd"} {
			row.Cells = append(row.Cells, number(dollars(r.number(c))))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
