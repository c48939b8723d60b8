package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// growthFigure draws what 100 native units became, one panel per native asset.
func (d *Data) growthFigure() (figure, error) {
	f := figure{
		ID: "growth", Title: "Growth of 100",
		Lead: "What 100 native units became at the redemption rate, without entry and exit fees. Steps are real updates. " +
			"The log axis makes equal slopes equal yields: a line that begins later starts at 100 then, so compare slopes, not ends.",
		Trust: d.trust("growth-history"),
		From:  drawnFrom{queries: []string{"growth-history"}, metrics: []string{"exchange_rate", "benchmark_apr", "price"}},
		Keys:  []key{{"bench", "", "the chain's own staking rate"}, {"band-key", "", "between redemption value and market price"}},
	}
	from, to := between(d.rows("growth-history"), "day")
	f.Breaks = d.breaks(f.From, from, to)
	names, members := groups(d.rows("growth-history"), "underlying")
	for i, rs := range members {
		list := growthSeries(rs)
		if len(list) == 0 {
			continue
		}
		asset := names[i][0]
		f.Panels = append(f.Panels, panel{
			Heading: "100 " + asset,
			Wide:    growthScene("growth-w-"+slug(asset), asset, list, f.Breaks, 620, 340),
			Narrow:  growthScene("growth-n-"+slug(asset), asset, list, f.Breaks, 360, 320),
		})
		f.Tables = append(f.Tables, growthTable(asset, list))
	}
	if len(f.Panels) == 0 {
		f.Missing = "No token has a redemption rate in this time."
	}
	var err error
	f.Offers, err = d.offers("growth-history", "growth")
	return f, err
}

func growthScene(id, asset string, list []series, breaks []seriesBreak, w, h int) *scene {
	sc := &scene{ID: id, W: w, H: h, Title: "Growth of 100 " + asset}
	left, right, top, bottom := 46.0, float64(w)-labelRoom(list, w), 12+breakRoom(breaks), float64(h)-26
	from, to := list[0].days[0], list[0].days[0]
	lo, hi := 100.0, 100.0
	for _, s := range list {
		from, to = earlier(from, s.days[0]), later(to, s.days[len(s.days)-1])
		lo, hi = min(lo, slices.Min(s.values)), max(hi, slices.Max(s.values))
		for _, m := range s.markets {
			if m == m {
				lo, hi = min(lo, m), max(hi, m)
			}
		}
	}
	lo, hi = outward(lo, hi, 5)
	y := scale{lo: lo, hi: hi, from: bottom, to: top, log: true}
	x := timeScale{from, to, left, right}
	for _, v := range y.ticks(5) {
		sc.line("grid", left, y.at(v), right, y.at(v))
		sc.text("tick", "end", left-6, y.at(v)+4, "%s", fixed(v, decimalsOf(hi-lo)))
	}
	sc.line("axis", left, y.at(max(lo, min(100, hi))), right, y.at(max(lo, min(100, hi))))
	months := 2
	if w < 500 {
		months = 3
	}
	x.months(sc, top, bottom, months)
	var ends []string
	for _, s := range list {
		drawSeries(sc, s, x, y)
		ends = append(ends, fmt.Sprintf("%s %s", s.token, fixed(s.last(), 2)))
	}
	endLabels(sc, list, x, y, right, top, bottom)
	hover(sc, list, x, top, bottom)
	sc.Desc = fmt.Sprintf("From %s to %s 100 %s became: %s.", day(from), day(to), asset, strings.Join(ends, ", "))
	sc.breaks(breaks, x, bottom)
	return sc
}

// reaches reports whether a line has a level in the last days before t.
func (s series) reaches(t time.Time) bool { return t.Sub(s.days[len(s.days)-1]) <= 7*24*time.Hour }

// labelRoom is what the end labels need at the right.
func labelRoom(list []series, w int) float64 {
	longest := 0
	for _, s := range list {
		longest = max(longest, runes(s.name(w))+6)
	}
	return 34 + 7.3*float64(longest)
}

// name is the symbol; on a phone only the first word of a chain's own rate.
func (s series) name(w int) string {
	if first, _, ok := strings.Cut(s.token, " "); ok && s.bench && w < 500 {
		return first
	}
	return s.token
}

