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
	if err == nil {
		s.live.Store(id.String(), nil)
	}
	return id.String(), err
}

// Live reports whether a run is under way in this process. What another run has in
// hand is to be left alone; what one left running that is not live may be taken.
func (s *Store) Live(runID string) bool {
	_, live := s.live.Load(runID)
	return live
}

// EndRun closes a run with its status and, if there is one, its error. The run is not
// live any more, even if that could not be written.
func (s *Store) EndRun(ctx context.Context, runID, status string, cause error, now time.Time) error {
	defer s.live.Delete(runID)
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
