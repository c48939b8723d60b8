package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// site is a folder with a configuration and a warehouse, where `pipeline` runs as
// its own process.
type site struct {
	t   testing.TB
	dir string
	net *chaintest.Net
	// temp is the processes' temporary folder, short enough for sockets in it.
	temp string
}

// siteConfig reads both chains: prices, and the plugins of the site.
var siteConfig = template.Must(template.New("").Parse(`
database: data/warehouse.duckdb
plugins: { dir: plugins }
chains:
  - name: ethereum
    kind: evm
    native_asset: ETH
    network_id: 1
    endpoints: [{ alias: eth, url: {{.Ethereum}}, timeout: {{.Timeout}} }]
  - name: solana
    kind: solana
    native_asset: SOL
    genesis: 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d
    endpoints: [{ alias: sol, url: {{.Solana}}, timeout: {{.Timeout}} }]
job_defaults: { timeout: {{.Task}}, jitter: 0s, attempts: 100 }
jobs:
  - { name: prices, schedule: "{{.Schedule}}", plugins: [chainlink] }
  - { name: state, schedule: "{{.Schedule}}", plugins: [{{.State}}] }
serve: { listen: "127.0.0.1:0" }
{{if .Publish}}publish: { dir: published, every: {{.Publish}}, keep: 2 }
{{end}}log: { format: json, level: debug }
`))

// siteOptions say what differs between sites.
type siteOptions struct {
	exchange, task time.Duration // the longest an HTTP exchange, and a task, may take
	schedule       string        // "@daily" leaves tests only midnight to fall over
	plugins        []string      // beside chainlink
	publish        string        // the shortest time between two copies; "" for none
}

// patient is for tests in which nothing waits in vain.
var patient = siteOptions{30 * time.Second, time.Minute, "@daily", []string{"lido", "rocketpool", "marinade", "stakepool"}, ""}

// with are the same options for other plugins.
func (o siteOptions) with(plugins ...string) siteOptions { o.plugins = plugins; return o }

