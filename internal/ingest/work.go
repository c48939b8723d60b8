package ingest

import (
	"context"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func taskKey(s Series, tick time.Time) store.TaskKey {
	return store.TaskKey{Job: s.Job, Plugin: s.Plugin, Chain: s.Chain, Tick: tick}
}

// runWork reads the ticks of one piece of work with one Fetch and commits each
// tick by itself. Only trouble with the database or the context is returned.
func (r *Runner) runWork(ctx context.Context, runID string, process *host.Process, p *Plugin, w Work, record func(Outcome)) error {
	started := r.now()
	keys := make([]store.TaskKey, len(w.Ticks))
	for i, tick := range w.Ticks {
		keys[i] = taskKey(w.Series, tick)
	}
	if err := r.Store.MarkRunning(ctx, keys, runID, started); err != nil {
		return err
	}

	need, _ := p.need(w.Chain)
	ticks, anchors, err := r.anchor(ctx, runID, need, w, record)
	if err != nil || len(anchors) == 0 {
		return err
	}

	var session *gateway.Session
	endpoint := ""
	if !need.Offline {
		session, err = r.Gateway.Open(ctx, gateway.Scope{Chain: w.Chain, Plugin: w.Plugin, Tick: ticks[0]})
		if err != nil {
			return r.fail(ctx, runID, w.Series, ticks, err, record)
		}
		defer session.Close()
		endpoint = session.URL()
	}

	fetchCtx, cancel := context.WithTimeout(ctx, cmpOrDuration(w.Timeout, 5*time.Minute))
	defer cancel()
	got := newCollector(len(anchors), func(done, total int) {
		if r.Progress != nil {
			r.Progress(w.Series, done, total)
		}
	})
	fetchErr := process.Fetch(fetchCtx, sdk.Request{
		Chain: w.Chain, Anchors: anchors, Endpoint: endpoint, Options: w.Options, Tokens: w.Tokens,
	}, got)
	if ctx.Err() != nil {
		return ctx.Err() // stopped by the person: the ticks stay due
	}
	if fetchErr != nil && session != nil {
		fetchErr = withCause(fetchErr, session.Err())
	}

	for i, anchor := range anchors {
		out, err := r.commit(ctx, runID, p, w.Series, ticks[i], anchor, session, need.Offline, got.observed[i], got.failures[i], fetchErr, started, len(anchors))
		if err != nil {
			return err
		}
		record(out)
	}
	return nil
}

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
	known := map[time.Time]sdk.Anchor{}
	failed := map[time.Time]error{}
	var missing []time.Time
	for _, tick := range w.Ticks {
		a, ok, err := r.knownAnchor(ctx, need, w.Chain, tick)
		switch {
		case err != nil:
			return nil, nil, err
		case ok:
			known[tick] = a
		default:
			missing = append(missing, tick)
		}
	}
	if len(missing) > 0 {
		found, errs := r.Gateway.Anchors(ctx, w.Chain, missing)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		for i, tick := range missing {
			if errs[i] != nil {
				failed[tick] = errs[i]
				continue
			}
			a := found[i]
			if !need.ReadsPast && a.Time.After(a.Tick) {
				// The chain answers only for now, which may be well after the tick (the
				// planner has made sure that it is the newest one). The rows carry the
				// time they were really read at.
				a.Tick = a.Time
			}
			known[tick] = r.agree(w.Chain, tick, a)
		}
	}
	var ticks []time.Time
	var anchors []sdk.Anchor
	for _, tick := range w.Ticks {
		if err := failed[tick]; err != nil {
			if err := r.fail(ctx, runID, w.Series, []time.Time{tick}, err, record); err != nil {
				return nil, nil, err
			}
			continue
		}
		ticks = append(ticks, tick)
		anchors = append(anchors, known[tick])
	}
	return ticks, anchors, nil
}

