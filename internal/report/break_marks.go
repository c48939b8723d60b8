package report

import (
	"slices"
	"strings"
)

// breakRoom is the height of the labels above a chart; without a break it needs none.
func breakRoom(list []seriesBreak) float64 {
	if len(list) == 0 {
		return 0
	}
	return 16
}

// breaks draws those inside the time of x as dashed lines from the top of the scene to
// bottom, with their labels in the room above the chart, and describes them.
func (s *scene) breaks(list []seriesBreak, x timeScale, bottom float64) {
	list = slices.DeleteFunc(slices.Clone(list), func(b seriesBreak) bool { return !b.at.After(x.lo) || b.at.After(x.hi) })
	for _, b := range list {
		at := x.at(b.at)
		s.line("break-gap", at, 2, at, bottom) // so that it is seen on any colour
		s.line("break", at, 2, at, bottom).Title = b.text
		s.Desc += " " + b.text
	}
	if len(list) == 0 {
		return
	}
	// No line crosses a text.
	texts := slices.DeleteFunc(slices.Clone(s.Marks), func(m mark) bool { return m.Kind != "text" })
	s.Marks = append(slices.DeleteFunc(s.Marks, func(m mark) bool { return m.Kind == "text" }), texts...)
	letter := 6.8
	if s.W > 1000 { // printed smaller, with larger letters to make up for it
		letter = 9
	}
	labels := breakLabels(list, x, letter)
	if labels == nil {
		labels = breakMarks(list, x, letter)
	}
	for _, l := range labels {
		s.text("break-name", "start", l.from, 12, "%s", l.text).Title = l.title
	}
}

// A breakLabel is the text of one or more breaks; it ends at to.
type breakLabel struct {
	text, title string
	from, to    float64
	first, last int // breaks
}

// beside is how far a label stands from its line.
const beside = 4

// breakLabels puts each label right of its line, or left of it where the next line or
// the edge is too near; nil where one has no room. letter is the width of one.
func breakLabels(list []seriesBreak, x timeScale, letter float64) []breakLabel {
	var out []breakLabel
	free := x.from
	for i, b := range list {
		at, end := x.at(b.at), x.to
		if i+1 < len(list) {
			end = x.at(list[i+1].at)
		}
		width := letter * float64(runes(b.label))
		l := breakLabel{text: b.label, title: b.text, from: at + beside, first: i, last: i}
		if l.from+width > end {
			l.from = at - beside - width
		}
		if l.to = l.from + width; l.from < free {
			return nil
		}
		free = max(at, l.to)
		out = append(out, l)
	}
	return out
}

// breakMarks puts numbers there, and one label for those that stand too close: 2–4.
func breakMarks(list []seriesBreak, x timeScale, letter float64) []breakLabel {
	var out []breakLabel
	for i := range list {
		l := breakLabel{first: i, last: i}
		for {
			var titles []string
			for _, b := range list[l.first : l.last+1] {
				titles = append(titles, b.text)
			}
			l.text, l.title = list[l.first].mark(), strings.Join(titles, "\n")
			if l.first < l.last {
				l.text += "–" + list[l.last].mark()
			}
			width := letter * float64(runes(l.text))
			l.from = x.at(list[l.last].at) + beside
			if l.from+width > x.to {
				l.from = max(x.at(list[l.first].at)-beside-width, x.from)
			}
			l.to = l.from + width
			n := len(out)
			if n == 0 || out[n-1].to+beside <= min(l.from, x.at(list[l.first].at)) {
				break
			}
			l.first, out = out[n-1].first, out[:n-1]
		}
		out = append(out, l)
	}
	return out
}
