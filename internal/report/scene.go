package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A scene is one chart ready for the SVG template: marks in drawing order. Looks
// are classes of page.css, because the page allows no style attributes.
type scene struct {
	ID          string // unique in the page
	Class       string
	W, H        int
	Title, Desc string // read to those who do not see it
	Marks       []mark
}

// A mark is one element. Kind is rect, path, line, circle or text. Token names
// whose mark it is and Value what it shows, for tests and scripts; Tip is what
// stands beside the pointer.
type mark struct {
	Kind, Class     string
	X, Y, X2, Y2    coord
	W, H, R         coord
	D, Text, Anchor string
	Token, Value    string
	Tip             string
	Title           string // what a browser without script shows there; the script makes it the Tip
}

// coord is a position in the view box, written with one decimal.
type coord float64

func (c coord) String() string {
	return strconv.FormatFloat(math.Round(float64(c)*10)/10, 'f', -1, 64)
}

func (s *scene) add(m mark) { s.Marks = append(s.Marks, m) }

func (s *scene) rect(class string, x, y, w, h float64) *mark {
	s.add(mark{Kind: "rect", Class: class, X: coord(x), Y: coord(y), W: coord(max(w, 0)), H: coord(max(h, 0))})
	return &s.Marks[len(s.Marks)-1]
}

func (s *scene) line(class string, x1, y1, x2, y2 float64) *mark {
	s.add(mark{Kind: "line", Class: class, X: coord(x1), Y: coord(y1), X2: coord(x2), Y2: coord(y2)})
	return &s.Marks[len(s.Marks)-1]
}

// text stands with its baseline at y; anchor is start, middle or end.
func (s *scene) text(class, anchor string, x, y float64, format string, args ...any) *mark {
	t := format
	if len(args) > 0 {
		t = fmt.Sprintf(format, args...)
	}
	s.add(mark{Kind: "text", Class: class, Anchor: anchor, X: coord(x), Y: coord(y), Text: t})
	return &s.Marks[len(s.Marks)-1]
}

func (s *scene) path(class, d string) *mark {
	s.add(mark{Kind: "path", Class: class, D: d})
	return &s.Marks[len(s.Marks)-1]
}

// shape draws the n-th of six shapes around a point, so that series differ in
// more than colour.
func (s *scene) shape(class string, n int, x, y, r float64) *mark {
	var d string
	switch n % 6 {
	case 0:
		s.add(mark{Kind: "circle", Class: class, X: coord(x), Y: coord(y), R: coord(r)})
		return &s.Marks[len(s.Marks)-1]
	case 1:
		d = fmt.Sprintf("M%s %sh%sv%sh%sz", coord(x-r), coord(y-r), coord(2*r), coord(2*r), coord(-2*r))
	case 2:
		d = fmt.Sprintf("M%s %sl%s %sh%sz", coord(x), coord(y-r*1.2), coord(r*1.2), coord(r*2.1), coord(-r*2.4))
	case 3:
		d = fmt.Sprintf("M%s %sl%s %sl%s %sl%s %sz", coord(x), coord(y-r*1.3), coord(r*1.3), coord(r*1.3), coord(-r*1.3), coord(r*1.3), coord(-r*1.3), coord(-r*1.3))
	case 4:
		d = fmt.Sprintf("M%s %sl%s %sh%sz", coord(x), coord(y+r*1.2), coord(r*1.2), coord(-r*2.1), coord(-r*2.4))
	default:
		d = fmt.Sprintf("M%s %sh%sv%sh%sv%sh%sv%sh%sv%sh%sv%sh%sz", coord(x-r*.45), coord(y-r*1.2), coord(r*.9), coord(r*.75), coord(r*.75), coord(r*.9), coord(-r*.75), coord(r*.75), coord(-r*.9), coord(-r*.75), coord(-r*.75), coord(-r*.9), coord(r*.75))
	}
	return s.path(class, d)
}

