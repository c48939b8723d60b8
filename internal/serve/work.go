package serve

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// retryBroken is how often a plugin that could not be used is tried again.
const retryBroken = 5 * time.Minute

// Shop is what the workers of a generation share: the warehouse, the way out, and
// the plugins as they were last found.
type Shop struct {
	Store   *store.Store
	Host    *host.Host
	Gateway *gateway.Gateway
	Log     *slog.Logger
	Version string
	Dir     string // of the plugins
	// Required are the plugins that jobs name; one that is missing is reported.
	Required []string
	Chains   []sdk.ChainID
	Settle   map[sdk.ChainID]time.Duration // see ingest.Runner
	// Recordings answer for past ticks of chains, see ingest.Runner.
	Recordings map[sdk.ChainID]ingest.Recordings
	Now        func() time.Time // nil: time.Now

	mu      sync.Mutex
	seen    string // what Dir looked like at the last discovery
	tried   time.Time
	plugins []*ingest.Plugin
	tokens  map[sdk.TokenID]sdk.Token
	skipped map[string]bool
}

// Plugins takes over what a discovery has found and registered, and ends the
// processes it left running: each run starts its own.
func (s *Shop) Plugins(found []*ingest.Plugin, tokens map[sdk.TokenID]sdk.Token) {
	for _, p := range found {
		p.Stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.tried = look(s.Dir), time.Now()
	s.plugins, s.tokens = found, tokens
}

// report logs what became of a tick.
func (s *Shop) report(o ingest.Outcome) {
	attrs := []any{"job", o.Job, "plugin", o.Plugin, "chain", string(o.Chain), "tick", o.Tick.UTC(), "state", o.State, "facts", o.Rows, "took", o.Took.Round(time.Millisecond).String()}
	if o.Rejects > 0 {
		attrs = append(attrs, "rejected", o.Rejects)
	}
	level := slog.LevelInfo
	if o.Message != "" {
		attrs = append(attrs, "class", string(o.Kind), "error", o.Message)
		if o.Kind != sdk.KindNoData {
			level = slog.LevelWarn
		}
	}
	s.Log.Log(context.Background(), level, "tick", attrs...)
}

// mention logs each reason for leaving a plugin out once.
func (s *Shop) mention(reasons []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range reasons {
		if s.skipped == nil {
			s.skipped = map[string]bool{}
		}
		if !s.skipped[r] {
			s.skipped[r] = true
			s.Log.Warn(r)
		}
	}
}

// current returns the plugins of the folder that the job may take, looked up again
// if a binary has changed since, or if one could not be used a while ago. Each
// caller gets values of its own.
func (s *Shop) current(ctx context.Context, job ingest.Job) ([]*ingest.Plugin, map[sdk.TokenID]sdk.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broken := slices.ContainsFunc(s.plugins, func(p *ingest.Plugin) bool { return p.Err != nil })
	// The checksum itself is compared by the host at each start.
	if now := look(s.Dir); now != s.seen || broken && time.Since(s.tried) >= retryBroken {
		s.tried = time.Now()
		if err := s.discover(ctx); err != nil {
			if ctx.Err() == nil {
				s.Log.Error("the plugins have changed but could not be looked up; those known stay in use", "error", err)
			}
		} else {
			s.seen = now
		}
	}
	var list []*ingest.Plugin
	for _, p := range s.plugins {
		if len(job.Plugins) > 0 && !slices.Contains(job.Plugins, p.Binary.Name) {
			continue // another job's, also when it is broken
		}
		list = append(list, &ingest.Plugin{Binary: p.Binary, Description: p.Description, Err: p.Err})
	}
	return list, s.tokens
}

// discover looks the plugins up and registers them.
func (s *Shop) discover(ctx context.Context) error {
	found, err := ingest.Find(s.Dir, nil)
	if err != nil {
		return err
	}
	found = ingest.Expect(found, s.Dir, s.Required)
	err = ingest.Start(ctx, s.Host, found)
	for _, p := range found {
		p.Stop()
	}
	if err != nil {
		return err
	}
	r := &ingest.Runner{Store: s.Store, Log: s.Log, Now: s.Now}
	if err := r.Prepare(ctx, found); err != nil {
		return err
	}
	for _, p := range found {
		if p.Err != nil {
			s.Log.Error("a plugin cannot be used", "plugin", p.Binary.Name, "error", p.Err)
		} else {
			s.Log.Info("plugin found", "plugin", p.Binary.Name, "version", p.Description.Version, "sha256", p.Binary.SHA256)
		}
	}
	s.plugins, s.tokens = found, r.Tokens
	return nil
}

// look tells whether a file of the folder may have changed: names, sizes and times.
func look(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		b.WriteString(e.Name() + " " + info.Mode().String() + " " + info.ModTime().UTC().Format(time.RFC3339Nano) + " " + strconv.FormatInt(info.Size(), 10) + "\n")
	}
	return b.String()
}
