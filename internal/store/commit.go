package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
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
	return s.CommitAll(ctx, []TaskResult{res})
}

// CommitAll is Commit for several tasks of one run in one transaction, which costs
// little more than one. KnownAt of the first counts for all.
func (s *Store) CommitAll(ctx context.Context, results []TaskResult) (CommitStats, error) {
	var stats CommitStats
	if len(results) == 0 {
		return stats, nil
	}
	for _, res := range results {
		if err := checkResult(res); err != nil {
			return stats, err
		}
		if res.Task.RunID != results[0].Task.RunID {
			return stats, fmt.Errorf("commit %s: together with a task of another run", res.Task.TaskKey)
		}
	}
	doing := "commit " + results[0].Task.TaskKey.String()
	if n := len(results) - 1; n > 0 {
		doing += fmt.Sprintf(" and %d more", n)
	}
	err := s.write(ctx, doing, func(ctx context.Context, conn *sql.Conn) (err error) {
		stats, err = commitAll(ctx, conn, results)
		return err
	})
	if err != nil {
		return CommitStats{}, err
	}
	return stats, nil
}

func commitAll(ctx context.Context, conn *sql.Conn, results []TaskResult) (stats CommitStats, err error) {
	ids, fresh, err := insertObservations(ctx, conn, results)
	if err != nil {
		return stats, fmt.Errorf("raw observations: %w", err)
	}
	stats.Observations = fresh

	all, starts := merge(results)
	rejects := make([][]transforms.Reject, len(results))
	for i, res := range results {
		rejects[i] = append(rejects[i], res.Rejects...)
	}
	for _, t := range (batch{result: all, obsIDs: ids}).tables() {
		for _, c := range t.conflicts {
			i := owner(starts, c.Obs)
			if c.Obs >= 0 {
				c.Obs -= starts[i]
			}
			rejects[i] = append(rejects[i], c)
		}
		stats.Collapsed += t.collapsed
		added, restated, err := insertFacts(ctx, conn, t, all)
		if err != nil {
			return stats, fmt.Errorf("%s: %w", t.name, err)
		}
		stats.Facts += added
		stats.Restated += restated
	}
	events, err := insertEvents(ctx, conn, all)
	if err != nil {
		return stats, fmt.Errorf("events: %w", err)
	}
	stats.Facts += events
	if stats.Epochs, err = insertEpochs(ctx, conn, all); err != nil {
		return stats, fmt.Errorf("epochs: %w", err)
	}
	tasks := make([]Task, len(results))
	var ok int64
	for i, res := range results {
		n, err := insertRejects(ctx, conn, res, rejects[i], ids[starts[i]:])
		if err != nil {
			return stats, fmt.Errorf("quarantine: %w", err)
		}
		stats.Rejects += n
		tasks[i] = res.Task
		tasks[i].Rows, tasks[i].Rejects = res.facts(), int64(len(rejects[i]))
		if res.Task.State == StateHave {
			ok++
		}
	}
	if err := writeTasks(ctx, conn, tasks); err != nil {
		return stats, fmt.Errorf("ledger: %w", err)
	}
	return stats, countTasks(ctx, conn, all.Task.RunID, int64(len(tasks)), ok, stats.Facts, stats.Rejects)
}

// merge puts the facts of several results together. Their observations are numbered
// on; starts are the numbers each result begins with.
func merge(results []TaskResult) (all TaskResult, starts []int) {
	all = TaskResult{Task: results[0].Task, KnownAt: results[0].KnownAt}
	at := 0
	shift := func(obs []int) []int {
		if len(obs) == 0 || at == 0 {
			return obs
		}
		moved := make([]int, len(obs))
		for i, o := range obs {
			moved[i] = o + at
		}
		return moved
	}
	for _, res := range results {
		starts = append(starts, at)
		for _, f := range res.Metrics {
			f.Obs = shift(f.Obs)
			all.Metrics = append(all.Metrics, f)
		}
		for _, f := range res.Prices {
			f.Obs = shift(f.Obs)
			all.Prices = append(all.Prices, f)
		}
		for _, f := range res.Quotes {
			f.Obs = shift(f.Obs)
			all.Quotes = append(all.Quotes, f)
		}
		for _, f := range res.Operators {
			f.Obs = shift(f.Obs)
			all.Operators = append(all.Operators, f)
		}
		all.Events = append(all.Events, res.Events...)
		all.Epochs = append(all.Epochs, res.Epochs...)
		at += len(res.Observations)
	}
	return all, starts
}

// owner is the result an observation of a merged batch belongs to; the first for
// none.
func owner(starts []int, obs int) int {
	i := 0
	for i+1 < len(starts) && starts[i+1] <= obs {
		i++
	}
	return i
}

// facts counts the facts of a result, each key once.
func (res TaskResult) facts() int64 {
	metrics, _, _ := collapse(res.Metrics, metricClaim)
	prices, _, _ := collapse(res.Prices, priceClaim)
	quotes, _, _ := collapse(res.Quotes, quoteClaim)
	operators, _, _ := collapse(res.Operators, operatorClaim)
	return int64(len(metrics) + len(prices) + len(quotes) + len(operators) + len(res.Events))
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

// writeTasks writes final ledger rows and counts the attempts.
func writeTasks(ctx context.Context, conn *sql.Conn, tasks []Task) error {
	const columns = `job VARCHAR, plugin VARCHAR, chain_id VARCHAR, tick TIMESTAMP, state VARCHAR, next_try TIMESTAMP,
		error_class VARCHAR, error VARCHAR, run_id VARCHAR, anchor_height UBIGINT, anchor_hash VARCHAR, anchor_ts TIMESTAMP,
		finality VARCHAR, rows BIGINT, rejects BIGINT, requests BIGINT, started_at TIMESTAMP, ended_at TIMESTAMP`
	err := stage(ctx, conn, "stage_task", columns, len(tasks), func(i int, c []driver.Value) error {
		t := tasks[i]
		copy(c, []driver.Value{
			t.Job, t.Plugin, string(t.Chain), utc(t.Tick), t.State, timeOrNull(t.NextTry),
			orNull(string(t.ErrorClass)), orNull(t.Error), t.RunID, uintOrNull(t.AnchorHeight), orNull(t.AnchorHash), timeOrNull(t.AnchorTime),
			orNull(string(t.Finality)), t.Rows, t.Rejects, t.Requests, timeOrNull(t.StartedAt), timeOrNull(t.EndedAt),
		})
		return nil
	})
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx,
		`INSERT INTO ingest_task BY NAME SELECT *, 1 AS attempts FROM stage_task
		 ON CONFLICT DO UPDATE SET state = excluded.state, attempts = ingest_task.attempts + 1,
		        next_try = excluded.next_try, error_class = excluded.error_class, error = excluded.error,
		        run_id = excluded.run_id, anchor_height = excluded.anchor_height, anchor_hash = excluded.anchor_hash,
		        anchor_ts = excluded.anchor_ts, finality = excluded.finality, rows = excluded.rows,
		        rejects = excluded.rejects, requests = excluded.requests, started_at = excluded.started_at,
		        ended_at = excluded.ended_at`)
	if err != nil {
		return err
	}
	return unstage(ctx, conn, "stage_task")
}