// agree notes the anchor of a tick. Whoever found it first wins, so that all
// plugins of a run read the same block.
func (r *Runner) agree(chain sdk.ChainID, tick time.Time, a sdk.Anchor) sdk.Anchor {
	r.anchorMu.Lock()
	defer r.anchorMu.Unlock()
	key := anchorKey{chain, tick}
	if first, ok := r.anchors[key]; ok {
		return first
	}
	if r.anchors == nil {
		r.anchors = map[anchorKey]sdk.Anchor{}
	}
	r.anchors[key] = a
	return a
}

// knownAnchor reuses the anchor this run, or an earlier one, agreed on for the
// tick, so that a plugin added later, or tried again, reads the same block as the
// rest. A recording run asks anew, or the recording would lack the anchor.
func (r *Runner) knownAnchor(ctx context.Context, need sdk.ChainNeed, chain sdk.ChainID, tick time.Time) (sdk.Anchor, bool, error) {
	r.anchorMu.Lock()
	a, ok := r.anchors[anchorKey{chain, tick}]
	r.anchorMu.Unlock()
	if ok || r.Recording {
		return a, ok, nil
	}
	if !need.ReadsPast {
		return sdk.Anchor{}, false, nil
	}
	tasks, err := r.Store.Tasks(ctx, store.TaskFilter{
		Chain: chain, From: tick, To: tick, Finality: sdk.Finalized, States: []string{store.StateHave, store.StatePartial},
	})
	if err != nil {
		return sdk.Anchor{}, false, err
	}
	for _, t := range tasks {
		if t.AnchorHeight != 0 {
			return sdk.Anchor{
				Chain: chain, Height: t.AnchorHeight, Hash: t.AnchorHash, Time: t.AnchorTime,
				Finality: t.Finality, Tick: tick,
			}, true, nil
		}
	}
	return sdk.Anchor{}, false, nil
}

// commit turns what was read at one anchor into facts and stores them.
func (r *Runner) commit(ctx context.Context, runID string, p *Plugin, s Series, tick time.Time, anchor sdk.Anchor, session *gateway.Session,
	offline bool, observed []sdk.Observation, failures []sdk.Failure, fetchErr error, started time.Time, anchors int,
) (Outcome, error) {
	out := Outcome{Series: s, Tick: tick}
	if len(observed) == 0 && (fetchErr != nil || worst(failures) != "") {
		cause := fetchErr
		if cause == nil {
			cause = failure(failures)
		}
		err := r.fail(ctx, runID, s, []time.Time{tick}, cause, func(o Outcome) { out = o })
		return out, err
	}

	in := transforms.Input{
		Anchors: []sdk.Anchor{anchor}, Observations: observed, Tokens: r.Tokens,
		PriceAt: r.priceAt(ctx),
	}
	var err error
	if in.Previous, err = r.previous(ctx, observed, anchor.Time); err != nil {
		return out, err
	}
	var stats gateway.SessionStats
	if session != nil {
		in.SeenDigest = func(d string) bool { _, ok := session.Seen(d); return ok }
		in.Session.Quality, in.Session.Note = session.Note()
		stats = session.Stats()
	}
	facts := transforms.Normalise(in)

	now := r.now()
	res := store.TaskResult{
		Task: store.Task{
			TaskKey: taskKey(s, tick), State: store.StateHave, RunID: runID,
			AnchorHeight: anchor.Height, AnchorHash: anchor.Hash, AnchorTime: anchor.Time, Finality: anchor.Finality,
			Requests: int64(stats.Requests) / int64(anchors), StartedAt: started, EndedAt: now,
		},
		KnownAt: now, PluginVersion: p.Description.Version, PluginSHA256: p.Binary.SHA256,
		Metrics: facts.Metrics, Prices: facts.Prices, Quotes: facts.ExitQuotes,
		Operators: facts.OperatorStakes, Epochs: facts.Epochs, Rejects: facts.Rejects,
	}
	for _, o := range observed {
		row := store.Observation{Observation: o, Finality: anchor.Finality, FetchedAt: now}
		if o.At != nil {
			row.At = *o.At
		} else {
			row.At = sdk.Position{Height: anchor.Height, Hash: anchor.Hash, Time: anchor.Time, Epoch: anchor.Epoch, EpochStart: anchor.EpochStart}
		}
		if session != nil {
			row.Endpoint, _ = session.Seen(o.Source.Digest)
			if row.Endpoint == "" && len(stats.Aliases) == 1 {
				row.Endpoint = stats.Aliases[0]
			}
		}
		res.Observations = append(res.Observations, row)
	}

	kept := len(facts.Metrics) + len(facts.Prices) + len(facts.ExitQuotes) + len(facts.OperatorStakes)
	switch {
	case fetchErr != nil:
		res.Task.State, res.Task.ErrorClass, res.Task.Error = store.StatePartial, sdk.KindOf(fetchErr), fetchErr.Error()
	case worst(failures) != "":
		res.Task.State, res.Task.ErrorClass, res.Task.Error = store.StatePartial, worst(failures), failure(failures).Error()
	case kept == 0 && len(facts.Rejects) > 0:
		res.Task.State, res.Task.ErrorClass, res.Task.Error = store.StateQuarantined, sdk.KindInternal, facts.Rejects[0].Reason
	case len(failures) > 0: // nothing to read yet is not an alarm, but it is written down
		res.Task.ErrorClass, res.Task.Error = sdk.KindNoData, failure(failures).Error()
	}
	if res.Task.State == store.StatePartial {
		res.Task.NextTry = now.Add(backoff(1))
	}
	if _, err := r.Store.Commit(ctx, res); err != nil {
		return out, err
	}
	out.State, out.Kind, out.Message = res.Task.State, res.Task.ErrorClass, res.Task.Error
	out.Rows, out.Rejects, out.Requests = kept, len(facts.Rejects), int(res.Task.Requests)
	out.Took = now.Sub(started)
	return out, nil
}

