package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const (
	secretName  = "LST_TEST_SECRET"
	secretValue = "https://node.example/v2/key-8f1e"
	helperEnv   = "LST_TEST_HELPER_HOST"
)

// testBinary is testdata/testplugin, built once.
var testBinary string

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		helperHost()
		return
	}
	dir, err := os.MkdirTemp("", "lst-host")
	if err != nil {
		panic(err)
	}
	testBinary = filepath.Join(dir, "testplugin")
	build := exec.Command("go", "build", "-o", testBinary, "./testdata/testplugin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the test plugin: %v\n%s", err, out)
		os.Exit(1)
	}
	os.Setenv(secretName, secretValue)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// install puts the test plugin into a new plugin directory under each name.
func install(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Link(testBinary, filepath.Join(dir, name)); err != nil {
			b, err := os.ReadFile(testBinary)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// binary installs the test plugin under one name and finds it.
func binary(t testing.TB, name string) Binary {
	t.Helper()
	found, err := Find(install(t, name))
	if err != nil || len(found) != 1 {
		t.Fatalf("Find = %v, %v", found, err)
	}
	return found[0]
}

// newHost gives a host with a run directory and a log of its own, closed at the
// end of the test.
func newHost(t testing.TB, opts Options) (*Host, *logBuffer) {
	t.Helper()
	logs := &logBuffer{}
	if opts.RunDir == "" {
		opts.RunDir = shortDir(t)
	}
	opts.Logger = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := New(opts)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h, logs
}

// shortDir is a temporary directory whose path leaves room for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lst")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t testing.TB, h *Host, name string) *Process {
	t.Helper()
	p, err := h.Start(t.Context(), binary(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

const gatewayURL = "http://127.0.0.1:4100/s/9b1deb4d"

// do is a request that has the test plugin behave in one way.
func do(what string, options ...string) sdk.Request {
	req := sdk.Request{
		Chain:    "ethereum",
		Anchors:  []sdk.Anchor{{Chain: "ethereum", Height: 18000000, Finality: sdk.Finalized}},
		Endpoint: gatewayURL,
		Options:  map[string]string{"do": what},
	}
	for i := 0; i < len(options); i += 2 {
		req.Options[options[i]] = options[i+1]
	}
	return req
}

// basket is a sink that keeps what it gets.
type basket struct {
	observed []sdk.Observation
	failed   []sdk.Failure
	progress [][2]int
	refuse   error
}

func (b *basket) Observe(obs ...sdk.Observation) error {
	b.observed = append(b.observed, obs...)
	return b.refuse
}

func (b *basket) Fail(f sdk.Failure) error {
	b.failed = append(b.failed, f)
	return b.refuse
}

func (b *basket) Progress(done, total int) error {
	b.progress = append(b.progress, [2]int{done, total})
	return b.refuse
}

// logBuffer collects JSON log lines.
type logBuffer struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	wrote chan struct{} // closed at the next write; nil: nobody waits
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote != nil {
		close(l.wrote)
		l.wrote = nil
	}
	return l.buf.Write(p)
}

// await waits for the first record with this message, which comes by a way of its own
// and not before the answer of a call; nil after half a minute.
func (l *logBuffer) await(t testing.TB, msg string) map[string]any {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		if l.wrote == nil {
			l.wrote = make(chan struct{})
		}
		wrote := l.wrote
		l.mu.Unlock()
		if r := l.find(t, msg); r != nil {
			return r
		}
		select {
		case <-wrote:
		case <-limit:
			return nil
		}
	}
}

func (l *logBuffer) records(t testing.TB) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var records []map[string]any
	for line := range strings.Lines(l.buf.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		records = append(records, r)
	}
	return records
}

// find gives the first record with this message.
func (l *logBuffer) find(t testing.TB, msg string) map[string]any {
	t.Helper()
	for _, r := range l.records(t) {
		if r["msg"] == msg {
			return r
		}
	}
	return nil
}

// lifeline is a named pipe a process holds open until it ends.
type lifeline struct {
	path string
	pid  chan string
	gone chan struct{}
}

// newLifeline opens the pipe, newLifelineUnopened leaves that to the test: a
// writer waits for the reader.
func newLifeline(t testing.TB) *lifeline {
	t.Helper()
	l := newLifelineUnopened(t)
	go l.open()
	return l
}

func newLifelineUnopened(t testing.TB) *lifeline {
	t.Helper()
	l := &lifeline{path: filepath.Join(t.TempDir(), "life"), pid: make(chan string, 1), gone: make(chan struct{})}
	if err := syscall.Mkfifo(l.path, 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lifeline) open() {
	defer close(l.gone)
	f, err := os.Open(l.path) // waits for the writer
	if err != nil {
		return
	}
	defer f.Close()
	r := bufio.NewReader(f)
	line, _ := r.ReadString('\n')
	l.pid <- strings.TrimSpace(line)
	_, _ = io.Copy(io.Discard, r)
}

// patience bounds waits for what should happen at once, on a slow machine.
const patience = 20 * time.Second

func (l *lifeline) waitBorn(t testing.TB) string {
	t.Helper()
	select {
	case pid := <-l.pid:
		return pid
	case <-time.After(patience):
		t.Fatal("the process never came to life")
		return ""
	}
}

func (l *lifeline) waitGone(t testing.TB) {
	t.Helper()
	select {
	case <-l.gone:
	case <-time.After(patience):
		t.Fatal("the process is still alive")
	}
}

// helperHost is a host in a process of its own, to be killed: it starts the
// plugin named by the environment, has it hold a pipe, and waits.
func helperHost() {
	dir, name, fifo, run := os.Getenv("LST_TEST_DIR"), os.Getenv(helperEnv), os.Getenv("LST_TEST_FIFO"), os.Getenv("LST_TEST_RUN")
	found, err := Find(dir)
	if err != nil {
		panic(err)
	}
	h := New(Options{RunDir: run})
	for _, b := range found {
		if b.Name != name {
			continue
		}
		p, err := h.Start(context.Background(), b)
		if err != nil {
			panic(err)
		}
		req := do("hang", "hold", fifo)
		if name == "raw" {
			req = do("hold", "hold", fifo)
		}
		panic(p.Fetch(context.Background(), req, &basket{}))
	}
}
