package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// How long Stop waits for a plugin to end when asked, and then for the kernel to
// end it.
const (
	stopGrace = time.Second
	killGrace = 1500 * time.Millisecond
)

// Process is a running plugin. Stop must be called even if it has exited.
type Process struct {
	host   *Host
	binary Binary
	child  *child
	tail   *tail
	client *plugin.Client
	rpc    pluginv1.PluginClient
	desc   sdk.Description
	busy   atomic.Bool
	peak   atomic.Int64 // most resident bytes seen so far
	stop   sync.Once
}

// Start runs a plugin: it verifies the binary against its checksum, waits for
// the handshake and asks for the description. Errors are *Error.
func (h *Host) Start(ctx context.Context, b Binary) (*Process, error) {
	p := &Process{host: h, binary: b, tail: &tail{}}
	if err := b.verify(); err != nil {
		return nil, p.failed("start", err)
	}
	dir, err := h.register(p)
	if err != nil {
		return nil, p.failed("start", err)
	}
	logger := h.opts.Logger.With(pluginKey, b.Name)
	log := func(level slog.Level) *lineLog {
		return newLineLog(logger, p.tail, level, h.opts.MaxStderrLine)
	}
	p.child = &child{
		name:   b.Name,
		path:   b.Path,
		stdout: newHandshake(log(slog.LevelWarn)),
		stderr: log(slog.LevelInfo),
		done:   make(chan struct{}),
	}
	p.client = newClient(p.child, dir, h.opts, log)
	if err := p.open(ctx); err != nil {
		err = p.failed("start", err)
		p.Stop()
		return nil, err
	}
	if err := p.describe(ctx); err != nil {
		err = p.failed("describe", err)
		p.Stop()
		return nil, err
	}
	if h.opts.MaxRSS > 0 {
		go p.watchMemory(h.opts.MaxRSS)
	}
	return p, nil
}

// open starts the process and connects to it within StartTimeout.
func (p *Process) open(ctx context.Context) error {
	timeout := p.host.opts.StartTimeout
	ctx, cancel := within(ctx, timeout, "no handshake")
	defer cancel()
	// Whatever go-plugin is waiting for, it stops waiting when the child dies.
	defer context.AfterFunc(ctx, p.child.kill)()
	rpc, err := connect(p.client)
	if ctx.Err() != nil {
		p.end()
		return sdk.Errorf(sdk.KindTransient, "%w", context.Cause(ctx))
	}
	if err != nil {
		p.end()
		if p.child.ID() == "" {
			return sdk.Errorf(sdk.KindConfig, "cannot run %s: %w", p.binary.Path, err)
		}
		return explainStart(err, p.child.stdout.text())
	}
	p.rpc = rpc
	return nil
}

// describe asks the plugin what it is and checks the answer.
func (p *Process) describe(ctx context.Context) error {
	timeout := p.host.opts.CallTimeout
	ctx, cancel := within(ctx, timeout, "no description")
	defer cancel()
	var trailer metadata.MD
	m, err := p.rpc.Describe(ctx, &pluginv1.DescribeRequest{}, grpc.Trailer(&trailer))
	if err != nil {
		return p.callError(ctx, err, trailer)
	}
	d, err := wire.FromDescription(m)
	if err == nil {
		err = checkDescription(d, p.binary.Name)
	}
	if err != nil {
		return sdk.Errorf(sdk.KindInternal, "it describes itself wrongly: %w", err)
	}
	p.desc = d
	return nil
}

// Description is what the plugin said about itself at its start.
func (p *Process) Description() sdk.Description { return p.desc }

// Binary is what was started.
func (p *Process) Binary() Binary { return p.binary }

// PID is the process id.
func (p *Process) PID() int {
	p.child.mu.Lock()
	defer p.child.mu.Unlock()
	return p.child.pid
}

// RSS is the resident memory of the process and of all it has started, in bytes; it
// is known on Linux while the process lives.
func (p *Process) RSS() (int64, error) {
	used, _, err := p.family()
	return used, err
}

func (p *Process) family() (used int64, pids []int, err error) {
	if p.Exited() {
		return 0, nil, errors.New("the process has ended")
	}
	used, pids, err = family(p.PID())
	p.grew(used)
	return used, pids, err
}

// grew notes how much memory the process was seen to take.
func (p *Process) grew(used int64) {
	for {
		if before := p.peak.Load(); used <= before || p.peak.CompareAndSwap(before, used) {
			return
		}
	}
}

// Exited reports that the process has ended, with all its children.
func (p *Process) Exited() bool {
	select {
	case <-p.child.done:
		return true
	default:
		return false
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.child.done }

// ExitReason says in words why the process ended, for example "exit status 2" or
// "killed by signal 9 (killed, maybe out of memory)"; empty while it lives.
func (p *Process) ExitReason() string { return p.child.reason() }

// Stop ends the plugin: it asks, and after a second kills the process group. It
// returns when the process is gone, and in any case within three seconds. It may
// be called more than once.
func (p *Process) Stop() {
	p.stop.Do(func() {
		defer p.host.forget(p)
		if pid := p.PID(); pid != 0 && !p.Exited() {
			p.grew(peakBytes(pid)) // the kernel saw more than single looks did
		}
		p.child.asking()
		asked := make(chan struct{})
		go func() {
			// Kill may wait for ever on a stopped process: hence the goroutine. It ends
			// when the process is gone.
			defer close(asked)
			p.client.Kill()
		}()
		grace := time.NewTimer(stopGrace)
		defer grace.Stop()
		select {
		case <-asked:
		case <-grace.C:
		}
		p.end()
		grace.Reset(killGrace)
		select {
		case <-asked:
		case <-grace.C:
		}
	})
}

// end kills the process group and waits until it is gone, for as long as the
// kernel can be expected to take.
func (p *Process) end() {
	p.child.kill()
	if p.child.ID() == "" {
		return
	}
	limit := time.NewTimer(killGrace)
	defer limit.Stop()
	select {
	case <-p.child.done:
	case <-limit.C:
	}
}

// failed wraps err with what is known of the process.
func (p *Process) failed(op string, err error) *Error {
	e := &Error{Plugin: p.binary.Name, Op: op, Stderr: p.tail.get(), Err: err}
	if p.child != nil {
		e.Reason = p.child.reason()
	}
	return e
}

// within bounds ctx and names what did not happen in time.
func within(ctx context.Context, limit time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s within %s: %w", what, limit, context.DeadlineExceeded))
}