// newSite makes a site with chains of its own and an empty warehouse.
func newSite(t testing.TB, o siteOptions) *site {
	t.Helper()
	// t.TempDir is too long for the path of a socket.
	temp, err := os.MkdirTemp("/tmp", "lst")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	s := &site{t: t, dir: t.TempDir(), net: chaintest.Start(t), temp: temp}
	linkPlugins(t, filepath.Join(s.dir, "plugins"), append([]string{"chainlink"}, o.plugins...)...)
	var text bytes.Buffer
	err = siteConfig.Execute(&text, map[string]any{
		"Ethereum": s.net.EthereumURL, "Solana": s.net.SolanaURL, "Timeout": o.exchange, "Task": o.task,
		"Schedule": o.schedule, "State": strings.Join(o.plugins, ", "), "Publish": o.publish,
	})
	if err = errors.Join(err, os.WriteFile(filepath.Join(s.dir, "pipeline.yaml"), text.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.begin()
	return s
}

// begin gives the site an empty warehouse.
func (s *site) begin() {
	s.t.Helper()
	empty, err := emptyWarehouse()
	if err == nil {
		err = os.WriteFile(s.database(), empty, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// emptyWarehouse makes an empty warehouse once, which costs more than a run, and
// returns its bytes.
var emptyWarehouse = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "empty")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "warehouse.duckdb")
	s, err := store.Open(context.Background(), path, store.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// database is the path of the site's warehouse.
func (s *site) database() string { return filepath.Join(s.dir, "data", "warehouse.duckdb") }

// published is where a site that publishes has the copies for readers.
func (s *site) published() string { return filepath.Join(s.dir, "published") }

// setWarehouse replaces the warehouse and all that belongs to it.
func (s *site) setWarehouse(data []byte) {
	s.t.Helper()
	folder := filepath.Dir(s.database())
	if err := errors.Join(os.RemoveAll(folder), os.RemoveAll(s.published()), os.Mkdir(folder, 0o755), os.WriteFile(s.database(), data, 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

// linkPlugins puts only the named plugins into a new folder.
func linkPlugins(t testing.TB, dir string, names ...string) {
	t.Helper()
	from, err := pluginDir()
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	for _, name := range names {
		if err == nil {
			err = os.Link(filepath.Join(from, name), filepath.Join(dir, name))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// command prepares a `pipeline` process.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command("pipeline", append(args, "--config", "pipeline.yaml")...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+s.temp)
	return cmd
}

// ended is what is left of a process.
type ended struct {
	code           int // -1: ended by a signal
	stdout, stderr string
}

// run runs `pipeline` to its end.
func (s *site) run(args ...string) ended {
	s.t.Helper()
	return s.start(args...).wait()
}

// started is a running `pipeline`.
type started struct {
	site           *site
	cmd            *exec.Cmd
	ready          chan struct{} // closed once cmd.Process is set
	stdout, stderr output
}

// output keeps what a process writes and tells who waits for a line.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	line func(text string) // called for each whole line, by the one who writes
	part bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if o.line == nil {
		return len(p), nil
	}
	for _, b := range p {
		if b != '\n' {
			o.part.WriteByte(b)
			continue
		}
		o.line(o.part.String())
		o.part.Reset()
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start starts `pipeline`. The process is killed at the end of the test.
func (s *site) start(args ...string) *started {
	s.t.Helper()
	p := s.prepare(args...)
	p.begin()
	return p
}

func (s *site) prepare(args ...string) *started {
	return &started{site: s, cmd: s.command(args...), ready: make(chan struct{})}
}

func (p *started) begin() {
	p.site.t.Helper()
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		p.site.t.Fatal(err)
	}
	close(p.ready)
	p.site.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill() // it may just have ended
			_ = p.cmd.Wait()
		}
	})
}

func (p *started) wait() ended {
	p.site.t.Helper()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.site.t.Fatal(err)
	}
	return ended{p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

// ask opens the warehouse as it is and returns the rows of a query, their values
// joined by a bar; nil is NULL.
func (s *site) ask(query string, args ...any) []string {
	s.t.Helper()
	return s.askFile(s.database(), query, args...)
}

// askFile asks another warehouse than the site's, such as a copy of it.
func (s *site) askFile(path, query string, args ...any) []string {
	s.t.Helper()
	db, err := store.OpenReadOnly(s.t.Context(), path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(s.t.Context(), query, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var cells []string
		for _, v := range rows.Values() {
			if at, ok := v.(time.Time); ok {
				v = at.Format(time.RFC3339)
			}
			cells = append(cells, strings.ReplaceAll(fmt.Sprint(v), "<nil>", "NULL"))
		}
		out = append(out, strings.Join(cells, "|"))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// awaitRequest returns a channel that is closed at the n-th request from now on.
func (s *site) awaitRequest(n int) <-chan struct{} {
	asked := make(chan struct{})
	s.net.OnRequest(n, func() { close(asked) })
	return asked
}

// Ctrl-C ends a run in good order: its own exit code, nothing left behind, and the
// next run reads what this one did not.
func TestAnInterruptedRunGoesOn(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, patient)
			s.net.SpoilEthereum("eth_call", chaintest.Silent)
			s.net.SpoilSolana(chaintest.MarinadeState, chaintest.Silent)
			asked := s.awaitRequest(4)
			p := s.start("run")
			<-asked
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			end := p.wait()
			if end.code != exitInterrupted || !strings.Contains(end.stderr, "run the same command again") {
				t.Fatalf("exit code %d\n%s", end.code, end.stderr)
			}
			s.nothingLeft()
			if got := s.ask(`SELECT status FROM ingest_run`); len(got) != 1 || got[0] != store.RunInterrupted {
				t.Errorf("the run is %v", got)
			}
			s.net.Heal()
			if end := s.run("run"); end.code != exitOK {
				t.Fatalf("exit code %d\n%s", end.code, end.stderr)
			}
			if got := s.ask(`SELECT DISTINCT state FROM ingest_task`); len(got) != 1 || got[0] != store.StateHave {
				t.Errorf("after the second run ticks are %v", got)
			}
		})
	}
}

// nothingLeft checks that no socket or temporary file of a run is left.
func (s *site) nothingLeft() {
	s.t.Helper()
	var left []string
	err := filepath.WalkDir(s.temp, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := filepath.Glob(filepath.Join(s.temp, "*", "h*"))
	if err != nil {
		s.t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(s.dir, "data"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() != "warehouse.duckdb" && f.Name() != "warehouse.duckdb.lock" {
			left = append(left, f.Name())
		}
	}
	if left = append(left, private...); len(left) > 0 {
		s.t.Errorf("left behind: %v", left)
	}
}
