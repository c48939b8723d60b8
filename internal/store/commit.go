package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// Observation is one raw row: what a plugin said, where and when it was so, and
// through which endpoint it was read.
type Observation struct {
	sdk.Observation
	// At is the point the value belongs to: the anchor's, or the observation's own
	// where it names one. Time is required. It replaces the embedded At.
	At       sdk.Position
	Finality sdk.Finality
	// Endpoint is the configured alias, never a URL; empty when none was involved.
	Endpoint  string
	FetchedAt time.Time // zero: KnownAt of the result
}

// TaskResult is everything one task writes, in one transaction.
type TaskResult struct {
	// Task is the key and the ledger row as it is to be after the commit. Its RunID
	// marks every row.
	Task Task
	// KnownAt is when this warehouse learned the facts.
	KnownAt       time.Time
	PluginVersion string
	PluginSHA256  string

	Observations []Observation
	// Facts name observations by their index in Observations.
	Metrics   []transforms.MetricFact
	Prices    []transforms.PriceFact
	Quotes    []transforms.ExitQuote
	Operators []transforms.OperatorStake
	Events    []transforms.Event
	Epochs    []transforms.Epoch
	Rejects   []transforms.Reject
}

// CommitStats says what a commit really added.
type CommitStats struct {
	Observations int64 // new raw rows
	Facts        int64 // new facts and new versions, of all fact tables
	Restated     int64 // the part of Facts that are new versions of known keys
	Rejects      int64 // new rows in quarantine
	Epochs       int64
	// Collapsed counts facts given more than once in the batch for one key.
	Collapsed int64
}

// Commit writes the result of a task: raw observations, facts, quarantine, epochs
// and the ledger row, all or nothing.
//
// Rows the warehouse already has are not written again: an observation is known if
// the same plugin binary read the same value at the same place, a fact if the
// newest version of its key has the same value, quality and reason. So a second
// commit of the same result changes the ledger row only. A fact that differs
// becomes a new version; if it names no reason, the reason says what it was.
//
// Several facts of one key in a batch are collapsed to the most trustworthy; one
// that contradicts it goes to quarantine (check "conflict").
func (s *Store) Commit(ctx context.Context, res TaskResult) (CommitStats, error) {
	var stats CommitStats
	if err := checkResult(res); err != nil {
		return stats, err
	}
	err := s.write(ctx, "commit "+res.Task.TaskKey.String(), func(ctx context.Context, conn *sql.Conn) error {
		stats = CommitStats{}
		ids, fresh, err := insertObservations(ctx, conn, res)
		if err != nil {
			return fmt.Errorf("raw observations: %w", err)
		}
		stats.Observations = fresh

		batch := batch{result: res, obsIDs: ids}
		rejects := append([]transforms.Reject(nil), res.Rejects...)
		var kept int64
		for _, t := range batch.tables() {
			rejects = append(rejects, t.conflicts...)
			stats.Collapsed += t.collapsed
			kept += int64(t.n)
			added, restated, err := insertFacts(ctx, conn, t, res)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			stats.Facts += added
			stats.Restated += restated
		}
		events, err := insertEvents(ctx, conn, res)
		if err != nil {
			return fmt.Errorf("events: %w", err)
		}
		stats.Facts += events
		if stats.Epochs, err = insertEpochs(ctx, conn, res); err != nil {
			return fmt.Errorf("epochs: %w", err)
		}
		if stats.Rejects, err = insertRejects(ctx, conn, res, rejects, ids); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		res.Task.Rows, res.Task.Rejects = kept+int64(len(res.Events)), int64(len(rejects))
		if err := writeTask(ctx, conn, res.Task); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		var ok int64
		if res.Task.State == StateHave {
			ok = 1
		}
		return countTask(ctx, conn, res.Task.RunID, ok, stats.Facts, stats.Rejects)
	})
	if err != nil {
		return CommitStats{}, err
	}
	return stats, nil
}

// checkResult refuses what would break a rule of the schema, before a transaction
// is begun.
func checkResult(res TaskResult) error {
	t := res.Task
	switch {
	case t.Job == "" || t.Plugin == "" || t.Chain == "" || t.Tick.IsZero():
		return fmt.Errorf("commit %s: the task key is incomplete", t.TaskKey)
	case t.State == "" || t.RunID == "":
		return fmt.Errorf("commit %s: state and run id are required", t.TaskKey)
	case res.KnownAt.IsZero():
		return fmt.Errorf("commit %s: known at is required", t.TaskKey)
	}
	var errs []error
	for i, o := range res.Observations {
		switch {
		case o.At.Time.IsZero():
			errs = append(errs, fmt.Errorf("observation %d (%s of %s) has no time", i, o.Metric, o.Token))
		case o.Value == nil && o.Reason == "":
			errs = append(errs, fmt.Errorf("observation %d (%s of %s) is unknown without a reason", i, o.Metric, o.Token))
		case o.Divisor != nil && o.Divisor.Sign() <= 0:
			errs = append(errs, fmt.Errorf("observation %d (%s of %s) has a divisor that is not positive", i, o.Metric, o.Token))
		}
	}
	for _, f := range res.Metrics {
		switch {
		case f.TS.IsZero():
			errs = append(errs, fmt.Errorf("fact %s of %s has no time", f.Metric, f.Token))
		case f.Value == nil && f.Reason == "":
			errs = append(errs, fmt.Errorf("fact %s of %s is unknown without a reason", f.Metric, f.Token))
		}
	}
	for _, f := range res.Prices {
		switch {
		case f.TS.IsZero():
			errs = append(errs, fmt.Errorf("price of %s in %s has no time", f.Base, f.Quote))
		case f.Price == nil && f.Reason == "":
			errs = append(errs, fmt.Errorf("price of %s in %s is unknown without a reason", f.Base, f.Quote))
		}
	}
	for _, f := range res.Quotes {
		if f.TS.IsZero() || f.Size == nil {
			errs = append(errs, fmt.Errorf("exit quote of %s by %s has no time or no size", f.Token, f.Route))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("commit %s: %w", t.TaskKey, errors.Join(errs...))
	}
	return nil
}

// writeTask writes the final ledger row and counts the attempt.
func writeTask(ctx context.Context, conn *sql.Conn, t Task) error {
	_, err := conn.ExecContext(ctx,
		`INSERT INTO ingest_task (job, plugin, chain_id, tick, state, attempts, next_try, error_class, error, run_id,
		        anchor_height, anchor_hash, anchor_ts, finality, rows, rejects, requests, started_at, ended_at)
		 VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		 ON CONFLICT DO UPDATE SET state = excluded.state, attempts = ingest_task.attempts + 1,
		        next_try = excluded.next_try, error_class = excluded.error_class, error = excluded.error,
		        run_id = excluded.run_id, anchor_height = excluded.anchor_height, anchor_hash = excluded.anchor_hash,
		        anchor_ts = excluded.anchor_ts, finality = excluded.finality, rows = excluded.rows,
		        rejects = excluded.rejects, requests = excluded.requests, started_at = excluded.started_at,
		        ended_at = excluded.ended_at`,
		t.Job, t.Plugin, string(t.Chain), utc(t.Tick), t.State, timeOrNull(t.NextTry), orNull(string(t.ErrorClass)), orNull(t.Error), t.RunID,
		uintOrNull(t.AnchorHeight), orNull(t.AnchorHash), timeOrNull(t.AnchorTime), orNull(string(t.Finality)),
		t.Rows, t.Rejects, t.Requests, timeOrNull(t.StartedAt), timeOrNull(t.EndedAt))
	return err
}