// steps writes the line; it is broken where days have no level, and a day alone is
// a short dash.
func (s series) steps(xs, ys []float64) string {
	var d strings.Builder
	for a := 0; a < len(xs); {
		b := a + 1
		for b < len(xs) && s.days[b].Sub(s.days[b-1]) <= 36*time.Hour {
			b++
		}
		d.WriteString(stepPath(xs[a:b], ys[a:b]))
		if b == a+1 {
			d.WriteString("h3")
		}
		a = b
	}
	return d.String()
}

func drawSeries(sc *scene, s series, x timeScale, y scale) {
	class := fmt.Sprintf("c%d", s.order%8)
	if s.bench {
		class = "bench"
	}
	xs, ys := make([]float64, len(s.days)), make([]float64, len(s.days))
	for i := range s.days {
		xs[i], ys[i] = x.at(s.days[i]), y.at(s.values[i])
	}
	for a := 0; a < len(xs); a++ {
		b := a
		for b < len(xs) && s.markets[b] == s.markets[b] {
			b++
		}
		if b-a > 1 {
			market := make([]float64, b-a)
			for i := range market {
				market[i] = y.at(s.markets[a+i])
			}
			m := sc.path("band "+class, areaPath(xs[a:b], market, ys[a:b]))
			m.Token = s.token
		}
		a = max(a, b)
	}
	m := sc.path("series mark "+class, s.steps(xs, ys))
	m.Token, m.Value = s.token, fmt.Sprint(len(xs))
	if s.since.After(x.lo.AddDate(0, 0, 3)) {
		sc.shape("hollow "+class, 0, xs[0], ys[0], 3.5)
	}
	if !s.bench {
		sc.shape("end "+class, s.order, xs[len(xs)-1], ys[len(ys)-1], 3.5)
	}
}

// endLabels names each line where it ends, moved apart and joined by a hairline.
func endLabels(sc *scene, list []series, x timeScale, y scale, right, top, bottom float64) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b series) int { return cmp.Compare(b.last(), a.last()) })
	// Lines that stop early are named where they stop.
	ended := slices.DeleteFunc(slices.Clone(sorted), func(s series) bool { return s.reaches(x.hi) })
	for i, at := range apart(heights(ended, y), 15, top, bottom) {
		s := ended[i]
		sc.text(fmt.Sprintf("name c%d", s.order%8), "start", x.at(s.days[len(s.days)-1])+8, at+4, "%s %s", s.token, fixed(s.last(), 1))
	}
	sorted = slices.DeleteFunc(sorted, func(s series) bool { return !s.reaches(x.hi) })
	ys := heights(sorted, y)
	for i, at := range apart(ys, 15, top, bottom) {
		s := sorted[i]
		class := fmt.Sprintf("c%d", s.order%8)
		if s.bench {
			class = "bench"
		}
		sc.line("lead "+class, x.at(s.days[len(s.days)-1])+4, ys[i], right+14, at)
		if !s.bench {
			sc.shape("end "+class, s.order, right+19, at, 3.5)
		}
		sc.text("name "+class, "start", right+26, at+4, "%s %s", s.name(sc.W), fixed(s.last(), 1))
	}
}

func heights(list []series, y scale) []float64 {
	ys := make([]float64, len(list))
	for i, s := range list {
		ys[i] = y.at(s.last())
	}
	return ys
}

// hover lays one band per week over the chart; it tells what every line has there.
func hover(sc *scene, list []series, x timeScale, top, bottom float64) {
	const week = 7 * 24 * time.Hour
	for t := x.lo; t.Before(x.hi); t = t.Add(week) {
		lines := []string{day(t)}
		for _, s := range list {
			i, exact := slices.BinarySearchFunc(s.days, t, time.Time.Compare)
			if exact || i > 0 && i < len(s.days) {
				if !exact {
					i--
				}
				line := s.token + " " + fixed(s.values[i], 2)
				if m := s.markets[i]; m == m {
					line += " (market " + fixed(m, 2) + ")"
				}
				lines = append(lines, line)
			}
		}
		m := sc.rect("hover", x.at(t), top, x.at(earlier(t.Add(week), x.hi))-x.at(t), bottom-top)
		m.Tip = strings.Join(lines, "\n")
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// decimalsOf is how many decimals the ticks of a span need.
func decimalsOf(span float64) int {
	step := roundStep(span / 5)
	if step <= 0 || step >= 1 && step == math.Trunc(step) {
		return 0
	}
	return min(max(int(math.Ceil(-math.Log10(step))), 1), 4)
}