// A scale maps values of [lo, hi] to positions of [from, to].
type scale struct {
	lo, hi, from, to float64
	log              bool
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(v)
	}
	if hi == lo {
		return s.from
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// ticks are round values inside the scale, about n of them.
func (s scale) ticks(n int) []float64 {
	step := roundStep((s.hi - s.lo) / float64(n))
	if step <= 0 {
		return []float64{s.lo}
	}
	var list []float64
	for i := math.Ceil(s.lo/step - 1e-9); i*step <= s.hi+step*1e-9; i++ {
		list = append(list, i*step)
	}
	return list
}

// roundStep is the smallest of 1, 2, 2.5 and 5 times a power of ten that is not
// below raw.
func roundStep(raw float64) float64 {
	if raw <= 0 || math.IsInf(raw, 0) || math.IsNaN(raw) {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m*power >= raw*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// outward widens [lo, hi] to round values.
func outward(lo, hi float64, n int) (float64, float64) {
	if lo == hi {
		lo, hi = lo-1, hi+1
	}
	step := roundStep((hi - lo) / float64(n))
	return math.Floor(lo/step+1e-9) * step, math.Ceil(hi/step-1e-9) * step
}

// A timeScale maps days to positions.
type timeScale struct {
	lo, hi   time.Time
	from, to float64
}

func (s timeScale) at(t time.Time) float64 {
	span := s.hi.Sub(s.lo).Seconds()
	if span <= 0 {
		return s.from
	}
	return s.from + t.Sub(s.lo).Seconds()/span*(s.to-s.from)
}

// months draws a line and a name for every n-th first of a month.
func (s timeScale) months(sc *scene, top, bottom float64, n int) {
	t := time.Date(s.lo.Year(), s.lo.Month(), 1, 0, 0, 0, 0, time.UTC)
	for ; !t.After(s.hi); t = t.AddDate(0, 1, 0) {
		if t.Before(s.lo) || (int(t.Month())-1)%n != 0 {
			continue
		}
		x := s.at(t)
		sc.line("grid", x, top, x, bottom)
		name := t.Format("Jan")
		if t.Month() == time.January || (int(t.Month())-1) < n && n > 1 {
			name = t.Format("2006")
		}
		switch {
		case x < s.from+10:
			sc.text("tick", "start", x, bottom+16, "%s", name)
		case x < s.to-14:
			sc.text("tick", "middle", x, bottom+16, "%s", name)
		}
	}
}

// apart moves positions, sorted from the top, at least gap apart and keeps them in
// [lo, hi] where they fit.
func apart(ys []float64, gap, lo, hi float64) []float64 {
	out := append([]float64(nil), ys...)
	for i := range out {
		out[i] = max(out[i], lo)
		if i > 0 {
			out[i] = max(out[i], out[i-1]+gap)
		}
	}
	for i := len(out) - 1; i >= 0; i-- {
		limit := hi
		if i < len(out)-1 {
			limit = out[i+1] - gap
		}
		out[i] = min(out[i], limit)
	}
	return out
}

// points writes a step path: level until the next point.
func stepPath(xs, ys []float64) string {
	var d strings.Builder
	for i := range xs {
		switch {
		case i == 0:
			fmt.Fprintf(&d, "M%s %s", coord(xs[i]), coord(ys[i]))
		case ys[i] != ys[i-1]:
			fmt.Fprintf(&d, "H%sV%s", coord(xs[i]), coord(ys[i]))
		case i == len(xs)-1:
			fmt.Fprintf(&d, "H%s", coord(xs[i]))
		}
	}
	return d.String()
}

func linePath(xs, ys []float64) string {
	var d strings.Builder
	for i := range xs {
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&d, "%s%s %s", verb, coord(xs[i]), coord(ys[i]))
	}
	return d.String()
}

// areaPath closes the space between two lines over the same positions.
func areaPath(xs, upper, lower []float64) string {
	var back strings.Builder
	for i := len(xs) - 1; i >= 0; i-- {
		fmt.Fprintf(&back, "L%s %s", coord(xs[i]), coord(lower[i]))
	}
	return linePath(xs, upper) + back.String() + "z"
}
