package report

import (
	"fmt"
	"math"
	"strings"
)

// A tile is one headline of the page. A figure that is stale is withheld: the
// tile shows — and why.
type tile struct {
	ID, Title string
	Lines     []tileLine
	Why       string   // set when something is withheld or missing
	Trust     []string // as-of and marks
}

type tileLine struct{ Label, Value, Note string }

func (d *Data) tiles() []tile {
	return []tile{d.captureTile(), d.discountTile(), d.queueTile(), d.healthTile()}
}

// captureTile is the best capture of each chain.
func (d *Data) captureTile() tile {
	t := tile{ID: "tile-capture", Title: "Best capture", Trust: []string{"as of " + minute(d.AsOf), fmt.Sprintf("window %d d", d.Window)}}
	var without []string
	for _, c := range d.league().chains {
		best := -1
		for i, r := range c.rows {
			if isRanked(r) {
				best = i
				break
			}
		}
		if best < 0 {
			without = append(without, c.chain)
			t.Lines = append(t.Lines, tileLine{c.chain, unknown, "withheld"})
			continue
		}
		r := c.rows[best]
		t.Lines = append(t.Lines, tileLine{c.chain, times(r.number("capture")), r.textOr("token", "") + " " + r.textOr("basis", "")})
	}
	if len(without) > 0 {
		t.Why = "no fresh token of " + strings.Join(without, ", ") + " can be held against the chain's own rate"
	}
	if len(t.Lines) == 0 {
		t.Lines = []tileLine{{"", unknown, ""}}
		t.Why = "no redemption rate was read"
	}
	return t
}

// discountTile is the widest discount among tokens with a fresh price and rate.
func (d *Data) discountTile() tile {
	t := tile{ID: "tile-discount", Title: "Widest discount", Trust: []string{"as of " + minute(d.AsOf)}}
	worst, token, basis := math.Inf(1), "", ""
	for _, r := range d.rows("league") {
		if v, ok := r.number("premium_bps"); ok && v < worst {
			worst, token, basis = v, r.textOr("token", ""), r.textOr("basis", "")
		}
	}
	if token != "" {
		t.Lines = []tileLine{{"", signedBps(worst, true), token + " " + basis}}
		if worst >= 0 {
			t.Why = "no fresh price stands below redemption value"
		}
		return t
	}
	t.Lines = []tileLine{{"", unknown, "withheld"}}
	t.Why = "no market price was read"
	newest := ""
	for _, r := range d.rows("premium") {
		if w := when(r, "price_ts"); w != unknown && w > newest {
			newest = w
			t.Why = fmt.Sprintf("the newest price is of %s (%s)", w, r.textOr("token", ""))
		}
	}
	return t
}

// queueTile is the longest wait among the quoted ways out of 100 units.
func (d *Data) queueTile() tile {
	t := tile{ID: "tile-queue", Title: "Longest queue", Trust: []string{"as of " + minute(d.AsOf), "100 native units"}}
	longest, note := -1.0, ""
	for _, r := range d.rows("exit") {
		size, _ := r.number("size_native")
		wait, ok := r.number("wait_days")
		if ok && size == 100 && wait > longest {
			longest, note = wait, r.textOr("token", "")+" "+r.textOr("route", "")
		}
	}
	switch {
	case longest > 0:
		t.Lines = []tileLine{{"", daysOf(longest, true), note}}
	case longest == 0:
		t.Lines = []tileLine{{"", "none", "every quoted way out is instant"}}
	default:
		t.Lines = []tileLine{{"", unknown, "withheld"}}
		t.Why = "no fresh quote of a way out tells its wait"
	}
	return t
}

// healthTile counts fresh tokens, complete ticks and warnings.
func (d *Data) healthTile() tile {
	t := tile{ID: "tile-health", Title: "Data health", Trust: []string{"as of " + minute(d.AsOf)}}
	read, fine := 0, 0
	for _, r := range d.rows("freshness") {
		if _, ok := r.moment("observed_ts"); !ok {
			continue
		}
		read++
		if s := r.textOr("state", ""); s == "fresh" || s == "bench" || s == "restated" {
			fine++
		}
	}
	ticks, have := 0.0, 0.0
	for _, r := range d.rows("coverage") {
		n, _ := r.number("ticks")
		h, _ := r.number("have")
		ticks, have = ticks+n, have+h
	}
	t.Lines = []tileLine{
		{"fresh", fmt.Sprintf("%d/%d", fine, read), "tokens read"},
		{"complete", fmt.Sprintf("%s/%s", fixed(have, 0), fixed(ticks, 0)), "ticks of 90 d"},
	}
	if n := len(d.Warnings()); n > 0 {
		t.Why = plural(n, "warning", "warnings") + " below"
	}
	return t
}
