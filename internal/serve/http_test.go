package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// have commits a complete tick.
func have(t *testing.T, s *store.Store, job, plugin string, tick time.Time) {
	t.Helper()
	_, err := s.Commit(t.Context(), store.TaskResult{
		Task: store.Task{
			TaskKey: store.TaskKey{Job: job, Plugin: plugin, Chain: "ethereum", Tick: tick}, State: store.StateHave, RunID: "run-1",
			AnchorHeight: 1, AnchorTime: tick, Finality: sdk.Finalized, EndedAt: tick.Add(time.Minute),
		},
		KnownAt: tick.Add(time.Minute), PluginVersion: "1", PluginSHA256: "ab",
	})
	if err != nil {
		t.Fatal(err)
	}
}

// idle is a daemon that does not run; its handlers answer.
func idle(w Warehouse, jobs ...Job) *Daemon {
	d := New(Options{Warehouse: w, Log: slog.New(slog.DiscardHandler), Version: "1.2.3"})
	g := generation(jobs...)
	g.Endpoints = func() []gateway.EndpointStats {
		return []gateway.EndpointStats{{Chain: "ethereum", Alias: "own", Requests: 7, Calls: 70, Errors: map[string]uint64{"timeout": 2}, State: "closed", BudgetLeft: 12.5}}
	}
	g.Plugins = func() []host.Usage {
		return []host.Usage{{Plugin: "lido", Running: 1, RSS: 4096, PeakRSS: 8192, Starts: 3, Crashes: 1}}
	}
	d.use(g)
	return d
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func TestHealthSaysWhetherTheWriterWorks(t *testing.T) {
	t.Parallel()
	w := &warehouse{}
	d := idle(w)
	d.pulse(t.Context())
	if code, text := get(t, d.Handler(), "/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("%d %s", code, text)
	}
	w.fail(errors.New("no space left on device"))
	d.pulse(t.Context())
	if code, text := get(t, d.Handler(), "/healthz"); code != 503 || !strings.Contains(text, "no space left") {
		t.Errorf("%d %s", code, text)
	}
	w.fail(nil)
	d.pulse(t.Context())
	if code, _ := get(t, d.Handler(), "/healthz"); code != 200 {
		t.Error("it did not recover")
	}
	if beat := d.beat.Load().String(); !strings.Contains(beat, " m=") {
		t.Errorf("the sign of life of %s follows a clock that is set", beat)
	}
	long := time.Now().Add(-time.Hour)
	d.beat.Store(&long)
	if code, text := get(t, d.Handler(), "/healthz"); code != 503 || !strings.Contains(text, "no sign of life for 1h") {
		t.Errorf("%d %s", code, text)
	}
}

func TestReadyMeansThatEveryRequiredJobHasItsTicks(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	every := schedule.MustParse("0 * * * *", "")
	now := time.Now().UTC()
	current := every.Last(now)
	state := Job{Name: "state", Schedule: every, Required: true, Plugins: []string{"lido"}}
	nice := Job{Name: "nice", Schedule: every}
	d := idle(s, state, nice)
	if code, text := get(t, d.Handler(), "/readyz"); code != 503 || !strings.Contains(text, "job state, plugin lido: newest complete tick none, expected "+current.Format(time.RFC3339)) {
		t.Errorf("before the first run: %d %s", code, text)
	}
	have(t, s, "state", "lido", every.Last(current.Add(-2*time.Hour)))
	if code, _ := get(t, d.Handler(), "/readyz"); code != 503 {
		t.Errorf("with a tick of two periods ago: %d", code)
	}
	have(t, s, "state", "lido", every.Last(current.Add(-time.Second)))
	if code, text := get(t, d.Handler(), "/readyz"); code != 200 || text != "ready\n" {
		t.Errorf("within the period of the newest tick: %d %s", code, text)
	}
}

func TestMetricsHaveWhatAnOperatorNeeds(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	every := schedule.MustParse("0 * * * *", "")
	have(t, s, "state", "lido", every.Last(time.Now()))
	d := idle(s, Job{Name: "state", Schedule: every, Required: true})
	d.pulse(t.Context())
	sum := done("run-1")
	sum.Outcomes = append(sum.Outcomes, ingest.Outcome{Series: ingest.Series{Job: "state", Plugin: "p", Chain: "c"}, State: store.StateFailed, Kind: sdk.KindTransient, Rejects: 2})
	d.metrics.passed("state", sum, nil, time.Second)
	d.metrics.reloaded(false)
	code, text := get(t, d.Handler(), "/metrics")
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	for _, line := range []string{
		`lst_last_success_timestamp_seconds{chain="ethereum",job="state",plugin="lido"} 1.`,
		`lst_lag_seconds{chain="ethereum",job="state",plugin="lido"} `,
		`lst_stale{chain="ethereum",job="state",plugin="lido",required="yes"} 0`,
		`lst_ticks{chain="ethereum",job="state",plugin="lido",state="have"} 1`,
		`lst_ticks{chain="ethereum",job="state",plugin="lido",state="failed"} 0`,
		`lst_tasks_total{chain="c",job="state",plugin="p",state="have"} 1`,
		`lst_rows_total{chain="c",job="state",plugin="p"} 3`,
		`lst_rejects_total{chain="c",job="state",plugin="p"} 2`,
		`lst_task_requests_total{chain="c",job="state",plugin="p"} 2`,
		`lst_task_calls_total{chain="c",job="state",plugin="p"} 40`,
		`lst_task_errors_total{chain="c",class="transient",job="state",plugin="p"} 1`,
		`lst_task_duration_seconds_sum{chain="c",job="state",plugin="p"} 1`,
		`lst_rpc_requests_total{chain="ethereum",endpoint="own"} 7`,
		`lst_rpc_calls_total{chain="ethereum",endpoint="own"} 70`,
		`lst_rpc_errors_total{chain="ethereum",class="timeout",endpoint="own"} 2`,
		`lst_rpc_budget_left{chain="ethereum",endpoint="own"} 12.5`,
		`lst_plugin_resident_bytes{plugin="lido"} 4096`,
		`lst_plugin_peak_resident_bytes{plugin="lido"} 8192`,
		`lst_plugin_restarts_total{plugin="lido"} 1`,
		`lst_warehouse_bytes `, `lst_warehouse_wal_bytes `, `lst_warehouse_writable 1`,
		`lst_config_last_reload_successful 0`, `lst_build_info{version="1.2.3"} 1`, `go_goroutines `,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestOtherPathsBelongToTheDashboard(t *testing.T) {
	t.Parallel()
	d := idle(&warehouse{})
	if code, text := get(t, d.Handler(), "/"); code != 200 || !strings.Contains(text, "/metrics") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := get(t, d.Handler(), "/favicon.ico"); code != 404 {
		t.Errorf("%d", code)
	}
	d.opts.Dashboard = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page ", r.URL.Path) })
	if _, text := get(t, d.Handler(), "/tokens"); text != "page /tokens" {
		t.Error(text)
	}
	if code, _ := get(t, d.Handler(), "/healthz"); code != 200 {
		t.Error("the dashboard hides /healthz")
	}
}

func TestTheServerAnswersOnItsListenerUntilStopped(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := idle(&warehouse{}).serveHTTP(ln)
	resp, err := http.Get("http://" + ln.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	stop()
	if _, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", ln.Addr().String()); err == nil {
		t.Error("it still answers")
	}
}
