package serve

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// A copy that failed is tried again as soon as the next one would be made, but
// within these bounds.
const (
	publishRetryMin = time.Second
	publishRetryMax = time.Minute
)

// publisher makes copies for readers after runs, not more often than configured.
type publisher struct {
	warehouse Warehouse
	command   []string
	log       *slog.Logger
	wake      chan struct{} // holds one

	mu    sync.Mutex
	conf  Publishing
	dirty bool      // the warehouse has changed since the last copy
	runID string    // the newest run of the change
	last  time.Time // of the newest copy; zero: none
	tried time.Time // of the newest failure since
}

// configure takes another configuration and looks up the newest copy there is. The
// first one also counts as a change, because runs before this process may not have
// been published.
func (p *publisher) configure(c Publishing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Dir != p.conf.Dir {
		p.last, p.tried, p.dirty = newestCopy(c.Dir), time.Time{}, true
	}
	p.conf = c
	p.poke()
}

// newestCopy reads when the newest copy of a folder was published.
func newestCopy(dir string) time.Time {
	m, _ := store.ReadManifest(filepath.Join(dir, store.LatestManifest)) // none, or not ours: as if there was none
	return m.PublishedAt
}

// changed says that a run has changed the warehouse.
func (p *publisher) changed(runID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dirty, p.runID = true, runID
	p.poke()
}

func (p *publisher) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// failing says whether the newest try to make a copy failed.
func (p *publisher) failing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.tried.IsZero()
}

// age is how old the newest copy is; ok is false if there is none.
func (p *publisher) age() (age time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.last), !p.last.IsZero()
}

// due is how long to wait for the next copy; ok is false if there is nothing to do.
func (p *publisher) due() (wait time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dirty || p.conf.Dir == "" {
		return 0, false
	}
	now := time.Now()
	if at := p.last.Add(p.conf.Every); at.After(now) && !p.last.After(now) { // a clock set back does not hold it up
		wait = at.Sub(now)
	}
	retry := min(max(p.conf.Every, publishRetryMin), publishRetryMax)
	if at := p.tried.Add(retry); !p.tried.IsZero() && at.After(now) {
		wait = max(wait, at.Sub(now))
	}
	return wait, true
}

func (p *publisher) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait, ok := p.due()
		if ok && wait <= 0 {
			p.publish(ctx)
			wait, ok = p.due()
		}
		if !ok {
			wait = time.Hour // a change wakes it
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
	}
}

func (p *publisher) publish(ctx context.Context) {
	p.mu.Lock()
	conf, runID := p.conf, p.runID
	p.dirty = false // a change from now on is one more
	p.mu.Unlock()
	m, err := p.warehouse.Publish(ctx, store.PublishOptions{Dir: conf.Dir, Keep: conf.Keep, RunID: runID, Copy: p.command, Now: time.Now()})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.dirty, p.tried = true, time.Now()
		if ctx.Err() == nil {
			p.log.Error("no copy for readers was made; the one before stays, and it is tried again", "error", err)
		}
		return
	}
	if conf.Dir == p.conf.Dir {
		p.last, p.tried = m.PublishedAt, time.Time{}
	}
	p.log.Info("published", "file", m.File, "bytes", m.Bytes, "run", runID)
}
