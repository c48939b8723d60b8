package report

import (
	"math"
	"slices"
	"strings"
	"time"
)

// A series is one line of the growth chart, day by day.
type series struct {
	token   string
	bench   bool
	since   time.Time
	days    []time.Time
	values  []float64
	markets []float64 // NaN where there was no fresh price
	order   int       // picks colour, dashes and shape
}

func (s series) last() float64 { return s.values[len(s.values)-1] }

func growthSeries(rs []row) []series {
	names, members := groups(rs, "token")
	var list []series
	for i, m := range members {
		s := series{token: names[i][0]}
		for _, r := range m {
			v, ok := r.number("value")
			t, ok2 := r.moment("day")
			if !ok || !ok2 {
				continue
			}
			market, priced := r.number("at_market")
			if !priced {
				market = math.NaN()
			}
			s.bench = s.bench || r.flag("is_bench")
			s.since, _ = r.moment("since")
			s.days, s.values, s.markets = append(s.days, t), append(s.values, v), append(s.markets, market)
		}
		if len(s.days) > 1 {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b series) int {
		if a.bench != b.bench {
			if a.bench {
				return 1
			}
			return -1
		}
		return strings.Compare(a.token, b.token)
	})
	for i := range list {
		list[i].order = i
	}
	return list
}

// growthTable has the level at the start of every month.
func growthTable(asset string, list []series) table {
	t := table{Caption: "What 100 " + asset + " became, at redemption, first day of each month and last day", Wide: true, Head: heads("Day")}
	var days []time.Time
	for _, s := range list {
		t.Head = append(t.Head, cell{Text: s.token, Numeric: true})
		for i, at := range s.days {
			if at.Day() == 1 || i == len(s.days)-1 {
				days = append(days, at)
			}
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	days = slices.CompactFunc(days, time.Time.Equal)
	for _, at := range days {
		r := tableRow{Cells: []cell{label(day(at))}}
		for _, s := range list {
			text := unknown
			if i, ok := slices.BinarySearchFunc(s.days, at, time.Time.Compare); ok {
				text = fixed(s.values[i], 3)
			}
			r.Cells = append(r.Cells, number(text))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}