func (r *Runner) previous(ctx context.Context, observed []sdk.Observation, before time.Time) (map[transforms.Key]transforms.Last, error) {
	var ids []sdk.TokenID
	for _, o := range observed {
		if !slices.Contains(ids, o.Token) {
			ids = append(ids, o.Token)
		}
	}
	return r.Store.Previous(ctx, ids, before)
}

// priceAt values a TVL with the newest stored USD price; a failed look-up means
// unknown, and the derived fact then says so.
func (r *Runner) priceAt(ctx context.Context) func(sdk.TokenID, time.Time) *big.Rat {
	return func(asset sdk.TokenID, ts time.Time) *big.Rat {
		price, err := r.Store.PriceUSD(ctx, asset, ts)
		if err != nil {
			r.Log.Warn("USD price not readable; USD values of this tick stay unknown", "asset", asset, "error", err)
			return nil
		}
		return price
	}
}

// withCause puts the gateway's trouble beside the plugin's error. The gateway
// knows better what kind it is, and the plugin what it was doing.
func withCause(err, gatewayErr error) error {
	if gatewayErr == nil {
		return err
	}
	return sdk.Errorf(sdk.KindOf(gatewayErr), "%w (the gateway says: %w)", err, gatewayErr)
}

// worst is the kind of the failures that asks for another try; "" if all of them
// only say that there is nothing to read yet.
func worst(failures []sdk.Failure) sdk.Kind {
	var kind sdk.Kind
	for _, f := range failures {
		if f.Kind == sdk.KindNoData {
			continue
		}
		if kind == "" || f.Kind == sdk.KindTransient {
			kind = f.Kind
		}
	}
	return kind
}

// failure joins failures into one error of the worst kind.
func failure(failures []sdk.Failure) error {
	kind := worst(failures)
	if kind == "" {
		kind = sdk.KindNoData
	}
	var parts []string
	for _, f := range failures {
		msg := f.Message
		if f.Token != "" {
			msg = string(f.Token) + ": " + msg
		}
		parts = append(parts, msg)
	}
	return sdk.Errorf(kind, "%s", strings.Join(parts, "; "))
}

func cmpOrDuration(v, d time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return d
}
