package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// premiumFigure is a strip per token and venue, of the largest size quoted there:
// week by week, blue above redemption value, orange below, depeg episodes outlined.
func (d *Data) premiumFigure() (figure, error) {
	f := figure{
		ID: "premium", Title: "Premium strip",
		Lead: "Market price against redemption value, mean of each week. Blue is above, orange below; the deeper, the further, up to 100 bps. " +
			"An empty week has no price. Where a venue is quoted at several sizes, the largest of its newest week is drawn. Outlined: depeg episodes below −50 bps with their trough and length.",
		Trust: d.trust("premium-history", "depeg"),
		From:  drawnFrom{queries: []string{"premium-history", "depeg"}, metrics: []string{"exchange_rate", "price"}},
	}
	for i, text := range []string{"−100 bps", "−50", "−25", "−5", "at par", "+5", "+25", "+50", "+100"} {
		f.Keys = append(f.Keys, key{fmt.Sprintf("cell p%d", i), "", text})
	}
	names, members := groups(d.rows("premium-history"), "token", "venue")
	if len(members) == 0 {
		f.Missing = "No market price of a token was read in this time."
	} else {
		for i := range members {
			members[i] = ofLargestSize(members[i])
		}
		f.Breaks = d.breaks(f.From, d.AsOf.AddDate(-1, 0, 0), d.AsOf)
		f.Panels = []panel{{Full: true, Wide: d.premiumScene("premium-w", names, members, f.Breaks, 1180, 130), Narrow: d.premiumScene("premium-n", names, members, f.Breaks, 360, 4)}}
	}
	f.Tables = []table{d.premiumTable(), d.depegTable()}
	var err error
	f.Offers, err = d.offers("premium-history", "premium", "depeg")
	return f, err
}

// A quoteSize is how many shares a price is good for; the zero value is a price that is
// not bound to a size.
type quoteSize struct {
	shares float64
	bound  bool
}

func sizeOf(r row) quoteSize {
	n, ok := r.number("size_native")
	return quoteSize{n, ok}
}

// at names the size after a venue.
func (s quoteSize) at() string {
	if !s.bound {
		return ""
	}
	return " at " + amount(s.shares, true)
}

// ofLargestSize keeps the rows of one size of a venue: the largest that its newest
// week quotes, as the league takes the premium of the largest size.
func ofLargestSize(rs []row) []row {
	var newest time.Time
	var largest quoteSize
	for _, r := range rs {
		began, _ := r.moment("began")
		size := sizeOf(r)
		if began.After(newest) || began.Equal(newest) && size.shares > largest.shares {
			newest, largest = began, size
		}
	}
	return slices.DeleteFunc(slices.Clone(rs), func(r row) bool { return sizeOf(r) != largest })
}

func (d *Data) premiumScene(id string, names [][]string, members [][]row, breaks []seriesBreak, w int, left float64) *scene {
	stacked := left < 60 // the name stands above its strip
	pitch, head := 52.0, 0.0
	if stacked {
		pitch, head = 64, 16
	}
	top := breakRoom(breaks)
	sc := &scene{ID: id, W: w, H: int(top+pitch*float64(len(names))) + 30, Title: "Premium and discount by week"}
	from, to := d.AsOf.AddDate(-1, 0, 0), d.AsOf
	x := timeScale{from, to, left, float64(w) - 4}
	bottom := top + pitch*float64(len(names)) + 4
	months := 1
	if stacked {
		months = 3
	}
	x.months(sc, top, bottom, months)
	var words []string
	for i, rs := range members {
		y := top + pitch*float64(i) + head + 18
		token, venue := names[i][0], names[i][1]
		size := sizeOf(rs[0]) // the same in all of them
		place := venue + size.at()
		if stacked {
			sc.text("name", "start", left, y-18, "%s", token+" on "+place)
		} else {
			sc.text("name", "end", left-10, y+11, "%s", token)
			sc.text("tick", "end", left-10, y+24, "%s", place)
		}
		sc.line("axis", x.from, y+24, x.to, y+24)
		lowest := math.Inf(1)
		for _, r := range rs {
			began, ok := r.moment("began")
			v, ok2 := r.number("avg_bps")
			if !ok || !ok2 {
				continue
			}
			low, _ := r.number("min_bps")
			lowest = min(lowest, low)
			a, b := max(x.at(began), x.from), min(x.at(began.Add(7*24*time.Hour)), x.to)
			m := sc.rect("cell mark "+premiumClass(v), a, y, b-a-1, 24)
			m.Token, m.Value = token, fixed(v, 1)
			m.Tip = fmt.Sprintf("%s on %s\nweek of %s\nmean %s, lowest %s", token, place, day(began), signedBps(v, true), signedBps(low, true))
		}
		d.episodes(sc, token, venue, size, x, y)
		words = append(words, fmt.Sprintf("%s on %s %s, lowest %s", token, place, plural(len(rs), "week", "weeks"), signedBps(lowest, true)))
	}
	sc.Desc = strings.Join(words, "; ") + "."
	sc.breaks(breaks, x, bottom)
	return sc
}

