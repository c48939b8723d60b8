package report

import (
	"context"
	"errors"
	"fmt"
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
	t.Skip("chromium not installed: left out are the marks of every chart held against their rows, overflow at three widths, light and dark, hover, axe-core, the console, requests, print on A4 and the dashboard's policy")
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
				checkOverflow(t, v, width)
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
		const inside = 695 // CSS pixels between the margins of A4
		if err := chromedp.Do(v.ctx, chromedp.EmulateViewport(inside, 1000), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
			return err
		})); err != nil {
			t.Fatal(err)
		}
		if got := eval[int](t, v, `document.scrollingElement.scrollWidth`); got > inside {
			t.Errorf("in print the page is %d pixels too wide", got-inside)
		}
	})
	for width, mode := range map[int64]string{390: "light", 1280: "dark"} {
		t.Run(fmt.Sprintf("%d pixels wide, with breaks", width), func(t *testing.T) {
			d, err := brokenWorld()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "breaks.html")
			if err := os.WriteFile(file, []byte(pageOf(t, d)), 0o600); err != nil {
				t.Fatal(err)
			}
			address := (&url.URL{Scheme: "file", Path: file}).String()
			v := open(t, tab, address, width, mode)
			checkOverflow(t, v, width)
			checkMarks(t, v, d)
			checkBreaks(t, v)
			checkAccess(t, v)
			v.done(t, address)
		})
	}
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
		checkOverflow(t, v, 390)
		checkAccess(t, v)
		v.done(t, (&url.URL{Scheme: "file", Path: empty}).String())
	})
}
