package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestPluginIsStartedAskedAndStopped(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	if d := p.Description(); d.Name != "good" || d.Version != "1.2.3" || len(d.Tokens) != 1 {
		t.Errorf("description is %+v", d)
	}
	var got basket
	if err := p.Fetch(t.Context(), do("all"), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.observed) != 1 || got.observed[0].Value.Int64() != 1000 || got.observed[0].Source.Target != "0x1" {
		t.Errorf("observed %+v", got.observed)
	}
	want := []sdk.Failure{{Token: "tst", Kind: sdk.KindNoData, Message: "not deployed, says <gateway>"}}
	if diff := cmp.Diff(want, got.failed); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][2]int{{1, 2}}, got.progress); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if rss, err := p.RSS(); err != nil || rss < 1<<20 {
		t.Errorf("RSS = %d, %v", rss, err)
	}
	if p.Exited() || p.ExitReason() != "" {
		t.Errorf("it ended early: %s", p.ExitReason())
	}
	p.Stop()
	p.Stop()
	if !p.Exited() || p.ExitReason() != "stopped by the host" {
		t.Errorf("after Stop: exited %v, reason %q", p.Exited(), p.ExitReason())
	}
	if _, err := p.RSS(); err == nil {
		t.Error("a dead process has memory")
	}
	if err := p.Fetch(t.Context(), do("all"), &got); sdk.KindOf(err) != sdk.KindInternal {
		t.Errorf("fetch of a stopped plugin: %v", err)
	}
}

// go-plugin's SecureConfig fails the second time, because its hash is never
// reset.
func TestSameBinaryStartsTwice(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	b := binary(t, "good")
	for range 2 {
		p, err := h.Start(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Fetch(t.Context(), do("rows"), &basket{}); err != nil {
			t.Error(err)
		}
		p.Stop()
	}
}

func TestPluginThatCannotStartIsAClearError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind sdk.Kind
		says string
	}{
		"chatty":   {sdk.KindInternal, `it printed "loading my settings" to standard output before its handshake`},
		"futurist": {sdk.KindConfig, "it speaks version 2 of the plugin protocol, this host version 1"},
		"exits":    {sdk.KindInternal, "it ended before its handshake: is it a plugin, built for this machine? (exit status 3); it last said: cannot find my settings"},
		"sleeper":  {sdk.KindTransient, "no handshake within 1s"},
		"stopper":  {sdk.KindTransient, "no handshake within 1s"},
		"silent":   {sdk.KindTransient, "no description within 2s"},
		"impostor": {sdk.KindInternal, `it calls itself "lido", its file is named "impostor"`},
		"shaky":    {sdk.KindInternal, "panic in Describe: no card"},
		"wanderer": {sdk.KindInternal, "not in the folder the host gave it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := Options{StartTimeout: 10 * time.Second}
			if strings.Contains(test.says, "within 1s") {
				opts.StartTimeout = time.Second
			}
			if name == "silent" {
				opts.CallTimeout = 2 * time.Second
			}
			h, _ := newHost(t, opts)
			p, err := h.Start(t.Context(), binary(t, name))
			if err == nil {
				p.Stop()
				t.Fatal("it started")
			}
			var e *Error
			if !errors.As(err, &e) || e.Plugin != name {
				t.Errorf("error %v does not belong to the plugin", err)
			}
			if !strings.HasPrefix(err.Error(), "plugin "+name+": ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is\n  %v\nwant\n  %s", err, test.says)
			}
			if kind := sdk.KindOf(err); kind != test.kind {
				t.Errorf("kind is %s, want %s", kind, test.kind)
			}
			if len(h.processes) != 0 {
				t.Error("the host still counts it")
			}
			noSockets(t, h.opts.RunDir)
		})
	}
}

