package ingest

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// commit stores what one fetch brought, all its ticks in one transaction. A tick
// that brought nothing, or what cannot be stored, is written down as failed and
// does not take the others with it.
func (r *Runner) commit(ctx context.Context, rd *reading, record func(Outcome)) error {
	var results []store.TaskResult
	var outcomes []Outcome
	memory, err := r.previous(ctx, rd)
	if err != nil {
		return err
	}
	for i, tick := range rd.ticks {
		observed, failures := rd.got.observed[i], rd.got.failures[i]
		if len(observed) == 0 && (rd.fetchErr != nil || worst(failures) != "") {
			cause := rd.fetchErr
			if cause == nil {
				cause = failure(failures, rd.session)
			}
			if err := r.fail(ctx, rd.runID, rd.work, []time.Time{tick}, cause, record); err != nil {
				return err
			}
			continue
		}
		res, out := r.result(rd, i, memory)
		results, outcomes = append(results, res), append(outcomes, out)
	}
	if err := r.correct(ctx, rd.work, results); err != nil {
		return err
	}
	if _, err := r.Store.CommitAll(ctx, results); err == nil {
		for _, out := range outcomes {
			record(out)
		}
		return nil
	} else if ctx.Err() != nil || errors.Is(err, store.ErrDisk) {
		return err // the ticks stay due, without an attempt more: they are not at fault
	}
	// One by one, so that the culprit shows. When it is the database that is broken,
	// the failure cannot be written down either, and that ends the run.
	for i, res := range results {
		if _, err := r.Store.Commit(ctx, res); err != nil {
			if ctx.Err() != nil || errors.Is(err, store.ErrDisk) {
				return err
			}
			cause := sdk.Errorf(sdk.KindInternal, "what was read cannot be stored: %w", err)
			if err := r.fail(ctx, rd.runID, rd.work, []time.Time{res.Task.Tick}, cause, record); err != nil {
				return err
			}
			continue
		}
		record(outcomes[i])
	}
	return nil
}

// result turns what was read at one anchor into facts, and says what that makes of
// the task.
func (r *Runner) result(rd *reading, i int, memory *memory) (store.TaskResult, Outcome) {
	w, tick, anchor := rd.work, rd.ticks[i], rd.anchors[i]
	observed, failures := rd.got.observed[i], rd.got.failures[i]
	in := transforms.Input{
		Anchors: []sdk.Anchor{anchor}, Observations: observed, Tokens: r.Tokens,
		Previous: memory.at(i, anchor.Time),
	}
	var stats gateway.SessionStats
	if rd.session != nil {
		in.SeenDigest = func(d string) bool { _, ok := rd.session.Seen(d); return ok }
		in.Session.Quality, in.Session.Note = rd.session.Note()
		stats = rd.session.Stats()
	}
	facts := transforms.Normalise(in)
	memory.add(in.Previous, facts.Metrics)
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
		res.Task.NextTry, more = r.nextTry(w, tick, res.Task.ErrorClass)
		res.Task.Error += more
	}
	return res, Outcome{
		Series: w.Series, Tick: tick, State: res.Task.State, Kind: res.Task.ErrorClass, Message: res.Task.Error,
		Rows: kept, Rejects: len(facts.Rejects), Requests: int(res.Task.Requests),
		Calls: int(share(int64(stats.Calls), len(rd.anchors), i)), Took: now.Sub(rd.started),
	}
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

// memory holds the past of every series before each anchor of a reading: what is
// stored, and what earlier anchors of the reading brought.
type memory struct {
	stored []map[transforms.Key]transforms.Last // by anchor
	fresh  map[transforms.Key]transforms.Last
}

func (r *Runner) previous(ctx context.Context, rd *reading) (*memory, error) {
	var ids []sdk.TokenID
	moments := make([]time.Time, len(rd.anchors))
	for i, a := range rd.anchors {
		moments[i] = a.Time
		for _, o := range rd.got.observed[i] {
			if !slices.Contains(ids, o.Token) {
				ids = append(ids, o.Token)
			}
		}
	}
	stored, err := r.Store.PreviousAt(ctx, ids, moments)
	return &memory{stored, map[transforms.Key]transforms.Last{}}, err
}

func (m *memory) at(i int, moment time.Time) map[transforms.Key]transforms.Last {
	all := m.stored[i]
	for k, last := range m.fresh {
		if last.Seen.Before(moment) && last.Seen.After(all[k].Seen) {
			all[k] = last
		}
	}
	return all
}

// exactLimit is what value_exact cannot hold.
var exactLimit = new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil))

// add keeps what PreviousAt would give once the facts are stored; past is what they
// were judged by.
func (m *memory) add(past map[transforms.Key]transforms.Last, facts []transforms.MetricFact) {
	for _, f := range facts {
		k := transforms.Key{Metric: f.Metric, Token: f.Token, Basis: f.Basis}
		if f.Value == nil || !f.TS.After(past[k].Seen) || new(big.Rat).Abs(f.Value).Cmp(exactLimit) >= 0 {
			continue
		}
		if f.Quality != sdk.QualitySuspect {
			rounded, _ := new(big.Rat).SetString(f.Value.FloatString(18))
			past[k] = past[k].Then(f.TS, rounded)
		}
		past[k] = past[k].Saw(f.TS)
		m.fresh[k] = past[k]
	}
}
