package host

import (
	"cmp"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// pluginKey is the attribute that names the plugin in the log.
const pluginKey = "plugin"

// Options of a Host. The zero value is good.
type Options struct {
	// RunDir holds the sockets of all hosts of this user. It must be short (53
	// bytes), because a socket's path is. Default: lst-pipeline-<uid> in the
	// temporary directory.
	RunDir string
	// Logger receives what plugins log. Default: slog.Default.
	Logger *slog.Logger
	// StartTimeout bounds a start up to the first call. Default: 10 s.
	StartTimeout time.Duration
	// CallTimeout bounds short calls, such as Describe. Default: 10 s.
	CallTimeout time.Duration
	// FetchTimeout bounds a Fetch whose context has no deadline. Default: 10 min.
	FetchTimeout time.Duration
	// MaxBatchBytes is the largest message taken from a plugin. Default: 16 MiB.
	MaxBatchBytes int
	// MaxStderrLine is the length at which a line of a plugin's log is cut.
	// Default: 32 KiB.
	MaxStderrLine int
	// PassEnv names variables of the host's environment that plugins may see.
	// Default: none.
	PassEnv []string
	// MaxRSS is the resident memory in bytes from which a plugin is killed; on
	// Linux only. Default: no cap.
	MaxRSS int64
}

func (o Options) withDefaults() Options {
	o.RunDir = cmp.Or(o.RunDir, defaultBase())
	o.StartTimeout = cmp.Or(o.StartTimeout, 10*time.Second)
	o.CallTimeout = cmp.Or(o.CallTimeout, 10*time.Second)
	o.FetchTimeout = cmp.Or(o.FetchTimeout, 10*time.Minute)
	o.MaxBatchBytes = cmp.Or(o.MaxBatchBytes, 16<<20)
	o.MaxStderrLine = cmp.Or(o.MaxStderrLine, 32<<10)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Host starts plugins and knows those that run. It is safe for concurrent use.
type Host struct {
	opts Options

	mu        sync.Mutex
	dir       *runDir // made at the first start
	processes map[*Process]struct{}
	used      map[string]*usage // by plugin
	closed    bool
}

// New makes a host. It touches nothing until the first Start, which sweeps the
// run directory of what killed hosts left there.
func New(opts Options) *Host {
	return &Host{opts: opts.withDefaults(), processes: map[*Process]struct{}{}, used: map[string]*usage{}}
}

// Close stops all plugins, each within the bounds of Process.Stop, and removes
// the host's run directory. Starts that follow fail.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	dir := h.dir
	h.dir = nil
	var wg sync.WaitGroup
	for p := range h.processes {
		wg.Go(p.Stop)
	}
	h.mu.Unlock()
	wg.Wait()
	if dir == nil {
		return nil
	}
	return dir.close()
}

// register enters a process that is about to start and gives it the folder its
// socket's folder goes into.
func (h *Host) register(p *Process) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return "", sdk.Errorf(sdk.KindInternal, "%w", errHostClosed)
	}
	if h.dir == nil {
		dir, err := openRunDir(h.opts.RunDir)
		if err != nil {
			return "", err
		}
		h.dir = dir
	}
	h.processes[p] = struct{}{}
	if h.used[p.binary.Name] == nil {
		h.used[p.binary.Name] = &usage{}
	}
	h.used[p.binary.Name].starts++
	return h.dir.path, nil
}

func (h *Host) forget(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.processes, p)
	h.used[p.binary.Name].peak = p.peak.Load()
	if p.child != nil && p.child.crashed() {
		h.used[p.binary.Name].crashes++
	}
}

var errHostClosed = errors.New("the host is closed")
