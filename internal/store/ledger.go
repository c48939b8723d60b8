package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// States of a task in the ledger.
const (
	StateDue           = "due"
	StateRunning       = "running"
	StateHave          = "have"
	StatePartial       = "partial"
	StateFailed        = "failed"
	StateQuarantined   = "quarantined"
	StateUnrecoverable = "unrecoverable"
	StateSuperseded    = "superseded"
)

// TaskKey names one line of the ledger. Tick counts in microseconds, UTC.
type TaskKey struct {
	Job    string
	Plugin string
	Chain  sdk.ChainID
	Tick   time.Time
}

func (k TaskKey) String() string {
	return fmt.Sprintf("job %s, plugin %s on %s at %s", k.Job, k.Plugin, k.Chain, k.Tick.UTC().Format(time.RFC3339))
}

// Task is a row of ingest_task. Zero values mean none.
type Task struct {
	TaskKey
	State string
	// Attempts counts attempts that came to an end. Commit and FailTask add one;
	// what a caller puts here is not written.
	Attempts     int
	NextTry      time.Time
	ErrorClass   sdk.Kind
	Error        string
	RunID        string
	AnchorHeight uint64
	AnchorHash   string
	AnchorTime   time.Time
	Finality     sdk.Finality
	// Rows and Rejects count the facts and the refused rows of the task, stored
	// before or not. Commit counts them itself.
	Rows      int64
	Rejects   int64
	Requests  int64
	StartedAt time.Time
	EndedAt   time.Time
}

// TaskFilter narrows Tasks. Zero fields do not narrow.
type TaskFilter struct {
	Job      string
	Plugin   string
	Chain    sdk.ChainID
	States   []string
	Finality sdk.Finality
	RunID    string
	From, To time.Time // ticks in [From, To]
	// TryBy leaves out tasks whose next try is later.
	TryBy time.Time
	// Newest orders by falling tick; the default is rising.
	Newest bool
	Limit  int
}

