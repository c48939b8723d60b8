package report

import (
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// brokenWorld is testdata/seed.sql with new versions in its last months.
var brokenWorld = sync.OnceValues(func() (*Data, error) {
	seed, err := os.ReadFile("testdata/seed.sql")
	if err != nil {
		return nil, err
	}
	all, err := collectAll(string(seed) + `
UPDATE fact_metric SET transform = 't@2' WHERE metric_id = 'exchange_rate' AND ts >= '2024-03-03';
UPDATE fact_metric SET transform = 't@2' WHERE metric_id = 'lst_supply' AND ts >= '2024-03-04';
UPDATE fact_metric SET transform = 't@2' WHERE metric_id = 'fee_reward_bps' AND ts >= '2024-04-01';
UPDATE fact_metric SET transform = 'u@2' WHERE metric_id = 'benchmark_apr' AND ts >= '2024-04-01';
UPDATE fact_price SET transform = 't@2' WHERE ts >= '2024-05-06';
INSERT INTO methodology VALUES ('premium-history', 1, '', '', '2023-01-01'), ('premium-history', 2, '', '', '2024-06-10'),
    ('league', 1, '', '', '2023-01-01'), ('league', 2, '', '', '2024-06-10');`)
	return all[1], err
})

func TestAChartOverTimeShowsWhereItsTransformsAndItsDefinitionChanged(t *testing.T) {
	t.Parallel()
	d, err := brokenWorld()
	if err != nil {
		t.Fatal(err)
	}
	rate, supply, price, asked := "2024-03-03", "2024-03-04", "2024-05-06", "2024-06-10"
	for name, tc := range map[string]struct {
		view         func() (figure, error)
		days         []string
		text         []string
		wide, narrow []string // labels
	}{
		"growth: rate and price; another transform of the benchmark is none": {
			d.growthFigure, []string{rate, price},
			[]string{"Break 1 at 2024-03-03: exchange_rate by t@2.", "Break 2 at 2024-05-06: price by t@2."},
			[]string{"exchange_rate t@2", "price t@2"}, []string{"1", "2"},
		},
		"premium: also the query's definition": {
			d.premiumFigure, []string{rate, price, asked},
			[]string{"Break 1 at 2024-03-03: exchange_rate by t@2.", "Break 2 at 2024-05-06: price by t@2.",
				"Break 3 at 2024-06-10: premium-history by definition 2, which this chart has throughout (`pipeline query premium-history --methodology 1` answers by the one before)."},
			[]string{"1", "2", "3"}, []string{"1", "2", "3"},
		},
		"shares: two that are a day apart share a label where words have no room": {
			d.shareFigure, []string{rate, supply},
			[]string{"Break 1 at 2024-03-03: exchange_rate by t@2.", "Break 2 at 2024-03-04: lst_supply by t@2."},
			[]string{"exchange_rate t@2", "lst_supply t@2"}, []string{"1–2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := tc.view()
			if err != nil {
				t.Fatal(err)
			}
			var text []string
			for _, b := range f.Breaks {
				text = append(text, b.String())
			}
			if diff := cmp.Diff(tc.text, text); diff != "" {
				t.Errorf("caption:\n%s", diff)
			}
			for _, p := range f.Panels {
				if p.Heading == "Operators" { // not over time
					continue
				}
				for sc, want := range map[*scene][]string{p.Wide: tc.wide, p.Narrow: tc.narrow} {
					lines, labels := drawnBreaks(sc)
					if last := slices.IndexFunc(sc.Marks, func(m mark) bool { return m.Kind == "text" }); slices.ContainsFunc(sc.Marks[last:], func(m mark) bool { return m.Class == "break" }) {
						t.Errorf("%s: a line is drawn over a text", sc.ID)
					}
					if diff := cmp.Diff(want, labels); diff != "" {
						t.Errorf("%s: labels:\n%s", sc.ID, diff)
					}
					if len(lines) != len(tc.days) {
						t.Errorf("%s: %d lines for %d breaks", sc.ID, len(lines), len(tc.days))
						continue
					}
					for i, m := range lines {
						if want := positionOf(t, sc, tc.days[i]); m.X != m.X2 || math.Abs(float64(m.X)-want) > 0.3 {
							t.Errorf("%s: the line of %s stands at %s, not at %.1f", sc.ID, tc.days[i], m.X, want)
						}
						if m.Title != text[i] || !strings.Contains(sc.Desc, text[i]) {
							t.Errorf("%s: the line has the title %q, the description is %q", sc.ID, m.Title, sc.Desc)
						}
					}
				}
			}
		})
	}
	page := pageOf(t, d)
	for _, id := range []string{"growth", "premium", "concentration"} {
		_, rest, _ := strings.Cut(page, `<figure id="`+id+`"`)
		if caption, _, _ := strings.Cut(rest, "</figcaption>"); !strings.Contains(caption, "Break 1 at 2024-03-03: exchange_rate by t@2. Break 2 at ") {
			t.Errorf("the caption of %s does not list its breaks", id)
		}
	}
	if !strings.Contains(page, "<title>Break 1 at 2024-03-03: exchange_rate by t@2.</title>") {
		t.Error("a line has no title to see without script")
	}
}

// drawnBreaks are the lines and the texts of the labels in a scene.
func drawnBreaks(sc *scene) (lines []mark, labels []string) {
	for _, m := range sc.Marks {
		switch m.Class {
		case "break":
			lines = append(lines, m)
		case "break-name":
			labels = append(labels, m.Text)
		}
	}
	return lines, labels
}

// positionOf is where a day lies between two of the chart's own marks that name theirs.
func positionOf(t *testing.T, sc *scene, at string) float64 {
	t.Helper()
	named := regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	type point struct {
		day string
		x   float64
	}
	var points []point
	for _, m := range sc.Marks {
		if m.Class == "hover" || strings.HasPrefix(m.Class, "cell mark") {
			points = append(points, point{named.FindString(m.Tip), float64(m.X)})
		}
	}
	// The first week may be cut off at the edge.
	points = slices.DeleteFunc(points, func(p point) bool { return p.day < "2023-08-01" })
	a := slices.MinFunc(points, func(a, b point) int { return strings.Compare(a.day, b.day) })
	b := slices.MaxFunc(points, func(a, b point) int { return strings.Compare(a.day, b.day) })
	days := func(from, to string) float64 {
		x, err1 := time.Parse(time.DateOnly, from)
		y, err2 := time.Parse(time.DateOnly, to)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return y.Sub(x).Hours() / 24
	}
	return a.x + (b.x-a.x)*days(a.day, at)/days(a.day, b.day)
}

func TestAWorldOfOneVersionHasNoBreak(t *testing.T) {
	t.Parallel()
	if page := pageOf(t, seeded(t)); strings.Contains(page, `class="break`) || strings.Contains(page, "Break ") {
		t.Error("a break is shown")
	}
}

func TestWhatIsABreakAndWhatItIsCalled(t *testing.T) {
	t.Parallel()
	lo, hi := lookedAt.AddDate(0, 0, -10), lookedAt
	at := func(days int, hours ...int) time.Time {
		for _, h := range hours {
			return lo.AddDate(0, 0, days).Add(time.Duration(h) * time.Hour)
		}
		return lo.AddDate(0, 0, days)
	}
	of := drawnFrom{queries: []string{"q"}, metrics: []string{"m", "n"}}
	type list = [][]any // kind, what, version, since
	for name, tc := range map[string]struct {
		rows list
		want string // label: text
	}{
		"the first version is none":              {list{{"fact", "m", "s@1", at(2)}, {"query", "q", "1", at(3)}}, ""},
		"the second is, alone without a number":  {list{{"fact", "m", "s@2", at(3)}, {"fact", "m", "s@1", at(0)}}, "m s@2: Break at 2024-06-24: m by s@2."},
		"another transform is none":              {list{{"fact", "m", "s@1", at(0)}, {"fact", "m", "r@1", at(3)}}, ""},
		"a metric that is not drawn has none":    {list{{"fact", "o", "s@1", at(0)}, {"fact", "o", "s@2", at(3)}, {"query", "m", "1", at(0)}, {"query", "m", "2", at(3)}}, ""},
		"facts made again from the first on":     {list{{"fact", "m", "s@1", at(1)}, {"fact", "m", "s@2", at(1)}}, ""},
		"the first moment drawn is none":         {list{{"fact", "m", "s@1", at(-3)}, {"fact", "m", "s@2", at(0)}}, ""},
		"the last moment is":                     {list{{"fact", "m", "s@1", at(0)}, {"fact", "m", "s@2", at(10)}}, "m s@2: Break at 2024-07-01: m by s@2."},
		"what comes later is not":                {list{{"fact", "m", "s@1", at(0)}, {"fact", "m", "s@2", at(11)}}, ""},
		"an upgrade in the course of one day":    {list{{"fact", "m", "s@1", at(0)}, {"fact", "n", "s@1", at(0)}, {"fact", "n", "s@2", at(3, 1)}, {"fact", "m", "s@2", at(3, 5)}}, "s@2: Break at 2024-06-24: m, n by s@2."},
		"metrics and the query on one day":       {list{{"fact", "m", "s@1", at(0)}, {"query", "q", "4", at(0)}, {"query", "q", "5", at(3)}, {"fact", "m", "s@2", at(3, 5)}}, "definition 5, s@2: Break at 2024-06-24: m by s@2; q by definition 5, which this chart has throughout (`pipeline query q --methodology 4` answers by the one before)."},
		"two days are numbered in order of time": {list{{"fact", "m", "s@3", at(5)}, {"fact", "m", "s@1", at(0)}, {"fact", "m", "s@2", at(3)}}, "m s@2: Break 1 at 2024-06-24: m by s@2. m s@3: Break 2 at 2024-06-26: m by s@3."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := &query.Result{Rows: tc.rows}
			for _, c := range []string{"kind", "what", "version", "since"} {
				res.Columns = append(res.Columns, query.Column{Name: c})
			}
			d := &Data{Answers: map[string]*Answer{"definitions": {Result: res}}}
			var got []string
			for _, b := range d.breaks(of, lo, hi) {
				got = append(got, b.label+": "+b.text)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLabelsOfBreaksNeverOverlapAndEachBreakHasOne(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 8))
	words := 0
	for range 3000 {
		x := timeScale{lookedAt.AddDate(-1, 0, 0), lookedAt, 46, 46 + float64(150+rnd.IntN(900))}
		var at []int
		for range 1 + rnd.IntN(12) {
			at = append(at, 1+rnd.IntN(364))
		}
		slices.Sort(at)
		var list []seriesBreak
		for i, days := range slices.Compact(at) {
			b := seriesBreak{at: x.lo.AddDate(0, 0, days), number: i + 1, label: strings.Repeat("x", 8+rnd.IntN(20))}
			list = append(list, b)
		}
		if len(list) == 1 {
			list[0].number = 0
		}
		labels := breakLabels(list, x, 7)
		if labels != nil {
			words++
		} else {
			labels = breakMarks(list, x, 7)
		}
		end, named := 0.0, 0
		for _, l := range labels {
			if l.from < max(end, x.from) || l.to > x.to || l.to <= l.from {
				t.Fatalf("a label from %.1f to %.1f, the one before ends at %.1f, the chart at %.1f: %v", l.from, l.to, end, x.to, labels)
			}
			end = l.to
			named += l.last - l.first + 1
		}
		if named != len(list) {
			t.Fatalf("%d of %d breaks are named: %v", named, len(list), labels)
		}
	}
	if words < 100 || words > 2900 {
		t.Errorf("%d of 3000 had room for words", words)
	}
}

// A name that is not the contract's would never find its break.
func TestViewsNameMetricsOfTheContractAndQueriesOfTheReport(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	checked := 0
	for _, view := range []func() (figure, error){d.growthFigure, d.premiumFigure, d.shareFigure} {
		f, err := view()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range f.From.metrics {
			if _, ok := sdk.LookupMetric(sdk.MetricID(m)); !ok {
				t.Errorf("%s: there is no metric %s", f.ID, m)
			}
			checked++
		}
		for _, q := range f.From.queries {
			if d.Answers[q] == nil {
				t.Errorf("%s: the report has no query %s", f.ID, q)
			}
			checked++
		}
	}
	if checked < 9 {
		t.Errorf("only %d names", checked)
	}
}
