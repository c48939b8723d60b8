package report

import (
	"fmt"
	"strings"
)

// legs of gross rewards, in the order of the ladder.
var legs = []struct{ column, name, class string }{
	{"to_stakers", "stakers", "l0"},
	{"to_operators", "operators", "l1"},
	{"to_treasury", "treasury", "l2"},
	{"to_holders", "holders", "l3"},
	{"to_insurance", "insurance", "l4"},
	{"", "kept, split not read", "l5"},
}

// feesFigure is the take-rate ladder: who got the gross rewards.
func (d *Data) feesFigure() (figure, error) {
	f := figure{
		ID: "fees", Title: "Take-rate ladder",
		Lead: "Gross rewards = 100 and who got them. The tick is where stakers' part would end by the fee the protocol states. " +
			"Exact where the protocol reports the shares minted as fees; where only the fee setting was read that part is dashed: an estimate. " +
			"Beyond 100 stands idle drag: what the backing that was not staked would have earned at the same rate.",
		Trust: d.trust("revenue", "take-rate"),
	}
	for _, l := range legs {
		f.Keys = append(f.Keys, key{"cell " + l.class, "", l.name})
	}
	f.Keys = append(f.Keys, key{"cell idle", "", "idle drag, not earned"})
	var known []row
	for _, r := range d.rows("revenue") {
		if gross, ok := r.number("gross_native"); ok && gross > 0 {
			known = append(known, r)
			continue
		}
		f.Notes = append(f.Notes, r.textOr("token", unknown)+": the fee was not read, so gross rewards are unknown.")
	}
	if len(known) == 0 {
		f.Missing = "Of no token the fees and rewards of this window are both known."
	} else {
		f.Panels = []panel{{Full: true, Wide: d.ladder("fees-w", known, 1180, 110), Narrow: d.ladder("fees-n", known, 360, 4)}}
	}
	f.Tables = []table{d.takeTable(), d.claimsTable(), d.revenueTable()}
	var err error
	f.Offers, err = d.offers("revenue", "take-rate", "claims")
	return f, err
}

func (d *Data) ladder(id string, rs []row, w int, left float64) *scene {
	stacked := left < 60
	pitch, head := 46.0, 0.0
	if stacked {
		pitch, head = 60, 16
	}
	sc := &scene{ID: id, W: w, H: int(pitch*float64(len(rs))) + 30, Title: "Who got the rewards"}
	said := map[string]row{}
	for _, r := range d.rows("take-rate") {
		said[r.textOr("token", "")] = r
	}
	x := scale{lo: 0, hi: 100, from: left, to: float64(w) - 14}
	for _, r := range rs {
		x.hi = max(x.hi, 100+idleDrag(said[r.textOr("token", "")]))
	}
	bottom := pitch*float64(len(rs)) + 4
	for _, v := range x.ticks(4) {
		sc.line("grid", x.at(v), 0, x.at(v), bottom)
		sc.text("tick", "middle", x.at(v), bottom+17, "%s", fixed(v, 0))
	}
	var words []string
	for i, r := range rs {
		token := r.textOr("token", unknown)
		y := pitch*float64(i) + head + 8
		if stacked {
			sc.text("name", "start", left, y-5, "%s", token)
		} else {
			sc.text("name", "end", left-10, y+18, "%s", token)
		}
		gross, _ := r.number("gross_native")
		estimated := strings.Contains(r.textOr("fee_from", ""), "setting")
		from, parts := 0.0, []string{}
		for _, l := range legs {
			v, ok := r.number(l.column)
			if l.column == "" {
				v, ok = gross*(1-from/100), from < 99.95
			}
			if !ok || v <= 0 {
				continue
			}
			part := 100 * v / gross
			m := sc.rect("leg mark "+l.class, x.at(from), y, x.at(from+part)-x.at(from), 26)
			m.Token, m.Value = token, fixed(part, 2)
			m.Tip = fmt.Sprintf("%s\n%s %s of gross\n%s native", token, l.name, share(part, true), amount(v, true))
			if estimated && l.column != "to_stakers" {
				m.Tip += "\nestimated from the fee setting"
				sc.rect("dashed", x.at(from), y, x.at(from+part)-x.at(from), 26)
			}
			if inside := share(part, true) + " " + l.name; x.at(from+part)-x.at(from) > 16+7.2*float64(runes(inside)) {
				sc.text("inside "+l.class, "start", x.at(from)+8, y+18, "%s", inside)
			} else if inside := share(part, true); x.at(from+part)-x.at(from) > 10+7.2*float64(runes(inside)) {
				sc.text("inside "+l.class, "start", x.at(from)+6, y+18, "%s", inside)
			}
			parts = append(parts, l.name+" "+share(part, true))
			from += part
		}
		if drag := idleDrag(said[token]); drag >= 0.05 {
			m := sc.rect("idle mark", x.at(100), y, x.at(100+drag)-x.at(100), 26)
			m.Token, m.Value = token, fixed(drag, 2)
			m.Tip = fmt.Sprintf("%s\nidle drag %s of gross\n%s of the backing was not staked", token, share(drag, true), share(said[token].number("idle_pct")))
			parts = append(parts, "idle drag "+share(drag, true)+" on top")
		}
		if adv, ok := said[token].number("advertised_pct"); ok {
			sc.line("tick-mark", x.at(100-adv), y-6, x.at(100-adv), y+3)
			sc.line("tick-mark", x.at(100-adv), y+23, x.at(100-adv), y+32)
		}
		words = append(words, token+": "+strings.Join(parts, ", "))
	}
	sc.Desc = strings.Join(words, "; ") + "."
	return sc
}