// Tasks reads the ledger, by tick, then job, plugin and chain.
func (s *Store) Tasks(ctx context.Context, f TaskFilter) ([]Task, error) {
	var where []string
	var args []any
	cond := func(text string, arg any) {
		where = append(where, text)
		args = append(args, arg)
	}
	if f.Job != "" {
		cond("job = ?", f.Job)
	}
	if f.Plugin != "" {
		cond("plugin = ?", f.Plugin)
	}
	if f.Chain != "" {
		cond("chain_id = ?", string(f.Chain))
	}
	if f.Finality != "" {
		cond("finality = ?", string(f.Finality))
	}
	if f.RunID != "" {
		cond("run_id = ?", f.RunID)
	}
	if !f.From.IsZero() {
		cond("tick >= ?", utc(f.From))
	}
	if !f.To.IsZero() {
		cond("tick <= ?", utc(f.To))
	}
	if !f.TryBy.IsZero() {
		cond("coalesce(next_try <= ?, true)", utc(f.TryBy))
	}
	if len(f.States) > 0 {
		where = append(where, "state IN ("+strings.TrimSuffix(strings.Repeat("?,", len(f.States)), ",")+")")
		for _, st := range f.States {
			args = append(args, st)
		}
	}
	q := `SELECT job, plugin, chain_id, tick, state, attempts, next_try, error_class, error, run_id,
	             anchor_height, anchor_hash, anchor_ts, finality, rows, rejects, requests, started_at, ended_at
	      FROM ingest_task`
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	direction := ""
	if f.Newest {
		direction = " DESC"
	}
	q += " ORDER BY tick" + direction + ", job, plugin, chain_id"
	if f.Limit > 0 {
		q += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	rows, err := s.DB().QueryContext(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	var list []Task
	for rows.Next() {
		var t Task
		var class, text, run, hash, finality sql.NullString
		var height sql.Null[uint64]
		var next, anchor, started, ended sql.NullTime
		err := rows.Scan(&t.Job, &t.Plugin, &t.Chain, &t.Tick, &t.State, &t.Attempts, &next, &class, &text, &run,
			&height, &hash, &anchor, &finality, &t.Rows, &t.Rejects, &t.Requests, &started, &ended)
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		t.NextTry, t.AnchorTime, t.StartedAt, t.EndedAt = next.Time, anchor.Time, started.Time, ended.Time
		t.ErrorClass, t.Error, t.RunID = sdk.Kind(class.String), text.String, run.String
		t.AnchorHeight, t.AnchorHash, t.Finality = height.V, hash.String, sdk.Finality(finality.String)
		list = append(list, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return list, nil
}

const keyColumns = "job VARCHAR, plugin VARCHAR, chain_id VARCHAR, tick TIMESTAMP"

func (s *Store) stageKeys(ctx context.Context, conn *sql.Conn, keys []TaskKey) error {
	return stage(ctx, conn, "stage_key", keyColumns, len(keys), func(i int, c []driver.Value) error {
		c[0], c[1], c[2], c[3] = keys[i].Job, keys[i].Plugin, string(keys[i].Chain), utc(keys[i].Tick)
		return nil
	})
}

// PutTasks writes tasks that the ledger does not have yet as due, and leaves those
// it has alone. It returns how many were new.
func (s *Store) PutTasks(ctx context.Context, keys []TaskKey) (added int64, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	err = s.write(ctx, "write due tasks", func(ctx context.Context, conn *sql.Conn) error {
		if err := s.stageKeys(ctx, conn, keys); err != nil {
			return err
		}
		added, err = affected(conn.ExecContext(ctx,
			`INSERT INTO ingest_task (job, plugin, chain_id, tick, state)
			 SELECT DISTINCT job, plugin, chain_id, tick, 'due' FROM stage_key ORDER BY tick
			 ON CONFLICT DO NOTHING`))
		if err != nil {
			return err
		}
		return unstage(ctx, conn, "stage_key")
	})
	return added, err
}

// CloseTasks ends tasks without reading them: state is StateUnrecoverable,
// StateSuperseded or another end, why says why in words. Tasks the ledger does not
// have yet are written, so that no tick is missing from it. Tasks that have their
// rows are left as they are.
func (s *Store) CloseTasks(ctx context.Context, keys []TaskKey, runID, state string, class sdk.Kind, why string, now time.Time) error {
	if why == "" {
		return errors.New("close tasks: a reason is required")
	}
	return s.upsertTasks(ctx, "close tasks", keys,
		`INSERT INTO ingest_task (job, plugin, chain_id, tick, state, error_class, error, run_id, ended_at)
		 SELECT DISTINCT job, plugin, chain_id, tick, ?, ?, ?, ?, ?::TIMESTAMP FROM stage_key
		 ON CONFLICT DO UPDATE SET state = excluded.state, error_class = excluded.error_class, error = excluded.error,
		    run_id = excluded.run_id, ended_at = excluded.ended_at, next_try = NULL
		    WHERE ingest_task.state NOT IN ('have', 'partial')`,
		state, orNull(string(class)), why, orNull(runID), utc(now))
}

// MarkUnrecoverable closes tasks whose values can never be read again.
func (s *Store) MarkUnrecoverable(ctx context.Context, keys []TaskKey, runID, why string, now time.Time) error {
	return s.CloseTasks(ctx, keys, runID, StateUnrecoverable, sdk.KindUnrecoverable, why, now)
}

func (s *Store) upsertTasks(ctx context.Context, doing string, keys []TaskKey, insert string, args ...any) error {
	if len(keys) == 0 {
		return nil
	}
	return s.write(ctx, doing, func(ctx context.Context, conn *sql.Conn) error {
		if err := s.stageKeys(ctx, conn, keys); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, insert, args...); err != nil {
			return err
		}
		return unstage(ctx, conn, "stage_key")
	})
}

// FailTask writes down that an attempt failed: state (StateFailed, or an end such
// as StateUnrecoverable), class and message, one attempt more, and the next try
// after backoff(attempts). backoff may be nil: no next try is set, the task may be
// tried at once. The counts and the anchor of an earlier attempt stay, so a task
// that failed to be read again still shows the rows it has.
func (s *Store) FailTask(ctx context.Context, key TaskKey, runID, state string, class sdk.Kind, message string, now time.Time, backoff func(attempts int) time.Duration) error {
	return s.write(ctx, "write down a failed task", func(ctx context.Context, conn *sql.Conn) error {
		attempts := 0
		err := conn.QueryRowContext(ctx, `SELECT attempts FROM ingest_task WHERE job = ? AND plugin = ? AND chain_id = ? AND tick = ?`,
			key.Job, key.Plugin, string(key.Chain), utc(key.Tick)).Scan(&attempts)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		attempts++
		var next any
		if backoff != nil && state == StateFailed {
			next = utc(now.Add(backoff(attempts)))
		}
		_, err = conn.ExecContext(ctx,
			`INSERT INTO ingest_task (job, plugin, chain_id, tick, state, attempts, next_try, error_class, error, run_id, ended_at)
			 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			 ON CONFLICT DO UPDATE SET state = excluded.state, attempts = excluded.attempts, next_try = excluded.next_try,
			    error_class = excluded.error_class, error = excluded.error, run_id = excluded.run_id, ended_at = excluded.ended_at`,
			key.Job, key.Plugin, string(key.Chain), utc(key.Tick), state, attempts, next,
			orNull(string(class)), message, orNull(runID), utc(now))
		if err != nil {
			return err
		}
		return countTasks(ctx, conn, runID, 1, 0, 0, 0)
	})
}

// countTasks adds finished tasks to their run.
func countTasks(ctx context.Context, conn *sql.Conn, runID string, tasks, ok, rows, rejects int64) error {
	if runID == "" {
		return nil
	}
	_, err := conn.ExecContext(ctx,
		`UPDATE ingest_run SET tasks = tasks + ?, tasks_ok = tasks_ok + ?, rows = rows + ?, rejects = rejects + ? WHERE run_id = ?`,
		tasks, ok, rows, rejects, runID)
	return err
}
