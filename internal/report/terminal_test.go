package report

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: want (-), got (+); after reading it, -update writes it:\n%s", path, diff)
	}
}

func text(t *testing.T, d *Data, o TextOptions) string {
	t.Helper()
	var out bytes.Buffer
	if err := Text(&out, d, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheTerminalReportFitsItsWidthAndReadsTheSameWithoutColour(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	for name, width := range map[string]int{"text_80.golden": 80, "text_100.golden": 100, "text_160.golden": 160} {
		got := text(t, d, TextOptions{Width: width})
		golden(t, name, got)
		for _, line := range strings.Split(got, "\n") {
			if n := runes(line); n > width {
				t.Errorf("width %d: a line has %d columns: %s", width, n, line)
			}
		}
		coloured := text(t, d, TextOptions{Width: width, Color: true})
		if !strings.Contains(coloured, "\x1b[") {
			t.Error("no colour although it was asked for")
		}
		for _, code := range []style{bold, dim, yellow, reset} {
			coloured = strings.ReplaceAll(coloured, string(code), "")
		}
		if diff := cmp.Diff(got, coloured); diff != "" {
			t.Errorf("colour changes the text:\n%s", diff)
		}
	}
}

func TestWarningsComeLastAndNameWhatIsWithheld(t *testing.T) {
	t.Parallel()
	got := text(t, seeded(t), TextOptions{Width: 160})
	lines := strings.Split(strings.TrimSpace(got), "\n")
	first := -1
	for i, l := range lines {
		if strings.HasPrefix(l, "! ") && first < 0 {
			first = i
		}
		if first >= 0 && !strings.HasPrefix(l, "! ") {
			t.Errorf("line %d stands below the warnings: %s", i+1, l)
		}
	}
	if got, want := len(lines)-first, len(seeded(t).Warnings()); got != want {
		t.Errorf("%d lines for %d warnings", got, want)
	}
	for _, want := range []string{
		"! fETH  redemption rate unchanged since 2024-06-11", "! oETH  not read since 2024-02-01", "! zSOL  the protocol has ended",
		"! bETH  1 value was corrected", "! cSOL  1 value is suspect", "5 readings are in quarantine", "newest tick failed: solana: endpoint main",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning says %q", want)
		}
	}
}

func TestRiskStandsBesideTheYieldAtEveryWidth(t *testing.T) {
	t.Parallel()
	for width, want := range map[int][]string{
		80:  {"net", "capture", "take", "prem", "exit", "TVL", "state"},
		100: {"net", "chain", "spread", "capture", "take", "prem", "exit", "TVL", "flow", "state"},
		160: {"net", "over", "chain", "spread", "capture", "take", "prem", "exit", "TVL", "USD", "flow", "read", "state"},
	} {
		head := strings.Fields(strings.Split(text(t, seeded(t), TextOptions{Width: width}), "\n")[1])
		for _, name := range want {
			if !slices.Contains(head, name) {
				t.Errorf("width %d: no column %s among %v", width, name, head)
			}
		}
	}
}

func TestAYieldOverOtherDaysHasAStarThatTheLegendExplains(t *testing.T) {
	t.Parallel()
	res := *seeded(t).Answers["league"].Result
	res.Rows = slices.Clone(res.Rows)
	for i, r := range rows(&res) {
		if r.textOr("token", "") == "bETH" {
			res.Rows[i] = slices.Clone(r.values)
			res.Rows[i][r.at["days_used"]] = 12.0
		}
	}
	var out bytes.Buffer
	if err := LeagueTable(&out, &res, 100); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "2.96%*") != 1 || strings.Count(got, "*") != 2 || !strings.Contains(got, "*=over other days: bETH 12d") {
		t.Errorf("want one star and its meaning:\n%s", got)
	}
}

