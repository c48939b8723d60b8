package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Job is one entry of the configuration's jobs, ready to plan.
type Job struct {
	Name     string
	Schedule Ticker
	CatchUp  CatchUp
	Max      int
	// Plugins narrows the job; empty means every plugin found.
	Plugins []string
	// Chains narrows the job; empty means every chain its plugins need.
	Chains  []sdk.ChainID
	Tokens  []sdk.TokenID
	Options map[string]map[string]string // by plugin
	Timeout time.Duration                // of one Fetch
	// Attempts is how many failed tries end automatic trying; 0: there is no end, as
	// there is none to trying again what may go away by itself (sdk.KindTransient).
	Attempts int
	// Retry has Due return also what was given up after Attempts, and what would
	// still wait for its next try.
	Retry bool
	// Delay is how long after its moment a tick becomes due (the job's jitter).
	Delay time.Duration
}

// Work is a group of ticks of one series that one Fetch can read.
type Work struct {
	Series
	Ticks   []time.Time
	Tokens  []sdk.TokenID
	Options map[string]string
	Timeout time.Duration
	// Attempts is the job's.
	Attempts int
	// Again says that the ticks have their rows, which a new reading may correct.
	Again bool
	// Recorded says that the recordings of the chain answer, not its endpoints.
	Recorded bool
	// tried is how many tries of a tick came to an end before.
	tried map[time.Time]int
}

// Network is what a Runner needs of the gateway.
type Network interface {
	// Anchors resolves ticks; both results have one entry a tick.
	Anchors(ctx context.Context, chain sdk.ChainID, ticks []time.Time) ([]sdk.Anchor, []error)
	// Open starts the session of one fetch.
	Open(ctx context.Context, scope gateway.Scope) (*gateway.Session, error)
}

// Outcome is what became of one tick.
type Outcome struct {
	Series
	Tick     time.Time
	State    string
	Kind     sdk.Kind
	Message  string
	Rows     int
	Rejects  int
	Requests int // over HTTP
	Calls    int // JSON-RPC calls in them
	Took     time.Duration
}

// Summary is what became of a run.
type Summary struct {
	RunID    string
	Outcomes []Outcome
	Broken   map[string]error // plugins that could not be started, by name
}

// OK reports whether every task has its rows.
func (s Summary) OK() bool {
	if len(s.Broken) > 0 {
		return false
	}
	for _, o := range s.Outcomes {
		if o.State != "have" {
			return false
		}
	}
	return true
}

// Runner runs work. Its fields must be set before the first call and not be
// changed afterwards. A Runner is safe for one call at a time.
type Runner struct {
	Store   *store.Store
	Host    *host.Host
	Gateway Network
	// Recordings, by chain, answer for ticks that the chain itself no longer can.
	Recordings map[sdk.ChainID]Recordings
	Log        *slog.Logger
	// Version is the pipeline's own, recorded with each run.
	Version string
	// Parallel is how many plugins run at once; 0 means 4.
	Parallel int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Report, if set, is told of each outcome as it happens.
	Report func(Outcome)
	// Ended, if set, is told when all the work of a plugin has come to its end.
	Ended func(plugin string)
	// Progress, if set, is told how far a long fetch is.
	Progress func(s Series, done, total int)
	// Tokens are all tokens the plugins declare (set by Prepare).
	Tokens map[sdk.TokenID]sdk.Token
	// Settle is how long blocks of a chain take to be final. Ticks of a chain whose past
	// can be read are due only after it, so that a tick read in time has the rows of
	// one caught up with. What is read sooner is provisional, and read again.
	Settle map[sdk.ChainID]time.Duration
	// Recording reports that the gateway records, so that every anchor is asked for.
	Recording bool

	anchorMu sync.Mutex
	anchors  map[anchorKey]sdk.Anchor
	inVain   map[anchorKey]vain
	asking   map[sdk.ChainID]*sync.Mutex
}

type anchorKey struct {
	chain sdk.ChainID
	tick  time.Time
}

// vain is the last time an anchor was asked for without success.
type vain struct {
	err error
	at  time.Time
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

// Run reads all the work once. The error is about the run itself (the database,
// the context); trouble with single ticks is in the summary and in the ledger.
func (r *Runner) Run(ctx context.Context, command string, plugins []*Plugin, work []Work) (Summary, error) {
	runID, err := r.Store.StartRun(ctx, command, r.Version, r.now())
	if err != nil {
		return Summary{}, err
	}
	r.anchorMu.Lock()
	r.anchors = nil // a run agrees on its own anchors; earlier ones are in the ledger
	r.anchorMu.Unlock()
	sum := Summary{RunID: runID, Broken: map[string]error{}}
	for _, p := range plugins {
		if p.Err != nil {
			sum.Broken[p.Binary.Name] = p.Err
		}
	}
	var mu sync.Mutex
	record := func(o Outcome) {
		mu.Lock()
		sum.Outcomes = append(sum.Outcomes, o)
		mu.Unlock()
		if r.Report != nil {
			r.Report(o)
		}
	}

	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, cmpOr(r.Parallel, 4)))
	for _, lane := range lanes(plugins, work) {
		group.Go(func() error { return r.runLane(groupCtx, runID, lane, record) })
	}
	err = group.Wait()
	sort.Slice(sum.Outcomes, func(i, j int) bool {
		a, b := sum.Outcomes[i], sum.Outcomes[j]
		if !a.Tick.Equal(b.Tick) {
			return a.Tick.Before(b.Tick)
		}
		if a.Plugin != b.Plugin {
			return a.Plugin < b.Plugin
		}
		return a.Chain < b.Chain
	})
	// The run is closed even when ctx is gone, or it would look killed.
	endErr := r.Store.EndRun(context.WithoutCancel(ctx), runID, runStatus(ctx, sum, err), err, r.now())
	if err := errors.Join(err, endErr, ctx.Err()); err == nil {
		// Only speed is lost without it, and the next run tries again.
		if _, err := r.Store.Arrange(ctx, store.ArrangeFrom); err != nil && ctx.Err() == nil {
			r.Log.Warn("facts are not in their best order; queries stay right but slow", "error", err)
		}
	}
	return sum, also(err, endErr)
}

func runStatus(ctx context.Context, sum Summary, err error) string {
	switch {
	case ctx.Err() != nil:
		return "interrupted"
	case err != nil:
		return "failed"
	case sum.OK():
		return "ok"
	}
	for _, o := range sum.Outcomes {
		if o.State == "have" || o.State == "partial" {
			return "partial"
		}
	}
	return "failed"
}

func (s Series) String() string {
	return fmt.Sprintf("job %s, plugin %s on %s", s.Job, s.Plugin, s.Chain)
}

func cmpOr(v, d int) int {
	if v != 0 {
		return v
	}
	return d
}