func TestBinaryThatChangedOrVanishedIsNotRun(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	b := binary(t, "good")
	if err := os.Remove(b.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), b); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), "is gone: run `make build`") {
		t.Errorf("missing binary: %v", err)
	}
	if err := os.WriteFile(b.Path, []byte("#!/bin/sh\necho pwned\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), b); sdk.KindOf(err) != sdk.KindIdentity || !strings.Contains(err.Error(), "has changed since it was found") {
		t.Errorf("changed binary: %v", err)
	}
	found, err := Find(filepath.Dir(b.Path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), found[0]); !strings.Contains(err.Error(), `it printed "pwned"`) {
		t.Errorf("a script: %v", err)
	}
	if err := os.WriteFile(b.Path, []byte("\x7fELF nonsense"), 0o755); err != nil {
		t.Fatal(err)
	}
	if found, err = Find(filepath.Dir(b.Path)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), found[0]); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), "cannot run") {
		t.Errorf("a broken executable: %v", err)
	}
}

func TestCancelledStartEndsAtOnce(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Start(ctx, binary(t, "sleeper"))
	if !errors.Is(err, context.Canceled) || sdk.KindOf(err) != sdk.KindTransient {
		t.Errorf("error is %v", err)
	}
}

// go-plugin appends the host's environment to the plugin's unless told not to,
// and lets the plugin read the host's standard input.
func TestPluginSeesNothingOfItsHost(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	var got basket
	p := start(t, h, "good")
	if err := p.Fetch(t.Context(), do("env"), &got); err != nil {
		t.Fatal(err)
	}
	env := got.observed[0].Reason
	if strings.Contains(env, secretValue) || strings.Contains(env, "PATH=") || strings.Contains(env, "HOME=") {
		t.Errorf("the plugin sees\n%s", env)
	}
	if !strings.Contains(env, "PLUGIN_UNIX_SOCKET_DIR="+h.opts.RunDir) {
		t.Errorf("the plugin was not given a socket folder:\n%s", env)
	}
	if err := p.Fetch(t.Context(), do("stdin"), &got); err != nil {
		t.Fatal(err)
	}
	if said := got.observed[1].Reason; said != "0 EOF" {
		t.Errorf("reading standard input gave %s", said)
	}

	open, _ := newHost(t, Options{PassEnv: []string{secretName, "LST_TEST_UNSET"}})
	if err := start(t, open, "good").Fetch(t.Context(), do("env"), &got); err != nil {
		t.Fatal(err)
	}
	if env := got.observed[2].Reason; !strings.Contains(env, secretName+"="+secretValue) || strings.Contains(env, "LST_TEST_UNSET") {
		t.Errorf("a variable that may pass did not:\n%s", env)
	}
}

func TestStopIsBoundedEvenForAStoppedProcess(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	life := newLifeline(t)
	fetched := make(chan error, 1)
	go func() { fetched <- p.Fetch(context.Background(), do("stop", "hold", life.path), &basket{}) }()
	life.waitBorn(t)
	waitStopped(t, p.PID())
	began := time.Now()
	p.Stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Stop took %s", took)
	}
	life.waitGone(t)
	if err := <-fetched; sdk.KindOf(err) != sdk.KindInternal {
		t.Errorf("the fetch it was in: %v", err)
	}
	if got := p.ExitReason(); got != "killed by the host" {
		t.Errorf("reason is %q", got)
	}
	noSockets(t, h.opts.RunDir)
}

// waitStopped waits until the kernel says that a process is stopped: it is born
// before it stops itself. Where there is no /proc it does not wait.
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range look.C {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		// pid (command) state ...
		if _, rest, ok := strings.Cut(string(stat), ") "); ok && strings.HasPrefix(rest, "T") {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("the process never stopped itself")
		}
	}
}

func TestChildrenOfAPluginDieWithIt(t *testing.T) {
	t.Parallel()
	t.Run("when it is killed", func(t *testing.T) {
		t.Parallel()
		h, _ := newHost(t, Options{})
		p := start(t, h, "good")
		child := newLifeline(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-child.pid; cancel() }()
		if err := p.Fetch(ctx, do("grandchild", "child", child.path), &basket{}); !errors.Is(err, context.Canceled) {
			t.Errorf("fetch: %v", err)
		}
		child.waitGone(t)
	})
	t.Run("when it leaves by itself", func(t *testing.T) {
		t.Parallel()
		h, _ := newHost(t, Options{})
		p := start(t, h, "good")
		child, parent := newLifelineUnopened(t), newLifelineUnopened(t)
		go child.open()
		go func() {
			<-child.pid
			parent.open() // lets the plugin exit
		}()
		err := p.Fetch(t.Context(), do("grandchild", "child", child.path, "leave", parent.path), &basket{})
		if err == nil || !strings.Contains(err.Error(), "exit status 4") {
			t.Errorf("fetch: %v", err)
		}
		child.waitGone(t)
	})
}

