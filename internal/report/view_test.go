package report

import (
	"html"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

func TestTheWaterfallLeadsFromTheLevelAtTheStartToThatAtTheEnd(t *testing.T) {
	t.Parallel()
	f, err := seeded(t).flowFigure()
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Panels) == 0 {
		t.Fatal("nothing is drawn")
	}
	for _, p := range f.Panels {
		var bars []float64
		for _, m := range p.Wide.Marks {
			if strings.Contains(m.Class, "leg mark") {
				v, err := strconv.ParseFloat(strings.Replace(m.Value, minus, "-", 1), 64)
				if err != nil {
					t.Fatal(err)
				}
				bars = append(bars, v)
			}
		}
		if len(bars) < 5 { // fee shares may be unknown, a price is 1 in native units
			t.Errorf("%s: only %d bars", p.Heading, len(bars))
			continue
		}
		sum := 0.0
		for _, v := range bars[:len(bars)-1] {
			sum += v
		}
		if end := bars[len(bars)-1]; math.Abs(sum-end) > 0.05 {
			t.Errorf("%s: the bars lead to %.2f, the end is %.2f", p.Heading, sum, end)
		}
	}
}

func TestTheFeeViewShowsIdleDragAndWhatTheProtocolClaims(t *testing.T) {
	t.Parallel()
	f, err := seeded(t).feesFigure()
	if err != nil {
		t.Fatal(err)
	}
	var drags []string
	for _, m := range f.Panels[0].Wide.Marks {
		if m.Class == "idle mark" {
			drags = append(drags, m.Token+" "+m.Value)
		}
	}
	// 5 % of aETH's backing is idle: 5 ÷ 95 of what the rest earned.
	if got := strings.Join(drags, ", "); got != "aETH 5.26" {
		t.Errorf("idle drag: %q", got)
	}
	// 3.44 % net of a take of 10 % is 3.83 % gross; it claims 3.60 %. cSOL
	// claims an APY, and that is compared with its APY.
	page := pageOf(t, seeded(t))
	_, table, _ := strings.Cut(page, "Claimed and paid")
	cells := strings.Join(strings.Fields(html.UnescapeString(stripTags(table[:strings.Index(table, "</table>")]))), " ")
	for _, want := range []string{"aETH 3.44% 3.83% 3.60% +0.15 pp 3.50% — — 2024-07-01", "cSOL 6.97% — — — 7.20% 7.50% +0.30 pp 2024-07-01"} {
		if !strings.Contains(cells, want) {
			t.Errorf("no %q in %s", want, cells)
		}
	}
	if strings.Contains(cells, "zSOL") || strings.Contains(cells, "fETH") {
		t.Errorf("the yield of a token that has ended or is frozen is shown: %s", cells)
	}
}

// stripTags leaves the text of a piece of the page.
func stripTags(page string) string {
	var out strings.Builder
	for _, part := range strings.Split(page, "<") {
		_, text, _ := strings.Cut(part, ">")
		out.WriteString(text + " ")
	}
	return out.String()
}

func TestTheDotOfAProtocolSaysItsNakamotoCount(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	var texts []string
	for _, m := range d.operatorPanel().Wide.Marks {
		if strings.HasPrefix(m.Text, "Nakamoto ") {
			texts = append(texts, m.Text)
		}
	}
	if got := strings.Join(texts, ", "); got != "Nakamoto 6, Nakamoto 2, Nakamoto 10" {
		t.Errorf("got %q", got)
	}
}

func TestTheConcentrationViewNamesItsDenominatorAndWhatAnOperatorIs(t *testing.T) {
	t.Parallel()
	f, err := seeded(t).shareFigure()
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, p := range f.Panels {
		headings = append(headings, p.Heading)
	}
	if got := strings.Join(headings, "; "); got != "ETH tokens, shares of the warehouse; SOL tokens, shares of the warehouse; Operators" {
		t.Errorf("headings: %q", got)
	}
	shares := f.Tables[0]
	if len(shares.Rows) == 0 {
		t.Fatal("no share is listed")
	}
	for _, r := range shares.Rows {
		if of := r.Cells[len(r.Cells)-1].Text; of != "warehouse: TVL of the "+r.Cells[1].Text+" tokens in this warehouse" {
			t.Errorf("%s is a share of %q", r.Cells[0].Text, of)
		}
	}
	operators := f.Tables[1]
	if got := operators.Head[3].Text + ": " + operators.Rows[0].Cells[3].Text; got != "Counted by: entity" {
		t.Errorf("the operators are %q", got)
	}
}

func TestThePremiumStripDrawsTheLargestSizeOfAVenuesNewestWeek(t *testing.T) {
	t.Parallel()
	week := func(n int) time.Time { return lookedAt.AddDate(0, 0, -7*n) }
	answer := func(columns string, rows ...[]any) *Answer {
		a := &Answer{Result: &query.Result{Rows: rows}}
		for name := range strings.FieldsSeq(columns) {
			a.Result.Columns = append(a.Result.Columns, query.Column{Name: name})
		}
		return a
	}
	d := &Data{AsOf: lookedAt, Answers: map[string]*Answer{
		"premium-history": answer("token venue began avg_bps min_bps size_native",
			[]any{"aETH", "dex", week(2), 0.0, 0.0, 1.0}, []any{"aETH", "dex", week(1), 0.0, 0.0, 1.0},
			[]any{"aETH", "dex", week(2), -90.0, -90.0, 1000.0}, []any{"aETH", "dex", week(1), -80.0, -80.0, 1000.0},
			// 5000 is not quoted any more; a price without a size is the smallest
			[]any{"bETH", "pool", week(2), -70.0, -70.0, 5000.0}, []any{"bETH", "pool", week(1), -20.0, -20.0, 10.0}, []any{"bETH", "pool", week(1), 5.0, 5.0, nil},
			[]any{"cSOL", "orca", week(1), 3.0, 3.0, nil}),
		"depeg": answer("token venue began ended trough_bps size_native",
			[]any{"aETH", "dex", week(2), nil, -90.0, 1000.0}, []any{"aETH", "dex", week(2), nil, -60.0, 1.0}),
	}}
	f, err := d.premiumFigure()
	if err != nil {
		t.Fatal(err)
	}
	var drawn []string
	for _, m := range f.Panels[0].Wide.Marks {
		if m.Token != "" {
			place, _, _ := strings.Cut(m.Tip, "\n")
			drawn = append(drawn, place+" "+m.Value)
		}
	}
	want := "aETH on dex at 1.00k −90.0, aETH on dex at 1.00k −80.0, aETH on dex at 1.00k −90.0, bETH on pool at 10.0 −20.0, cSOL on orca 3.0"
	if got := strings.Join(drawn, ", "); got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
	depegs := f.Tables[1]
	if got := depegs.Head[2].Text + " " + depegs.Rows[0].Cells[2].Text + " " + depegs.Rows[1].Cells[2].Text; got != "Size 1.00k 1.00" {
		t.Errorf("the depegs are listed at sizes %q", got)
	}
}
