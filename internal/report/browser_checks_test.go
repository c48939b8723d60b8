package report

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// done wants no complaint and no request but the page itself.
func (v *visit) done(t *testing.T, address string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.problems) > 0 {
		t.Errorf("the console says: %s", strings.Join(v.problems, "\n"))
	}
	for _, r := range v.requests {
		if r != address && r != "data:," {
			t.Errorf("a request to %.100s", r)
		}
	}
}

// checkOverflow wants nothing wider than the window, folded and unfolded. It is
// held against the width asked for: on a phone innerWidth grows with the content.
func checkOverflow(t *testing.T, v *visit, width int64) {
	t.Helper()
	for _, open := range []string{"false", "true"} {
		over := eval[int64](t, v, `document.querySelectorAll("details").forEach(d => d.open = `+open+`), document.scrollingElement.scrollWidth`) - width
		if over > 0 {
			t.Errorf("with details open = %s the page is %d pixels too wide", open, over)
		}
	}
}

// checkMarks compares what is drawn with the rows it is drawn from.
func checkMarks(t *testing.T, v *visit, d *Data) {
	t.Helper()
	count := func(query, token string, known ...string) map[string]int {
		n := map[string]int{}
		for _, r := range d.rows(query) {
			if len(known) == 0 || anyKnown(r, known...) {
				n[r.textOr(token, "")]++
			}
		}
		return n
	}
	ticks := map[string]int{}
	for _, r := range d.rows("coverage") {
		ticks[r.textOr("plugin", "")] = min(len(r.textOr("grid", "")), gridTicks)
	}
	lines := count("growth-history", "token", "value")
	drawn := eval[map[string]int](t, v, `Object.fromEntries([...document.querySelectorAll("#growth .series.mark")].filter(e => e.getClientRects().length).map(e => [e.dataset.token, +e.dataset.value]))`)
	if diff := cmp.Diff(lines, drawn); diff != "" {
		t.Errorf("growth: days by token of the rows (-) and drawn (+):\n%s", diff)
	}
	flows := map[string]int{}
	for _, r := range d.rows("attribution") {
		for _, s := range steps {
			if anyKnown(r, s.column+"_native") {
				flows[r.textOr("token", "")]++
			}
		}
	}
	shares := map[string]int{"HHI": 2, "aETH": 1, "bETH": 1, "fETH": 1, "cSOL": 1, "dSOL": 1, "eSOL": 1}
	for selector, want := range map[string]map[string]int{
		"#league .capture.mark":                          count("league", "token", "capture"),
		"#premium .cell.mark":                            count("premium-history", "token", "avg_bps"),
		"#premium .episode.mark":                         count("depeg", "token"),
		"#exit .point.mark":                              count("exit", "token", "all_in_bps"),
		"#fees .idle.mark":                               count("take-rate", "token", "idle_pct"),
		"#flows .unit-native .leg.mark":                  flows,
		"#concentration .area.mark, #concentration .hhi": shares,
		"#concentration .end.mark":                       count("operators", "protocol", "top1_pct"),
		"#health .cell.mark":                             ticks,
	} {
		if diff := cmp.Diff(want, v.marks(t, selector)); diff != "" {
			t.Errorf("%s: marks by token of the rows (-) and drawn (+):\n%s", selector, diff)
		}
	}
	// The parts of each bar of the ladder make up the whole.
	for token, sum := range eval[map[string]float64](t, v, `(() => { const n = {};
		for (const e of document.querySelectorAll("#fees .leg.mark")) if (e.getClientRects().length) n[e.dataset.token] = (n[e.dataset.token] || 0) + +e.dataset.value;
		return n; })()`) {
		if sum < 99.9 || sum > 100.1 {
			t.Errorf("the parts of %s add up to %g", token, sum)
		}
	}
	// A bar is as long as the figure says.
	for token, off := range eval[map[string]float64](t, v, `Object.fromEntries([...document.querySelectorAll("#league .capture.mark")].map(e => [e.dataset.token, Math.abs(e.width.baseVal.value - 100 * Math.min(e.dataset.value, 1.1))]))`) {
		if off > 0.1 {
			t.Errorf("the bar of %s is off by %g", token, off)
		}
	}
	if n := eval[int](t, v, `document.querySelectorAll(".tile").length`); n != 4 {
		t.Errorf("%d tiles", n)
	}
}

// checkHover wants the value of a mark beside the pointer, inside the window.
func checkHover(t *testing.T, v *visit) {
	t.Helper()
	got := eval[string](t, v, `(() => {
		const e = [...document.querySelectorAll("#premium .cell.mark")].filter(e => e.getClientRects().length).pop();
		e.scrollIntoView({ block: "center" });
		const r = e.getBoundingClientRect();
		e.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: r.x, clientY: r.y }));
		const tip = document.getElementById("tip"), box = tip.getBoundingClientRect();
		if (tip.hidden || box.right > innerWidth || box.left < 0 || box.bottom > innerHeight) return "hidden or outside: " + JSON.stringify(box);
		return tip.textContent; })()`)
	if !strings.Contains(got, "week of") || !strings.Contains(got, "mean") {
		t.Errorf("beside the pointer stands %q", got)
	}
}

// checkBreaks wants the labels of breaks as they are really written inside their chart,
// clear of each other and of every other text, and their sentence beside the pointer.
func checkBreaks(t *testing.T, v *visit) {
	t.Helper()
	got := eval[string](t, v, `(() => { const bad = []; let seen = 0;
		for (const svg of document.querySelectorAll("svg.chart")) {
			const names = [...svg.querySelectorAll(".break-name")].filter(e => e.getClientRects().length), box = svg.getBoundingClientRect();
			for (const e of names) {
				const r = e.getBoundingClientRect(); seen++;
				if (r.left < box.left || r.right > box.right || r.top < box.top) bad.push("outside: " + e.textContent);
				for (const o of svg.querySelectorAll("text")) { const q = o.getBoundingClientRect();
					if (o !== e && r.left < q.right && q.left < r.right && r.top < q.bottom && q.top < r.bottom) bad.push(e.textContent + " over " + o.textContent); }
			}
		}
		if (seen < 6) bad.push("only " + seen + " labels");
		const line = document.querySelector("#growth .break");
		line.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
		const tip = document.getElementById("tip");
		if (tip.hidden || !tip.textContent.startsWith("Break 1 at 2024-03-03: ")) bad.push("beside the pointer: " + tip.textContent);
		return bad.join("\n"); })()`)
	if got != "" {
		t.Error(got)
	}
}

// checkAccess runs axe-core over the page with everything unfolded, as a test of its
// own that is left out where axe-core is not installed.
func checkAccess(t *testing.T, v *visit) {
	t.Helper()
	t.Run("accessible", func(t *testing.T) {
		axe, err := os.ReadFile("../../tools/npm/node_modules/axe-core/axe.min.js")
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("axe-core not installed (make tools)")
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(v.ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: string(axe)})
			return err
		})); err != nil {
			t.Fatal(err)
		}
		var faults []struct {
			ID, Impact, Help string
			Nodes            []struct{ HTML, FailureSummary string }
		}
		report := eval[string](t, v, `axe.run(document, { resultTypes: ["violations"] }).then(r => JSON.stringify(r.violations))`)
		if err := json.Unmarshal([]byte(report), &faults); err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			if f.Impact == "serious" || f.Impact == "critical" {
				t.Errorf("axe: %s (%s): %s, %d times, first %.200s: %s", f.ID, f.Impact, f.Help, len(f.Nodes), f.Nodes[0].HTML, f.Nodes[0].FailureSummary)
			}
		}
	})
}
