package ingest

import (
	"context"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// anchor finds the agreed point of the chain for each tick. Ticks without one are
// written down as failed and left out of the result.
func (r *Runner) anchor(ctx context.Context, runID string, need sdk.ChainNeed, w Work, record func(Outcome)) ([]time.Time, []sdk.Anchor, error) {
	if need.Offline {
		anchors := make([]sdk.Anchor, len(w.Ticks))
		for i, tick := range w.Ticks {
			anchors[i] = sdk.Anchor{Chain: w.Chain, Time: tick, Tick: tick, Finality: sdk.Finalized}
		}
		return w.Ticks, anchors, nil
	}
	known, failed, err := r.agree(ctx, need, w)
	if err != nil {
		return nil, nil, err
	}
	var ticks []time.Time
	var anchors []sdk.Anchor
	for _, tick := range w.Ticks {
		if err := failed[tick]; err != nil {
			if err := r.fail(ctx, runID, w, []time.Time{tick}, err, record); err != nil {
				return nil, nil, err
			}
			continue
		}
		ticks = append(ticks, tick)
		anchors = append(anchors, known[tick])
	}
	return ticks, anchors, nil
}

// agree gives every tick the anchor that all plugins of the run share. One caller
// at a time asks for a chain's anchors; the next one finds most of its own known,
// or learns that they were asked for in vain while it waited. Asking takes no
// longer than the work may.
func (r *Runner) agree(ctx context.Context, need sdk.ChainNeed, w Work) (map[time.Time]sdk.Anchor, map[time.Time]error, error) {
	began := r.now()
	chain := w.Chain
	turn := r.turn(chain)
	turn.Lock()
	defer turn.Unlock()
	known, err := r.knownAnchors(ctx, need, chain, w.Ticks)
	if err != nil {
		return nil, nil, err
	}
	var missing []time.Time
	failed := map[time.Time]error{}
	r.anchorMu.Lock()
	for _, tick := range w.Ticks {
		if _, ok := known[tick]; ok {
			continue
		}
		if v, ok := r.inVain[anchorKey{chain, tick}]; ok && !v.at.Before(began) {
			failed[tick] = v.err
			continue
		}
		missing = append(missing, tick)
	}
	r.anchorMu.Unlock()
	if len(missing) == 0 {
		return known, failed, nil
	}
	asking, cancel := context.WithTimeout(ctx, cmpOrDuration(w.Timeout, 5*time.Minute))
	defer cancel()
	found, errs := r.network(w).Anchors(asking, chain, missing)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	r.anchorMu.Lock()
	defer r.anchorMu.Unlock()
	if r.anchors == nil {
		r.anchors = map[anchorKey]sdk.Anchor{}
		r.inVain = map[anchorKey]vain{}
	}
	for i, tick := range missing {
		if errs[i] != nil {
			failed[tick] = errs[i]
			r.inVain[anchorKey{chain, tick}] = vain{errs[i], r.now()}
			continue
		}
		a := found[i]
		if !need.ReadsPast && a.Time.After(a.Tick) {
			// The chain answers only for now, which may be well after the tick (the
			// planner has made sure that it is the newest one). The rows carry the
			// time they were really read at.
			a.Tick = a.Time
		}
		known[tick] = a
		r.anchors[anchorKey{chain, tick}] = a
	}
	return known, failed, nil
}

// turn is the lock under which anchors of a chain are asked for. Chains do not
// wait for each other.
func (r *Runner) turn(chain sdk.ChainID) *sync.Mutex {
	r.anchorMu.Lock()
	defer r.anchorMu.Unlock()
	if r.asking == nil {
		r.asking = map[sdk.ChainID]*sync.Mutex{}
	}
	if r.asking[chain] == nil {
		r.asking[chain] = &sync.Mutex{}
	}
	return r.asking[chain]
}

// knownAnchors reuses the anchors this run, or an earlier one, agreed on, so that a
// plugin added later, or tried again, reads the same block as the rest. A
// provisional anchor of an earlier run is not reused. A recording run asks anew, or
// the recording would lack the anchors.
func (r *Runner) knownAnchors(ctx context.Context, need sdk.ChainNeed, chain sdk.ChainID, ticks []time.Time) (map[time.Time]sdk.Anchor, error) {
	known := map[time.Time]sdk.Anchor{}
	var missing []time.Time
	r.anchorMu.Lock()
	for _, tick := range ticks {
		if a, ok := r.anchors[anchorKey{chain, tick}]; ok {
			known[tick] = a
		} else {
			missing = append(missing, tick)
		}
	}
	r.anchorMu.Unlock()
	if len(missing) == 0 || r.Recording || !need.ReadsPast {
		return known, nil
	}
	stored, err := r.Store.FinalAnchors(ctx, chain, missing)
	if err != nil {
		return nil, err
	}
	for _, tick := range missing {
		if a, ok := stored[tick.UTC()]; ok {
			a.Tick = tick
			known[tick] = a
		}
	}
	return known, nil
}
