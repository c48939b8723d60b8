package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// build compiles packages of this module into a new plugin folder, under names.
func build(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	first := filepath.Join(dir, names[0])
	cmd := exec.Command("go", "build", "-o", first, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range names[1:] {
		if err := os.Link(first, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shop is everything a worker needs, with a clock that stands where it is put.
type shop struct {
	*Shop
	at atomic.Int64
}

func newShop(t *testing.T, dir string, maxRSS int64) *shop {
	t.Helper()
	chains := chaintest.Start(t)
	run, err := os.MkdirTemp("", "lst") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	log := slog.New(slog.DiscardHandler)
	s := &shop{}
	now := func() time.Time { return time.Unix(0, s.at.Load()).UTC() }
	g, err := gateway.New(gateway.Options{Logger: log, PresentGrace: 366 * 24 * time.Hour, Chains: []gateway.Chain{
		{ID: "ethereum", Kind: gateway.EVM, NetworkID: 1, Endpoints: []gateway.Endpoint{{Alias: "eth", URL: chains.EthereumURL}}},
		{ID: "solana", Kind: gateway.Solana, Endpoints: []gateway.Endpoint{{Alias: "sol", URL: chains.SolanaURL}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	h := host.New(host.Options{RunDir: run, Logger: log, MaxRSS: maxRSS})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Shop = &Shop{Store: openStore(t), Host: h, Gateway: g, Log: log, Dir: dir, Chains: []sdk.ChainID{"ethereum", "solana"}, Now: now}
	return s
}

// pass puts the clock to a moment and has a worker do what is due.
func (s *shop) pass(t *testing.T, w Worker, at time.Time) []ingest.Outcome {
	t.Helper()
	s.at.Store(at.UnixNano())
	sum, err := w.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum.Outcomes
}

func TestAMisbehavingPluginIsContainedReportedAndItsNextTickRuns(t *testing.T) {
	t.Parallel()
	dir := build(t, "../host/testdata/testplugin", "hanger", "leaker", "forker", "crasher")
	s := newShop(t, dir, 128<<20)
	fifo := filepath.Join(t.TempDir(), "life")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { // opened by the plugin's child, closed when that is gone
		defer close(gone)
		f, err := os.Open(fifo)
		if err != nil {
			return
		}
		defer f.Close()
		_, _ = io.Copy(io.Discard, f)
	}()

	noon := schedule.MustParse("0 * * * *", "").Last(time.Now().Add(-3 * time.Hour))
	options := map[string]map[string]string{
		"hanger": {"do": "hang"}, "leaker": {"do": "leak"}, "forker": {"do": "grandchild", "child": fifo}, "crasher": {"do": "crash"},
	}
	job := ingest.Job{Name: "state", Schedule: schedule.MustParse("0 * * * *", ""), CatchUp: ingest.CatchUpAll, Options: options, Timeout: 5 * time.Second}
	w := s.Worker(job)
	outcomes := s.pass(t, w, noon)
	if len(outcomes) != 4 {
		t.Fatalf("%d outcomes: %+v", len(outcomes), outcomes)
	}
	says := map[string]string{"hanger": "deadline", "leaker": "plugins.max_rss", "forker": "deadline", "crasher": "lost in a goroutine"}
	for _, o := range outcomes {
		if o.State != store.StateFailed || !strings.Contains(o.Message, says[o.Plugin]) {
			t.Errorf("%s: %s %q, want failed with %q", o.Plugin, o.State, o.Message, says[o.Plugin])
		}
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the plugin's child is still alive")
	}
	for _, u := range s.Host.Usage() {
		if u.Running != 0 {
			t.Errorf("%s is still running", u.Plugin)
		}
	}

	// Healed, the next tick and the one that failed are both read.
	for name := range options {
		options[name] = nil
	}
	outcomes = s.pass(t, w, noon.Add(time.Hour))
	if len(outcomes) != 8 {
		t.Errorf("%d outcomes after healing, want both ticks of four plugins", len(outcomes))
	}
	for _, o := range outcomes {
		if o.State != store.StateHave {
			t.Errorf("%s at %s: %s %s", o.Plugin, o.Tick, o.State, o.Message)
		}
	}
}

func TestAPluginThatHangsCostsTheOthersNoTickAndDoesNotOverlapItself(t *testing.T) {
	t.Parallel()
	s := newShop(t, build(t, "../host/testdata/testplugin", "hanger", "calm"), 0)
	five := schedule.MustParse("*/5 * * * *", "")
	tick := five.Last(time.Now().Add(-3 * time.Hour))
	w := s.Worker(ingest.Job{
		Name: "state", Schedule: five, CatchUp: ingest.CatchUpAll, Timeout: time.Hour, Options: map[string]map[string]string{"hanger": {"do": "obey"}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	s.at.Store(tick.UnixNano())
	hung := make(chan error, 1)
	go func() { _, err := w.Pass(ctx); hung <- err }()
	ledger := func(plugin string) (states []string) {
		tasks, err := s.Store.Tasks(t.Context(), store.TaskFilter{Plugin: plugin})
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			states = append(states, task.Tick.Sub(tick).String()+" "+task.State)
		}
		return states
	}
	waitFor(t, func() bool {
		return slices.Equal(ledger("hanger"), []string{"0s running"}) && slices.Equal(ledger("calm"), []string{"0s have"})
	})
	for i := 1; i <= 2; i++ {
		at := tick.Add(time.Duration(i) * 5 * time.Minute)
		waitFor(t, func() bool { return len(s.pass(t, w, at)) == 1 }) // once the lane of calm is free
	}
	if diff := cmp.Diff([]string{"0s have", "5m0s have", "10m0s have"}, ledger("calm")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"0s running"}, ledger("hanger")); diff != "" {
		t.Errorf("while it hangs:\n%s", diff)
	}
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) {
		t.Errorf("the pass that hung ended with %v", err)
	}
	// It goes on where it was.
	w.(*worker).job.Options = nil
	s.pass(t, w, tick.Add(10*time.Minute))
	if diff := cmp.Diff([]string{"0s have", "5m0s have", "10m0s have"}, ledger("hanger")); diff != "" {
		t.Error(diff)
	}
}

// waitFor returns once something that other processes bring about holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-limit:
			t.Fatal("it did not come about within a minute")
		case <-look.C:
		}
	}
}

func TestAPluginThatIsReplacedIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	dir := build(t, "../host/testdata/testplugin", "calm")
	s := newShop(t, dir, 0)
	at := schedule.MustParse("0 * * * *", "").Last(time.Now().Add(-3 * time.Hour))
	w := s.Worker(ingest.Job{Name: "state", Schedule: schedule.MustParse("0 * * * *", ""), CatchUp: ingest.CatchUpAll, Timeout: time.Minute})
	if got := s.pass(t, w, at); len(got) != 1 || got[0].State != store.StateHave {
		t.Fatalf("%+v", got)
	}
	// Another file of the same name: bytes behind the program do not hurt it.
	path := filepath.Join(dir, "calm")
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", append(program, "another build"...), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, filepath.Join(dir, "second")); err != nil {
		t.Fatal(err)
	}
	got := s.pass(t, w, at.Add(time.Hour))
	if len(got) != 2 || got[0].State != store.StateHave || got[1].State != store.StateHave {
		t.Errorf("%+v", got)
	}
	var builds int
	if err := s.Store.DB().QueryRowContext(t.Context(), `SELECT count(DISTINCT plugin_sha256) FROM raw_observation WHERE plugin = 'calm'`).Scan(&builds); err != nil || builds != 2 {
		t.Errorf("%d checksums in the evidence, want 2 (%v)", builds, err)
	}
}
