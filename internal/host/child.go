package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// pipeGrace is how long a dead plugin's pipes stay open for what its children,
// which hold them too, may still say.
const pipeGrace = 500 * time.Millisecond

// maxHandshake bounds a plugin's first line on standard output.
const maxHandshake = 16 << 10

// child is the operating system's side of a plugin: one process and its group.
// It is go-plugin's runner, so that the environment, the pipes, the socket and
// above all the end of the process are in our hands.
type child struct {
	name   string
	path   string
	env    []string
	socket string // the folder of its socket
	stdout *handshake
	stderr *lineLog

	done chan struct{} // closed when the process and its group are gone

	mu     sync.Mutex
	pid    int    // 0 before the start
	asked  bool   // to end
	killed bool   // by us
	why    string // we killed it, if there is more to say than that
	gone   bool
	state  *os.ProcessState // nil before the end
}

var _ runner.Runner = (*child)(nil)

// Start implements runner.Runner.
func (c *child) Start(context.Context) error {
	started := make(chan error, 1)
	go c.run(started)
	return <-started
}

// run lives as long as the process. It keeps its thread, because Linux kills the
// plugin (Pdeathsig) when the thread that started it ends, not the process.
func (c *child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	defer os.RemoveAll(c.socket)
	defer c.stdout.end()

	cmd := exec.Command(c.path)
	cmd.Env = c.env
	cmd.Stdout = c.stdout
	cmd.Stderr = c.stderr
	cmd.WaitDelay = pipeGrace
	cmd.SysProcAttr = processAttributes()

	c.mu.Lock()
	err := errors.New("start was given up")
	if !c.killed {
		err = cmd.Start()
	}
	if err == nil {
		c.pid = cmd.Process.Pid
	}
	c.gone = err != nil
	c.mu.Unlock()
	started <- err
	if err != nil {
		return
	}

	_ = cmd.Wait() // the state says more than this error
	c.mu.Lock()
	c.state, c.gone = cmd.ProcessState, true
	c.mu.Unlock()
	// Its children must not outlive it. The group's number cannot have been given
	// to others while one of them is left.
	killGroup(c.pid)
	c.stderr.flush()
}

// kill ends the process and its group at once, stopped ones included.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	c.killed = true
	if c.pid != 0 {
		killGroup(c.pid)
	}
}

// killBecause is kill with a reason for people.
func (c *child) killBecause(why string) {
	c.mu.Lock()
	if !c.gone && !c.asked {
		c.why = why
	}
	c.mu.Unlock()
	c.kill()
}

// crashed reports that the process has ended without having been asked to.
func (c *child) crashed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone && !c.asked
}

// asking notes that the process is about to be asked to end.
func (c *child) asking() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = !c.gone
}

// reason says in words why the process ended; empty while it lives.
func (c *child) reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == nil {
		return ""
	}
	status, ok := c.state.Sys().(syscall.WaitStatus)
	switch {
	case c.asked && c.state.Success():
		return "stopped by the host"
	case !ok || !status.Signaled():
		return c.state.String() // "exit status 3"
	case c.killed && status.Signal() == syscall.SIGKILL && c.why != "":
		return "killed by the host: " + c.why
	case c.killed && status.Signal() == syscall.SIGKILL:
		return "killed by the host"
	}
	text := fmt.Sprintf("killed by signal %d (%s", int(status.Signal()), status.Signal())
	if status.Signal() == syscall.SIGKILL {
		text += ", maybe out of memory"
	}
	return text + ")"
}

func killGroup(pid int) {
	// ESRCH means that nobody is left, which is what was wanted.
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// Wait implements runner.Runner.
func (c *child) Wait(context.Context) error {
	<-c.done
	return nil
}

// Kill implements runner.Runner.
func (c *child) Kill(context.Context) error {
	c.kill()
	return nil
}

// Stdout implements runner.Runner.
func (c *child) Stdout() io.ReadCloser { return c.stdout.reader }

// Stderr implements runner.Runner. go-plugin sees none of it: the child's
// standard error goes to our log directly, past go-plugin's parser.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(bytes.NewReader(nil)) }

// Name implements runner.Runner.
func (c *child) Name() string { return c.name }

// ID implements runner.Runner.
func (c *child) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid == 0 {
		return ""
	}
	return fmt.Sprint(c.pid)
}

// Diagnose implements runner.Runner; our own error says it better.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner. A plugin may not send the host to any
// other address than a socket in its own folder.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" || filepath.Dir(address) != c.socket {
		return "", "", fmt.Errorf("it listens on %s %s, not in the folder the host gave it (PLUGIN_UNIX_SOCKET_DIR)", network, address)
	}
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// handshake is the child's standard output: its first line is for go-plugin,
// everything after that for the log.
type handshake struct {
	reader *io.PipeReader
	writer *io.PipeWriter
	rest   *lineLog

	mu   sync.Mutex
	line []byte
	full bool
}

func newHandshake(rest *lineLog) *handshake {
	h := &handshake{rest: rest}
	h.reader, h.writer = io.Pipe()
	return h
}

func (h *handshake) Write(p []byte) (int, error) {
	h.mu.Lock()
	full := h.full
	part, after := p, []byte(nil)
	if !full {
		var ended bool
		part, after, ended = bytes.Cut(p, []byte{'\n'})
		h.line = append(h.line, part[:min(len(part), maxHandshake-len(h.line))]...)
		h.full = ended || len(h.line) == maxHandshake
	}
	line, first := h.line, h.full && !full
	h.mu.Unlock()
	switch {
	case full:
		return h.rest.Write(p)
	case first:
		// go-plugin reads until the end, so this does not block for long.
		_, _ = h.writer.Write(append(bytes.Clone(line), '\n'))
		_, _ = h.rest.Write(after)
	}
	return len(p), nil
}

// end tells go-plugin that nothing more will come.
func (h *handshake) end() {
	_ = h.writer.Close()
	h.rest.flush()
}

// text is the first line, as far as it came.
func (h *handshake) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(printable(string(h.line)))
}
