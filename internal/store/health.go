package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Ping proves that the writing connection works: it waits for the writer's turn and
// runs an empty transaction, opening the database anew if DuckDB had given it up. If
// the disk failed the last write, it finds out whether it still would.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, "check the writer", func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `SELECT 1`)
		return err
	})
}

// Size is how much room the warehouse takes.
type Size struct {
	Database int64 // bytes of the database file, exact
	WAL      int64 // bytes of the write-ahead log, to the two digits DuckDB tells
}

// Size asks DuckDB. The process that holds the file must not open it itself: that
// would end the lock.
func (s *Store) Size(ctx context.Context) (Size, error) {
	var size Size
	err := s.DB().QueryRowContext(ctx,
		`SELECT (block_size * total_blocks)::BIGINT, parse_formatted_bytes(wal_size)::BIGINT FROM pragma_database_size()`).
		Scan(&size.Database, &size.WAL)
	if err != nil {
		return Size{}, fmt.Errorf("read the size of the warehouse: %w", err)
	}
	return size, nil
}