func TestTheYieldOfAStaleFrozenOrEndedTokenIsNotShown(t *testing.T) {
	t.Parallel()
	withheld := map[string]bool{"fETH": true, "oETH": true, "zSOL": true}
	shown := 0
	for _, c := range seeded(t).league().chains {
		for _, r := range c.rows {
			if token := r.textOr("token", ""); withheld[token] {
				shown++
				if anyKnown(r, "apr_pct", "apr_7d_pct", "apr_30d_pct", "apr_365d_pct", "capture", "spread_bps", "position") {
					t.Errorf("%s: a yield is shown", token)
				}
			}
		}
	}
	if shown != len(withheld) {
		t.Errorf("%d of %d withheld tokens have a row with their state", shown, len(withheld))
	}
}

func TestTokensThatWereNeverReadAreCountedNotListed(t *testing.T) {
	t.Parallel()
	got := text(t, seeded(t), TextOptions{})
	if strings.Contains(got, "nSOL") || !strings.Contains(got, "1 token was never read here and left out") {
		t.Errorf("want nSOL counted and left out:\n%s", got)
	}
}

func TestTheLeagueTableOfTheQueryVerbIsTheOneOfTheReport(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	var out bytes.Buffer
	if err := LeagueTable(&out, d.Answers["league"].Result, 100); err != nil {
		t.Fatal(err)
	}
	if whole := text(t, d, TextOptions{Width: 100}); !strings.Contains(whole, out.String()) {
		t.Errorf("the report does not contain\n%s", out.String())
	}
}

func TestAnEmptyWarehouseSaysWhatToDo(t *testing.T) {
	t.Parallel()
	d := emptyWorld(t)
	if !d.Empty() {
		t.Fatal("an empty warehouse is not called empty")
	}
	if got := text(t, d, TextOptions{}); !strings.Contains(got, "`pipeline run`") || strings.Contains(got, "net APR") {
		t.Errorf("want advice and no table:\n%s", got)
	}
}

func TestJSONKeepsEveryAnswerWithItsDigits(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	var out bytes.Buffer
	if err := JSON(&out, d); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Answers map[string]struct {
			Rows []map[string]json.Number `json:"-"`
			Raw  json.RawMessage          `json:"rows"`
		}
		Warnings []Warning
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, want := range wanted {
		var rows []json.RawMessage
		if err := json.Unmarshal(doc.Answers[want.name].Raw, &rows); err != nil {
			t.Errorf("%s: %v", want.name, err)
		}
		if len(rows) != len(d.Answers[want.name].Result.Rows) {
			t.Errorf("%s: %d rows of %d", want.name, len(rows), len(d.Answers[want.name].Result.Rows))
		}
	}
	if len(doc.Warnings) != len(d.Warnings()) {
		t.Errorf("%d warnings of %d", len(doc.Warnings), len(d.Warnings()))
	}
}

func TestARequiredJobWhoseNewestTickFailedIsNotInOrder(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	if bad := d.Stale(nil); bad != nil {
		t.Errorf("nothing is required, yet: %v", bad)
	}
	bad := strings.Join(d.Stale([]Required{{Job: "state", Plugins: []string{"alpha", "gamma", "old"}}, {Job: "prices", Plugins: []string{"chainlink"}}}), "\n")
	for _, want := range []string{"gamma on solana", "job prices: no tick of the last 90 days", "token oETH is stale"} {
		if !strings.Contains(bad, want) {
			t.Errorf("want %q among\n%s", want, bad)
		}
	}
	if bad := d.Stale([]Required{{Job: "state", Plugins: []string{"alpha"}}}); strings.Contains(strings.Join(bad, "\n"), "oETH") {
		t.Errorf("no required job reads oETH: %v", bad)
	}
	if strings.Contains(bad, "alpha") || strings.Contains(bad, "nSOL") {
		t.Errorf("what is in order, or was never read, is not to blame:\n%s", bad)
	}
}

func TestTokensLimitTheRowsAndKeepTheBenchmark(t *testing.T) {
	t.Parallel()
	got := map[string]bool{}
	for _, r := range onlyBETH(t).rows("league") {
		got[r.textOr("token", "")] = true
	}
	if diff := cmp.Diff(map[string]bool{"bETH": true, "ETH staking": true, "SOL staking": true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCollectRefusesAWindowOrAMomentThatMeansNothing(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {AsOf: time.Now(), Window: -1}, {AsOf: time.Now(), Window: 5000}} {
		if _, err := Collect(t.Context(), nil, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
