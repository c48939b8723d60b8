package store

import (
	"context"
	"database/sql"
	"fmt"
)

// recover marks what a dead process left running. Attempts stay as they were: an
// attempt that was cut off is not the source's failure.
func (s *Store) recover(ctx context.Context) error {
	return s.write(ctx, "recover from the last process", func(ctx context.Context, conn *sql.Conn) error {
		var err error
		s.Recovered.Runs, err = affected(conn.ExecContext(ctx,
			`UPDATE ingest_run SET status = 'interrupted', ended_at = ? WHERE status = 'running'`, s.opts.Now().UTC()))
		if err != nil {
			return err
		}
		s.Recovered.Tasks, err = affected(conn.ExecContext(ctx,
			`UPDATE ingest_task SET state = 'due', next_try = NULL, error_class = 'transient',
			        error = 'interrupted: the process that ran it ended'
			 WHERE state = 'running'`))
		return err
	})
}

// write runs fn in the one write transaction. doing completes "could not ...".
func (s *Store) write(ctx context.Context, doing string, fn func(context.Context, *sql.Conn) error) (err error) {
	if s.readOnly {
		return fmt.Errorf("%s: %w", doing, ErrReadOnly)
	}
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if err := s.alive(ctx, `BEGIN TRANSACTION`); err != nil {
		return fmt.Errorf("%s: %w", doing, s.noted(ctx, err))
	}
	defer func() {
		if err != nil {
			// The transaction must end even when ctx is what failed.
			_, _ = s.writer.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
			err = fmt.Errorf("%s: %w", doing, s.noted(ctx, err))
		}
	}()
	if err := s.hasRoom(); err != nil {
		return err
	}
	if err := fn(ctx, s.writer); err != nil {
		return err
	}
	// Once everything is written, a cancelled ctx must not leave it open whether
	// the rows are there.
	_, err = s.writer.ExecContext(context.WithoutCancel(ctx), `COMMIT`)
	return err
}

// Checkpoint moves the WAL into the database file. It waits for a running Publish.
func (s *Store) Checkpoint(ctx context.Context) error {
	if s.readOnly {
		return fmt.Errorf("checkpoint: %w", ErrReadOnly)
	}
	s.publishMu.Lock()
	defer s.publishMu.Unlock()
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	err := s.hasRoom()
	if err == nil {
		err = s.alive(ctx, `CHECKPOINT`)
	}
	if err != nil {
		return fmt.Errorf("checkpoint warehouse %s: %w", s.path, s.noted(ctx, err))
	}
	return nil
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
