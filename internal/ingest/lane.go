package ingest

import (
	"context"
	"slices"
	"time"
)

// lane is the work of one plugin, done in order in one process.
type lane struct {
	plugin *Plugin
	work   []Work
}

// lanes sorts the work by plugin: those that tell prices, those with ticks that can be
// read only now, and the rest.
func lanes(plugins []*Plugin, work []Work) (priced, passing, rest []lane) {
	byName := map[string][]Work{}
	for _, w := range work {
		byName[w.Plugin] = append(byName[w.Plugin], w)
	}
	for _, p := range plugins {
		mine := byName[p.Binary.Name]
		if p.Err != nil || len(mine) == 0 {
			continue
		}
		l := lane{p, mine}
		switch {
		case p.PricesFirst():
			priced = append(priced, l)
		case slices.ContainsFunc(mine, func(w Work) bool { need, _ := p.need(w.Chain); return !need.ReadsPast && !need.Offline }):
			passing = append(passing, l)
		default:
			rest = append(rest, l)
		}
	}
	return priced, passing, rest
}

// await returns when the prices are read, or when nothing was heard for PriceWait.
func (r *Runner) await(ctx context.Context, read, heard <-chan struct{}) {
	limit := cmpOrDuration(r.PriceWait, time.Minute)
	for {
		select {
		case <-read:
			return
		case <-heard:
		case <-time.After(limit):
			return
		case <-ctx.Done():
			return
		}
	}
}

func (r *Runner) runLane(ctx context.Context, runID string, l lane, record func(Outcome)) error {
	p, work := l.plugin, l.work
	if r.Ended != nil {
		defer r.Ended(p.Binary.Name)
	}
	process, err := p.take(ctx, r.Host)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, w := range work {
			if err := r.fail(ctx, runID, w, w.Ticks, err, record); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() { process.Stop() }()
	for _, w := range work {
		if process.Exited() {
			// A crash costs the work in hand, not the rest of the lane.
			if process, err = r.Host.Start(ctx, p.Binary); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err := r.fail(ctx, runID, w, w.Ticks, err, record); err != nil {
					return err
				}
				continue
			}
		}
		if err := r.runWork(ctx, runID, process, p, w, record); err != nil {
			return err
		}
	}
	return nil
}