// idleDrag is what idle stake would have earned at the rate of the rest, in percent
// of the gross rewards that were earned; 0 where it is unknown.
func idleDrag(r row) float64 {
	idle, ok := r.number("idle_pct")
	if !ok || idle <= 0 || idle >= 100 {
		return 0
	}
	return 100 * idle / (100 - idle)
}

func (d *Data) takeTable() table {
	t := table{Caption: "Take rates", Wide: true, Head: heads("Token", "#Effective", "#Stated", "#Difference", "#Against the chain's rate", "#Idle", "#Updates counted")}
	for _, r := range d.rows("take-rate") {
		diff := unknown
		if v, ok := r.number("diff_pp"); ok {
			diff = signed(v, 2) + " pp"
		}
		updates := unknown
		if n, ok := r.number("updates"); ok {
			updates = fixed(n, 0)
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("token", unknown)), number(percent(r.number("effective_pct"))), number(percent(r.number("advertised_pct"))),
			number(diff), number(percent(r.number("vs_chain_pct"))), number(percent(r.number("idle_pct"))), number(updates),
		}})
	}
	return t
}

func (d *Data) claimsTable() table {
	t := table{Caption: "Claimed and paid", Wide: true, Head: heads(
		"Token", "#Net APR", "#Gross APR", "#Claimed APR", "#Claimed − net", "#Net APY", "#Claimed APY", "#Claimed − net", "Claimed", "Basis of the claim")}
	for _, r := range d.rows("claims") {
		diff := func(column string) cell {
			if v, ok := r.number(column); ok {
				return number(signed(v, 2) + " pp")
			}
			return number(unknown)
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("token", unknown)), number(percent(r.number("apr_net_pct"))), number(percent(r.number("apr_gross_pct"))),
			number(percent(r.number("apr_claimed_pct"))), diff("apr_diff_pp"),
			number(percent(r.number("apy_net_pct"))), number(percent(r.number("apy_claimed_pct"))), diff("apy_diff_pp"), label(when(r, "claimed_at")), label(r.textOr("basis", unknown)),
		}})
	}
	return t
}

func (d *Data) revenueTable() table {
	t := table{Caption: "Rewards by recipient, native units", Wide: true, Head: heads(
		"Token", "#Gross", "#Stakers", "#Operators", "#Treasury", "#Holders", "#Insurance", "#Revenue strict", "#Revenue broad", "Fee from")}
	for _, r := range d.rows("revenue") {
		row := tableRow{Cells: []cell{label(r.textOr("token", unknown))}}
		for _, c := range []string{"gross_native", "to_stakers", "to_operators", "to_treasury", "to_holders", "to_insurance", "revenue_strict", "revenue_broad"} {
			row.Cells = append(row.Cells, number(amount(r.number(c))))
		}
		row.Cells = append(row.Cells, label(r.textOr("fee_from", unknown)))
		t.Rows = append(t.Rows, row)
	}
	return t
}