// episodes outlines the depegs of a strip, at its size, and labels those whose label has room.
func (d *Data) episodes(sc *scene, token, venue string, size quoteSize, x timeScale, y float64) {
	free := x.from
	list := d.rows("depeg")
	slices.SortFunc(list, func(a, b row) int {
		at, _ := a.moment("began")
		bt, _ := b.moment("began")
		return at.Compare(bt)
	})
	for _, r := range list {
		if r.textOr("token", "") != token || r.textOr("venue", "") != venue || sizeOf(r) != size {
			continue
		}
		began, ok := r.moment("began")
		if !ok {
			continue
		}
		ended, over := r.moment("ended")
		if !over {
			ended = x.hi
		}
		a, b := max(x.at(began), x.from), min(x.at(ended), x.to)
		if b <= x.from || a >= x.to {
			continue
		}
		trough, _ := r.number("trough_bps")
		length := "open"
		if days, known := r.number("duration_days"); known {
			length = fixed(days, 0) + " d"
		}
		m := sc.rect("episode mark", a, y-2, max(b-a, 4), 28)
		m.Token, m.Value = token, fixed(trough, 1)
		m.Tip = fmt.Sprintf("%s on %s\ndepeg from %s\ntrough %s, %s", token, venue+size.at(), day(began), signedBps(trough, true), length)
		text := fixed(trough, 0) + " bps, " + length
		if width := 6.4 * float64(runes(text)); a >= free && a+width <= x.to {
			sc.text("trough", "start", a, y-5, "%s", text)
			free = a + width + 6
		}
	}
}

// premiumClass is p0 (−100 bps and below) to p8 (+100 and above), p4 at par.
func premiumClass(v float64) string {
	n := 4
	for i, limit := range []float64{2.5, 15, 37.5, 75} {
		if math.Abs(v) >= limit {
			n = 4 + int(math.Copysign(float64(i+1), v))
		}
	}
	return fmt.Sprintf("p%d", n)
}

func (d *Data) premiumTable() table {
	t := table{Caption: "Premiums", Wide: true, Head: heads("Token", "Venue", "#Size", "#Newest", "#Mean", "#Lowest", "#Below −50 bps", "Price of", "State")}
	priced := map[string]bool{}
	for _, r := range d.rows("league") {
		_, priced[r.textOr("token", "")] = r.number("premium_bps")
	}
	for _, r := range d.rows("premium") {
		token := r.textOr("token", unknown)
		newest, state := signedBps(r.number("now_bps")), "fresh"
		if !priced[token] { // the league has a premium only where price and rate are fresh
			newest, state = unknown, "stale, withheld"
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(token), label(r.textOr("venue", unknown)), number(amount(r.number("size_native"))), number(newest), number(signedBps(r.number("avg_bps"))),
			number(signedBps(r.number("min_bps"))), number(share(r.number("below_50bps_pct"))), label(when(r, "price_ts")), label(state),
		}})
	}
	return t
}

func (d *Data) depegTable() table {
	t := table{Caption: "Depeg episodes", Wide: true, Head: heads("Token", "Venue", "#Size", "Began", "Ended", "#Trough", "#Length", "#Recovery", "#Area bps·days")}
	for _, r := range d.rows("depeg") {
		ended := when(r, "ended")
		if r.flag("is_open") {
			ended = "open"
		}
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("token", unknown)), label(r.textOr("venue", unknown)), number(amount(r.number("size_native"))), label(when(r, "began")), label(ended),
			number(signedBps(r.number("trough_bps"))), number(daysOf(r.number("duration_days"))), number(daysOf(r.number("recovery_days"))),
			number(amount(r.number("area_bps_days"))),
		}})
	}
	return t
}

func when(r row, column string) string {
	if t, ok := r.moment(column); ok {
		return day(t)
	}
	return unknown
}

func daysOf(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, 1) + " d"
}
