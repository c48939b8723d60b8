package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// drawnFrom is what a chart over time depends on. A new version of either is a break.
type drawnFrom struct {
	queries []string // whose answers are drawn
	metrics []string // of the facts that these queries read
}

// A seriesBreak is a day on which a chart over time changes its meaning: the figures
// left and right of it do not compare as those on one side do.
type seriesBreak struct {
	at     time.Time // the first moment of the new version, UTC
	number int       // from 1 among the breaks of a figure; 0 if it is the only one
	label  string    // the new versions, for the chart
	text   string    // a sentence with what they make
}

// String is the sentence.
func (b seriesBreak) String() string { return b.text }

// mark is what stands for the break where its label has no room.
func (b seriesBreak) mark() string {
	if b.number == 0 {
		return "break"
	}
	return strconv.Itoa(b.number)
}

// A newVersion is a row of the query definitions that follows another one of the same
// query, or of the same metric and transform.
type newVersion struct {
	kind, what, version, before string
	since                       time.Time
}

// breaks are those after lo and up to hi of what a chart is drawn from, in order. New
// versions that begin on one day, as an upgrade brings them, are one break.
func (d *Data) breaks(of drawnFrom, lo, hi time.Time) []seriesBreak {
	var list []seriesBreak
	var days [][]newVersion
	for _, v := range d.newVersions(of) {
		if !v.since.After(lo) || v.since.After(hi) {
			continue
		}
		if n := len(days); n == 0 || day(days[n-1][0].since) != day(v.since) {
			days = append(days, nil)
		}
		days[len(days)-1] = append(days[len(days)-1], v)
	}
	for i, vs := range days {
		b := seriesBreak{at: vs[0].since, label: labelOf(vs)}
		name := "Break"
		if len(days) > 1 {
			b.number = i + 1
			name += " " + b.mark()
		}
		b.text = fmt.Sprintf("%s at %s: %s.", name, day(b.at), causes(vs))
		list = append(list, b)
	}
	return list
}

// newVersions are those of what a chart is drawn from, by time.
func (d *Data) newVersions(of drawnFrom) []newVersion {
	first, newest := map[string]time.Time{}, map[string]string{}
	var list []newVersion
	rs := slices.SortedStableFunc(slices.Values(d.rows("definitions")), func(a, b row) int {
		at, _ := a.moment("since")
		bt, _ := b.moment("since")
		return at.Compare(bt)
	})
	for _, r := range rs {
		v := newVersion{kind: r.textOr("kind", ""), what: r.textOr("what", ""), version: r.textOr("version", "")}
		v.since, _ = r.moment("since")
		among := of.metrics
		id := v.kind + " " + v.what
		if v.kind == "query" {
			among = of.queries
		} else { // another transform beside it makes other facts, and is no new version
			name, _, _ := strings.Cut(v.version, "@")
			id += " " + name
		}
		if !slices.Contains(among, v.what) {
			continue
		}
		if _, known := first[id]; !known {
			first[id] = v.since
		}
		// Where facts were made again from the beginning nothing older is left to compare with.
		if v.since.After(first[id]) {
			v.before = newest[id]
			list = append(list, v)
		}
		newest[id] = v.version
	}
	return list
}

// labelOf names the versions that begin, and what the only one makes.
func labelOf(vs []newVersion) string {
	if len(vs) == 1 && vs[0].kind == "fact" {
		return vs[0].what + " " + vs[0].version
	}
	var names []string
	for _, v := range vs {
		name := v.version
		if v.kind == "query" {
			name = "definition " + v.version
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// causes say what is made by which new version, and where the old one still answers.
func causes(vs []newVersion) string {
	var parts []string
	names, members := map[string][]string{}, []string(nil)
	for _, v := range vs {
		if v.kind == "query" {
			parts = append(parts, fmt.Sprintf("%s by definition %s, which this chart has throughout (`pipeline query %s --methodology %s` answers by the one before)",
				v.what, v.version, v.what, v.before))
			continue
		}
		if names[v.version] == nil {
			members = append(members, v.version)
		}
		names[v.version] = append(names[v.version], v.what)
	}
	var facts []string
	for _, version := range members {
		slices.Sort(names[version])
		facts = append(facts, strings.Join(names[version], ", ")+" by "+version)
	}
	return strings.Join(append(facts, parts...), "; ")
}

// between is the first and the last moment of a column.
func between(rs []row, column string) (lo, hi time.Time) {
	for _, r := range rs {
		if t, ok := r.moment(column); ok {
			if lo.IsZero() {
				lo, hi = t, t
			}
			lo, hi = earlier(lo, t), later(hi, t)
		}
	}
	return lo, hi
}
