package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func taskKey(s Series, tick time.Time) store.TaskKey {
	return store.TaskKey{Job: s.Job, Plugin: s.Plugin, Chain: s.Chain, Tick: tick}
}

func (w Work) keys() []store.TaskKey {
	keys := make([]store.TaskKey, len(w.Ticks))
	for i, tick := range w.Ticks {
		keys[i] = taskKey(w.Series, tick)
	}
	return keys
}

// reading is what one fetch brought, ready to be committed tick by tick.
type reading struct {
	runID    string
	work     Work
	plugin   *Plugin
	need     sdk.ChainNeed
	session  *gateway.Session // nil if the plugin needs no endpoint
	started  time.Time
	ticks    []time.Time
	anchors  []sdk.Anchor // one a tick
	got      *collector
	fetchErr error
}

// runWork reads the ticks of one piece of work with one Fetch and commits them
// together. Only trouble with the database or the context is returned.
func (r *Runner) runWork(ctx context.Context, runID string, process *host.Process, p *Plugin, w Work, record func(Outcome)) (err error) {
	// Ticks that have their rows keep their state until there is another.
	if !w.Again {
		// A backfill or a retry in the same process may have been quicker.
		var keys []store.TaskKey
		keys, err = r.Store.MarkRunning(ctx, w.keys(), runID, r.now())
		if err != nil || len(keys) == 0 {
			return err
		}
		w.Ticks = w.Ticks[:0:0]
		for _, k := range keys {
			w.Ticks = append(w.Ticks, k.Tick)
		}
		defer func() {
			if err != nil { // nobody else would take them before the next start
				err = also(err, r.Store.ReopenTasks(context.WithoutCancel(ctx), keys, runID, "interrupted: the run was stopped before the tick was stored"))
			}
		}()
	}
	need, _ := p.need(w.Chain)
	rd := reading{runID: runID, work: w, plugin: p, need: need, started: r.now()}
	rd.ticks, rd.anchors, err = r.anchor(ctx, runID, need, w, record)
	if err != nil || len(rd.anchors) == 0 {
		return err
	}

	endpoint := ""
	if !need.Offline {
		rd.session, err = r.network(w).Open(ctx, gateway.Scope{Chain: w.Chain, Plugin: w.Plugin, Tick: rd.ticks[0], Paths: need.Paths})
		if err != nil {
			return r.fail(ctx, runID, w, rd.ticks, err, record)
		}
		defer rd.session.Close()
		endpoint = rd.session.URL()
	}

	fetchCtx, cancel := context.WithTimeout(ctx, cmpOrDuration(w.Timeout, 5*time.Minute))
	defer cancel()
	rd.got = newCollector(len(rd.anchors), func(done, total int) {
		if r.Progress != nil {
			r.Progress(w.Series, done, total)
		}
	})
	rd.fetchErr = process.Fetch(fetchCtx, sdk.Request{
		Chain: w.Chain, Anchors: rd.anchors, Endpoint: endpoint, Options: w.Options, Tokens: w.Tokens,
	}, rd.got)
	if ctx.Err() != nil {
		return ctx.Err() // stopped by the person: the ticks stay due
	}
	if rd.fetchErr != nil && rd.session != nil {
		rd.fetchErr = withCause(rd.fetchErr, rd.session.Err())
	}
	return r.commit(ctx, &rd, record)
}

// also joins an error with one that followed. A disk that cannot be written is
// behind both, and told once.
func also(err, next error) error {
	if errors.Is(err, store.ErrDisk) && errors.Is(next, store.ErrDisk) {
		return err
	}
	return errors.Join(err, next)
}

// withCause puts the gateway's trouble beside the plugin's error. The gateway
// knows better what kind it is, and the plugin what it was doing.
func withCause(err, gatewayErr error) error {
	if gatewayErr == nil {
		return err
	}
	return sdk.Errorf(sdk.KindOf(gatewayErr), "%w (the gateway says: %w)", err, gatewayErr)
}

func cmpOrDuration(v, d time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return d
}
