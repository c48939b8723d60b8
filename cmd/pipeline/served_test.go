package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
)

// served is a folder with a configuration, and the `pipeline serve` that runs there.
type served struct {
	t      *testing.T
	dir    string
	env    []string // nil: the test's own
	cmd    *exec.Cmd
	lines  chan map[string]any // of its log
	mu     sync.Mutex
	log    strings.Builder
	listen string
}

const servedConfig = `
database: data/warehouse.duckdb
plugins: { dir: PLUGINS }
chains:
  - name: ethereum
    kind: evm
    native_asset: ETH
    network_id: 1
    endpoints: [{ alias: eth, url: { env: ETHEREUM_URL } }]
  - name: solana
    kind: solana
    native_asset: SOL
    genesis: 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d
    endpoints: [{ alias: sol, url: { env: SOLANA_URL } }]
job_defaults: { jitter: 0s }
jobs:
  - { name: prices, schedule: "@hourly", plugins: [chainlink] }
  - { name: state, schedule: "@hourly", plugins: [lido, marinade] }
publish: { dir: data/published, every: 1s }
serve: { listen: "127.0.0.1:0", grace: 5s, heartbeat: 1s }
log: { format: json, level: debug }
`

// newServed makes a folder for a daemon beside chains of its own, with sockets and
// temporary files in a folder of its own.
func newServed(t *testing.T, net *chaintest.Net, dir string, config string, env ...string) *served {
	t.Helper()
	plugins, err := pluginDir()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, dir: dir}
	s.env = append(append(os.Environ(), "ETHEREUM_URL="+net.EthereumURL, "SOLANA_URL="+net.SolanaURL, "TMPDIR="+s.temp()), env...)
	s.write(strings.ReplaceAll(config, "PLUGINS", plugins))
	return s
}

func startServe(t *testing.T, net *chaintest.Net, dir string, config string, env ...string) *served {
	t.Helper()
	s := newServed(t, net, dir, config, env...)
	s.start()
	return s
}

// start starts the daemon, also once more after it has ended.
func (s *served) start() {
	s.t.Helper()
	s.cmd, s.lines = s.command("serve"), make(chan map[string]any, 1000)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go s.read(stderr, s.lines)
	s.listen, _ = s.await("serving")["listen"].(string)
}

// read keeps the log and hands its lines on.
func (s *served) read(stderr io.Reader, lines chan<- map[string]any) {
	defer close(lines)
	for in := bufio.NewScanner(stderr); in.Scan(); {
		s.mu.Lock()
		s.log.WriteString(in.Text() + "\n")
		s.mu.Unlock()
		var line map[string]any
		if json.Unmarshal(in.Bytes(), &line) == nil {
			lines <- line
		}
	}
}

func (s *served) write(config string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "pipeline.yaml"), []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *served) temp() string { return filepath.Join(s.dir, "t") }

func (s *served) command(args ...string) *exec.Cmd {
	cmd := exec.Command("pipeline", append(args, "--config", "pipeline.yaml")...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// await waits for a line of the log.
func (s *served) await(msg string) map[string]any {
	s.t.Helper()
	return s.awaitLine(msg, func(line map[string]any) bool { return line["msg"] == msg })
}

// awaitLine waits until a line is as wanted, which what says in words.
func (s *served) awaitLine(what string, wanted func(line map[string]any) bool) map[string]any {
	s.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("it ended before it said %q:\n%s", what, s.text())
			}
			if wanted(line) {
				return line
			}
		case <-limit:
			s.t.Fatalf("it never said %q:\n%s", what, s.text())
		}
	}
}

// awaitRuns waits until jobs have run well, and other lines were said, in any order.
func (s *served) awaitRuns(jobs []string, said ...string) {
	s.t.Helper()
	open := map[any]bool{}
	for _, name := range append(jobs, said...) {
		open[name] = true
	}
	s.awaitLine(fmt.Sprint("run ended of ", jobs, " and ", said), func(line map[string]any) bool {
		delete(open, line["msg"])
		if line["msg"] == "run ended" && line["ok"] == true {
			delete(open, line["job"])
		}
		return len(open) == 0
	})
}

// awaitError waits until a message has been logged with an error that says so.
func (s *served) awaitError(msg, says string) {
	s.t.Helper()
	s.awaitLine(msg+": "+says, func(line map[string]any) bool {
		text, _ := line["error"].(string)
		return line["msg"] == msg && strings.Contains(text, says)
	})
}

func (s *served) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *served) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.listen + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// run runs another verb to its end.
func (s *served) run(args ...string) (code int, out string) {
	s.t.Helper()
	text, err := s.command(args...).CombinedOutput()
	code = 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			s.t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return code, string(text)
}

// stop sends SIGTERM and waits.
func (s *served) stop() (code int, took time.Duration) {
	s.t.Helper()
	return s.end(syscall.SIGTERM)
}

// end sends a signal and waits.
func (s *served) end(signal syscall.Signal) (code int, took time.Duration) {
	s.t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	for range s.lines { // to its end, so that nothing is lost
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode(), time.Since(began)
}

// shortDir is a folder whose path leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "lst")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "t"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// value asks the published copy for one value.
func (s *served) value(query string) string {
	s.t.Helper()
	code, out := s.run("sql", "--quiet", "-o", "csv", query)
	_, value, ok := strings.Cut(out, "\n") // after the names of the columns
	if code != exitOK || !ok {
		s.t.Fatalf("sql beside the daemon: %d %s", code, out)
	}
	return strings.TrimSpace(value)
}

func (s *served) hangup() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
}
