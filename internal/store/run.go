package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// Statuses of a run. A run found running by Open becomes interrupted.
const (
	RunRunning     = "running"
	RunOK          = "ok"
	RunPartial     = "partial"
	RunFailed      = "failed"
	RunInterrupted = "interrupted"
)

// StartRun writes a new run and returns its id (a UUID that sorts by time).
// command is what was asked for ("run", "serve", "backfill", "demo"), version the
// pipeline's own.
func (s *Store) StartRun(ctx context.Context, command, version string, now time.Time) (runID string, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	host, _ := os.Hostname() // NULL when the machine has none
	err = s.write(ctx, "start a run", func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx,
			`INSERT INTO ingest_run (run_id, command, started_at, status, host, version) VALUES (?, ?, ?, 'running', ?, ?)`,
			id.String(), command, utc(now), orNull(host), version)
		return err
	})
	return id.String(), err
}

// EndRun closes a run with its status and, if there is one, its error.
func (s *Store) EndRun(ctx context.Context, runID, status string, cause error, now time.Time) error {
	var text any
	if cause != nil {
		text = cause.Error()
	}
	return s.write(ctx, "end a run", func(ctx context.Context, conn *sql.Conn) error {
		n, err := affected(conn.ExecContext(ctx,
			`UPDATE ingest_run SET status = ?, ended_at = ?, error = ? WHERE run_id = ?`, status, utc(now), text, runID))
		if err == nil && n != 1 {
			err = fmt.Errorf("run %s does not exist", runID)
		}
		return err
	})
}
