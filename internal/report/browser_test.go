package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// chrome is the path of a browser, or the test is left out.
func chrome(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CHROME"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("chromium not installed")
	return ""
}

// browser starts one with an empty profile that asks nobody anything.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := chrome(t)
	profile, err := os.MkdirTemp("", "profile")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(func() {
		stop()
		cancel()
		_ = os.RemoveAll(profile) // the browser may still be writing; it is in the system's temporary folder
	})
	return ctx
}

// A visit is one tab with what it complained about and asked for.
type visit struct {
	ctx      context.Context
	mu       sync.Mutex
	problems []string
	requests []string
}

func open(t *testing.T, browser context.Context, address string, width int64, mode string) *visit {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	v := &visit{ctx: ctx}
	if err := chromedp.Listen(ctx, v.listen); err != nil {
		t.Fatal(err)
	}
	var phone []chromedp.EmulateViewportOption
	if width < 500 {
		phone = append(phone, chromedp.EmulateMobile)
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 1000, phone...), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: mode}},
		})
		return err
	}), chromedp.Navigate(address))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *visit) listen(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		v.requests = append(v.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		v.problems = append(v.problems, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		v.problems = append(v.problems, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		v.problems = append(v.problems, e.Entry.Text)
	}
}

func eval[T any](t *testing.T, v *visit, script string) T {
	t.Helper()
	got, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return got
}

// marks counts the visible marks of a view by token.
func (v *visit) marks(t *testing.T, selector string) map[string]int {
	t.Helper()
	return eval[map[string]int](t, v, `(() => { const n = {};
		for (const e of document.querySelectorAll(`+fmt.Sprintf("%q", selector)+`))
			if (e.getClientRects().length) { const k = e.dataset.token; n[k] = (n[k] || 0) + 1; }
		return n; })()`)
}

func TestThePageInABrowser(t *testing.T) {
	t.Parallel()
	chrome(t)
	d := seeded(t)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(pageOf(t, d)), 0o600); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: file}).String()
	tab := browser(t)
	if err := chromedp.Do(tab); err != nil && !errors.Is(err, chromedp.ErrInvalidContext) {
		t.Fatal(err)
	}
	for _, width := range []int64{390, 1280, 1920} {
		for _, mode := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d pixels wide, %s", width, mode), func(t *testing.T) {
				v := open(t, tab, address, width, mode)
				checkOverflow(t, v)
				checkMarks(t, v, d)
				checkHover(t, v)
				if got := eval[string](t, v, `getComputedStyle(document.body).backgroundColor`); (mode == "dark") != (got == "rgb(14, 19, 25)") {
					t.Errorf("%s has the background %s", mode, got)
				}
				checkAccess(t, v)
				v.done(t, address)
			})
		}
	}
	t.Run("printed on A4", func(t *testing.T) {
		v := open(t, tab, address, 1280, "dark")
		pdf, err := chromedp.Call(v.ctx, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: new(true), PrintBackground: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(pdf.Data), "/MediaBox [0 0 594.") && !strings.Contains(string(pdf.Data), "/MediaBox [0 0 595") {
			t.Error("the pages are not A4")
		}
	})
	t.Run("from the dashboard, with its policy as a header", func(t *testing.T) {
		server := httptest.NewServer(Handler(func(context.Context) (*Data, error) { return d, nil }))
		t.Cleanup(server.Close)
		v := open(t, tab, server.URL, 1280, "light")
		checkMarks(t, v, d)
		checkHover(t, v)
		v.done(t, server.URL+"/")
	})
	t.Run("of an empty warehouse", func(t *testing.T) {
		empty := filepath.Join(t.TempDir(), "empty.html")
		if err := os.WriteFile(empty, []byte(pageOf(t, emptyWorld(t))), 0o600); err != nil {
			t.Fatal(err)
		}
		v := open(t, tab, (&url.URL{Scheme: "file", Path: empty}).String(), 390, "light")
		checkOverflow(t, v)
		checkAccess(t, v)
		v.done(t, (&url.URL{Scheme: "file", Path: empty}).String())
	})
}

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

// checkOverflow wants nothing wider than the window, folded and unfolded.
func checkOverflow(t *testing.T, v *visit) {
	t.Helper()
	for _, open := range []string{"false", "true"} {
		over := eval[int](t, v, `document.querySelectorAll("details").forEach(d => d.open = `+open+`), document.scrollingElement.scrollWidth - innerWidth`)
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

// checkAccess runs axe-core over the page with everything unfolded.
func checkAccess(t *testing.T, v *visit) {
	t.Helper()
	axe, err := os.ReadFile("../../tools/npm/node_modules/axe-core/axe.min.js")
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("left out: axe-core is not installed (make tools)")
		return
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
}
