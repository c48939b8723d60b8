package serve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// Worker does the job with what the shop has.
func (s *Shop) Worker(job ingest.Job) Worker {
	return &worker{shop: s, job: job, busy: map[string]bool{}}
}

// worker gives every plugin a lane of its own: a pass takes the plugins that are free
// and gives each back when its work has ended, so that one that hangs costs the others
// no tick.
type worker struct {
	shop *Shop
	job  ingest.Job

	mu      sync.Mutex
	busy    map[string]bool // plugins that a pass has in hand
	unended []string        // runs whose end the disk did not take
}

// take keeps the plugins that no other pass has. The returned function gives one back,
// once.
func (w *worker) take(plugins []*ingest.Plugin) (free []*ingest.Plugin, giveBack func(name string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := map[string]bool{}
	for _, p := range plugins {
		if name := p.Binary.Name; !w.busy[name] {
			w.busy[name], mine[name] = true, true
			free = append(free, p)
		}
	}
	return free, func(name string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if mine[name] {
			delete(mine, name)
			delete(w.busy, name)
		}
	}
}

var errUnended = errors.New("the disk could not be written; a later run reads what was due")

// endOld writes down the ends of runs that the disk did not take before.
func (w *worker) endOld(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.unended) > 0 {
		err := w.shop.Store.EndRun(ctx, w.unended[0], store.RunFailed, errUnended, time.Now())
		if errors.Is(err, store.ErrDisk) {
			return err
		}
		w.unended = w.unended[1:]
		if err != nil {
			return err
		}
	}
	return nil
}

// Pass implements Worker.
func (w *worker) Pass(ctx context.Context) (ingest.Summary, error) {
	s := w.shop
	plugins, tokens := s.current(ctx, w.job)
	plugins, giveBack := w.take(plugins)
	defer func() {
		for _, p := range plugins {
			giveBack(p.Binary.Name)
		}
	}()
	// A runner belongs to one run at a time, so that jobs do not wait for each other;
	// the store queues their writes.
	r := &ingest.Runner{
		Store: s.Store, Host: s.Host, Gateway: s.Gateway, Log: s.Log, Version: s.Version, Now: s.Now,
		Tokens: tokens, Report: s.report, Ended: giveBack, Settle: s.Settle, Recordings: s.Recordings, Parallel: max(1, len(plugins)),
	}
	if err := w.endOld(ctx); err != nil {
		return ingest.Summary{}, err
	}
	work, skipped, err := r.Due(ctx, []ingest.Job{w.job}, plugins, s.Chains)
	if err != nil {
		return ingest.Summary{}, err
	}
	s.mention(skipped)
	if len(work) == 0 {
		return ingest.Summary{}, nil
	}
	for _, p := range plugins {
		if !slices.ContainsFunc(work, func(todo ingest.Work) bool { return todo.Plugin == p.Binary.Name }) {
			giveBack(p.Binary.Name)
		}
	}
	sum, err := r.Run(ctx, "serve", plugins, work)
	if errors.Is(err, store.ErrDisk) {
		w.mu.Lock()
		w.unended = append(w.unended, sum.RunID)
		w.mu.Unlock()
	}
	return sum, err
}
