package ingest

import (
	"context"
	"slices"
)

// lane is the work of one plugin, done in order in one process.
type lane struct {
	plugin *Plugin
	work   []Work
}

// lanes sorts the work by plugin: first those with ticks that can be read only now.
func lanes(plugins []*Plugin, work []Work) []lane {
	byName := map[string][]Work{}
	for _, w := range work {
		byName[w.Plugin] = append(byName[w.Plugin], w)
	}
	var passing, rest []lane
	for _, p := range plugins {
		mine := byName[p.Binary.Name]
		if p.Err != nil || len(mine) == 0 {
			continue
		}
		if slices.ContainsFunc(mine, func(w Work) bool { need, _ := p.need(w.Chain); return !need.ReadsPast && !need.Offline }) {
			passing = append(passing, lane{p, mine})
		} else {
			rest = append(rest, lane{p, mine})
		}
	}
	return append(passing, rest...)
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
