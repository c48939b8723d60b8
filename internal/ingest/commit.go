package ingest

import (
	"context"
	"math/big"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// commit turns what was read at one anchor into facts and stores them.
func (r *Runner) commit(ctx context.Context, rd *reading, i int) (Outcome, error) {
	w, tick, anchor := rd.work, rd.ticks[i], rd.anchors[i]
	observed, failures := rd.got.observed[i], rd.got.failures[i]
	out := Outcome{Series: w.Series, Tick: tick}
	if len(observed) == 0 && (rd.fetchErr != nil || worst(failures) != "") {
		cause := rd.fetchErr
		if cause == nil {
			cause = failure(failures, rd.session)
		}
		return r.failTick(ctx, rd.runID, w, tick, cause)
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
	if rd.session != nil {
		in.SeenDigest = func(d string) bool { _, ok := rd.session.Seen(d); return ok }
		in.Session.Quality, in.Session.Note = rd.session.Note()
		stats = rd.session.Stats()
	}
	facts := transforms.Normalise(in)
	for _, f := range failures {
		if why := contradicted(f, rd.session); why != "" {
			facts.Rejects = append(facts.Rejects, disagreement(f.Token, anchor.Time, why))
		}
	}

	now := r.now()
	res := store.TaskResult{
		Task: store.Task{
			TaskKey: taskKey(w.Series, tick), State: store.StateHave, RunID: rd.runID,
			AnchorHeight: anchor.Height, AnchorHash: anchor.Hash, AnchorTime: anchor.Time, Finality: anchor.Finality,
			Requests: share(int64(stats.Requests), len(rd.anchors), i), StartedAt: rd.started, EndedAt: now,
		},
		KnownAt: now, PluginVersion: rd.plugin.Description.Version, PluginSHA256: rd.plugin.Binary.SHA256,
		Metrics: facts.Metrics, Prices: facts.Prices, Quotes: facts.ExitQuotes,
		Operators: facts.OperatorStakes, Epochs: facts.Epochs, Rejects: facts.Rejects,
		Observations: rows(observed, anchor, rd.session, stats.Aliases, now),
	}
	kept := len(facts.Metrics) + len(facts.Prices) + len(facts.ExitQuotes) + len(facts.OperatorStakes)
	switch {
	case rd.fetchErr != nil:
		res.Task.State, res.Task.ErrorClass, res.Task.Error = store.StatePartial, sdk.KindOf(rd.fetchErr), rd.fetchErr.Error()
	case worst(failures) != "":
		res.Task.State, res.Task.ErrorClass, res.Task.Error = store.StatePartial, worst(failures), failure(failures, rd.session).Error()
	case kept == 0 && len(facts.Rejects) > 0:
		res.Task.State, res.Task.ErrorClass, res.Task.Error = store.StateQuarantined, sdk.KindInternal, facts.Rejects[0].Reason
	case len(failures) > 0: // nothing to read yet is not an alarm, but it is written down
		res.Task.ErrorClass, res.Task.Error = sdk.KindNoData, failure(failures, rd.session).Error()
	}
	if res.Task.State == store.StatePartial {
		var more string
		res.Task.NextTry, more = r.nextTry(w, tick)
		res.Task.Error += more
	}
	if err := r.correct(ctx, w, &res); err != nil {
		return out, err
	}
	if _, err := r.Store.Commit(ctx, res); err != nil {
		return out, err
	}
	out.State, out.Kind, out.Message = res.Task.State, res.Task.ErrorClass, res.Task.Error
	out.Rows, out.Rejects, out.Requests = kept, len(facts.Rejects), int(res.Task.Requests)
	out.Took = now.Sub(rd.started)
	return out, nil
}

// rows puts observations where and how they were read. The endpoint of one whose
// digest says nothing is known if all answers came from the same.
func rows(observed []sdk.Observation, anchor sdk.Anchor, session *gateway.Session, aliases []string, now time.Time) []store.Observation {
	list := make([]store.Observation, len(observed))
	for i, o := range observed {
		row := store.Observation{Observation: o, Finality: anchor.Finality, FetchedAt: now}
		if o.At != nil {
			row.At = *o.At
		} else {
			row.At = sdk.Position{Height: anchor.Height, Hash: anchor.Hash, Time: anchor.Time, Epoch: anchor.Epoch, EpochStart: anchor.EpochStart}
		}
		if session != nil {
			row.Endpoint, _ = session.Seen(o.Source.Digest)
			if row.Endpoint == "" && len(aliases) == 1 {
				row.Endpoint = aliases[0]
			}
		}
		list[i] = row
	}
	return list
}

// share is the i-th of n parts of a total; the parts add up to it.
func share(total int64, n, i int) int64 {
	part := total / int64(n)
	if int64(i) < total%int64(n) {
		part++
	}
	return part
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
