package report

import (
	"fmt"
	"strings"
)

// leagueFigure is the comparison of all tokens, by chain, with a bar of capture.
func (d *Data) leagueFigure() (figure, error) {
	f := figure{
		ID: "league", Title: "League",
		Lead: fmt.Sprintf("What holders really got after all fees over %d days, against the chain's own staking rate. "+
			"Capture is the net APR over the chain's own rate: compare that across chains, not the APR. "+
			"Ranked by capture inside each chain; what is stale or frozen is withheld.", d.Window),
		Trust: d.trust("league"),
		Keys: []key{
			{"bar-key", "", "capture; the line is the chain's own rate, 1.00×"},
			{"", "Kept / said", "take rate: share of rewards really kept, and what the protocol states"},
			{"", "Exit 100", "cheapest way out of 100 units, waiting included: q queue, d delayed, i instant, s stake account, x DEX"},
		},
	}
	l := d.league()
	t := table{Caption: "League by chain", Open: true, Wide: true, Head: heads(
		"Token", fmt.Sprintf("#Net APR %d d", d.Window), "Capture", "State", "#Spread", "#Kept / said",
		"#Premium", "#Exit 100", "#TVL native", "#TVL USD", "#Flow 30 d", "#7 d", "#30 d", "#365 d")}
	for _, c := range l.chains {
		benched := false
		for _, r := range c.rows {
			benched = benched || tier(r) == 0
		}
		if !benched {
			t.Rows = append(t.Rows, tableRow{"bench", []cell{label(c.chain), {Text: "no staking rate of this chain was read: no capture, no rank", Class: "span"}}})
		}
		for i, r := range c.rows {
			t.Rows = append(t.Rows, leagueRow(c.chain, i, r))
		}
	}
	f.Tables = []table{t}
	if l.unread > 0 {
		f.Notes = append(f.Notes, plural(l.unread, "token this pipeline knows was", "tokens this pipeline knows were")+" never read here and left out; see the health grid.")
	}
	if len(l.chains) == 0 {
		f.Missing = "No redemption rate was read. `pipeline run` reads what is due."
		f.Tables = nil
	}
	var err error
	f.Offers, err = d.offers("league")
	return f, err
}

func leagueRow(chain string, n int, r row) tableRow {
	token := r.textOr("token", unknown)
	class := []string{"bench", "", "unranked", "withheld"}[tier(r)]
	name := cell{Text: token, Hint: r.textOr("basis", ""), Class: "token"}
	if tier(r) == 0 {
		name.Text = chain
		name.Class = "token chain"
	}
	cells := []cell{
		name,
		number(aprOf(r)),
		captureCell(fmt.Sprintf("cap-%s-%d", slug(chain), n), token, r),
		{Text: stateOf(r), Class: "state s-" + r.textOr("state", "stale")},
		number(signedBps(r.number("spread_bps"))),
		number(takeRates(r)),
		number(signedBps(r.number("premium_bps"))),
		number(exitOf(r)),
		number(amount(r.number("tvl_native"))),
		number(dollars(r.number("tvl_usd"))),
		number(signedPercent(r.number("flow30_pct"))),
		number(percent(r.number("apr_7d_pct"))),
		number(percent(r.number("apr_30d_pct"))),
		number(percent(r.number("apr_365d_pct"))),
	}
	return tableRow{class, cells}
}

// aprOf is the yield, with the days it really covers where they are not those
// asked for.
func aprOf(r row) string {
	text := percent(r.number("apr_pct"))
	if used, off := offWindow(r); off {
		return fmt.Sprintf("(over %.0f d) %s", used, text)
	}
	return text
}

// captureCell is the figure and a bar from 0 to 1.1 with a line at the chain's own
// rate; a bar that would be longer ends in a notch.
func captureCell(id, token string, r row) cell {
	c, ok := r.number("capture")
	if !ok {
		return cell{Text: unknown, Class: "capture"}
	}
	s := &scene{ID: id, Class: "bar", W: 110, H: 14, Title: token + " capture", Desc: times(c, true) + " of the chain's own staking rate"}
	s.rect("track", 0, 3, 110, 8)
	m := s.rect("capture mark", 0, 3, min(max(c, 0), 1.1)*100, 8)
	m.Token, m.Value = token, fixed(c, 4)
	s.line("one", 100, 0, 100, 14)
	return cell{Text: times(c, true), Class: "capture", Bar: s}
}

// slug makes an id of a name.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}