// A child in a session of its own cannot be found, but it must not hold up the
// host by the pipe it holds.
func TestChildThatEscapesDoesNotHoldUpTheHost(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	child, parent := newLifeline(t), newLifelineUnopened(t)
	var pid string
	go func() {
		pid = <-child.pid
		parent.open()
	}()
	err := p.Fetch(t.Context(), do("grandchild", "child", child.path, "leave", parent.path, "escape", "yes"), &basket{})
	<-parent.gone
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || !p.Exited() {
		t.Errorf("exited is %v, error %v", p.Exited(), err)
	}
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Errorf("the child did not escape: %v", err)
	}
	child.waitGone(t)
}

// Without a parent watch and Pdeathsig a plugin lives on when its host is
// killed. The plugin "raw" has no watch of its own: it shows the second.
func TestNoOrphanWhenTheHostIsKilled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"good", "raw"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			life, run := newLifeline(t), shortDir(t)
			helper := exec.Command(os.Args[0])
			helper.Env = append(os.Environ(), helperEnv+"="+name, "LST_TEST_DIR="+install(t, name),
				"LST_TEST_FIFO="+life.path, "LST_TEST_RUN="+run)
			helper.Stderr = os.Stderr
			if err := helper.Start(); err != nil {
				t.Fatal(err)
			}
			life.waitBorn(t)
			if len(sockets(t, run)) != 1 {
				t.Errorf("sockets are %v", sockets(t, run))
			}
			if err := helper.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = helper.Wait()
			life.waitGone(t)

			// The next host sweeps what the killed one left, and nothing of the living.
			living, _ := newHost(t, Options{RunDir: run})
			p := start(t, living, "good")
			next, _ := newHost(t, Options{RunDir: run})
			start(t, next, "good")
			if n := len(sockets(t, run)); n != 2 {
				t.Errorf("there are %d sockets, want the two of the living", n)
			}
			if err := p.Fetch(t.Context(), do("rows"), &basket{}); err != nil {
				t.Errorf("the other host was swept away: %v", err)
			}
		})
	}
}

func TestNoSocketIsLeftBehind(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	if len(sockets(t, h.opts.RunDir)) != 1 {
		t.Fatalf("no socket to look for: %v", sockets(t, h.opts.RunDir))
	}
	if err := p.Fetch(t.Context(), do("suicide"), &basket{}); err == nil {
		t.Error("it survived")
	}
	noSockets(t, h.opts.RunDir)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(h.opts.RunDir)
	if err != nil || len(left) != 1 || left[0].Name() != "lock" {
		t.Errorf("left in the run directory: %v, %v", left, err)
	}
	if _, err := h.Start(t.Context(), binary(t, "good")); !errors.Is(err, errHostClosed) {
		t.Errorf("start on a closed host: %v", err)
	}
}

func TestRunDirectoryMustBeShortAndOurs(t *testing.T) {
	t.Parallel()
	foreign := shortDir(t)
	if err := os.Chmod(foreign, 0o777); err != nil {
		t.Fatal(err)
	}
	for dir, says := range map[string]string{
		filepath.Join(t.TempDir(), strings.Repeat("long", 20)): "choose a shorter one",
		foreign: "only you can write",
	} {
		h, _ := newHost(t, Options{RunDir: dir})
		if _, err := h.Start(t.Context(), binary(t, "good")); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), says) {
			t.Errorf("run directory %s: %v", dir, err)
		}
	}
}

func TestCloseStopsAll(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	a, b := start(t, h, "good"), start(t, h, "raw")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if !a.Exited() || !b.Exited() {
		t.Error("a plugin outlived its host")
	}
}

func sockets(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "h*", "plugin-dir*", "plugin*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func noSockets(t testing.TB, dir string) {
	t.Helper()
	if found := sockets(t, dir); len(found) != 0 {
		t.Errorf("sockets left behind: %v", found)
	}
}
