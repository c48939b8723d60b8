package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// invalidated reports that DuckDB has given its instance up. It does so when a
// checkpoint fails half-way, for example on a full disk. The file is sound, the
// WAL still has everything, but the instance must be opened anew.
func invalidated(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "database has been invalidated") ||
		strings.Contains(err.Error(), "sql: database is closed"))
}

// alive runs a statement on the writing connection, after opening the database
// anew if DuckDB has given the instance up. So writing resumes by itself once the
// disk has space again. Callers hold writeMu.
func (s *Store) alive(ctx context.Context, stmt string) error {
	if s.closed {
		return errors.New("the warehouse is closed")
	}
	if s.writer != nil {
		_, err := s.writer.ExecContext(ctx, stmt)
		if !invalidated(err) {
			return err
		}
	}
	if err := s.revive(ctx); err != nil {
		return err
	}
	_, err := s.writer.ExecContext(ctx, stmt)
	return err
}

// revive closes what is left of the instance and opens the file again. While some
// Rows of the old instance are open it cannot succeed; the next write tries again.
// Callers hold writeMu.
func (s *Store) revive(ctx context.Context) error {
	if s.writer != nil {
		_ = s.writer.Close() // of an instance that refuses everything
		s.writer = nil
	}
	_ = s.DB().Close()
	db, err := s.connect(false)
	if err != nil {
		return fmt.Errorf("open again after DuckDB gave up: %w", err)
	}
	s.db.Store(db)
	if s.writer, err = db.Conn(ctx); err != nil {
		return fmt.Errorf("open again after DuckDB gave up: %w", err)
	}
	return nil
}
