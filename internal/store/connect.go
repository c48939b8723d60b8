package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// connect opens DuckDB on the path.
func (s *Store) connect(readOnly bool) (*sql.DB, error) {
	cfg := url.Values{
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
		"allow_community_extensions":   {"false"},
	}
	if readOnly {
		cfg.Set("access_mode", "READ_ONLY")
	}
	if s.opts.MemoryLimit != "" {
		cfg.Set("memory_limit", s.opts.MemoryLimit)
	}
	if s.opts.Threads > 0 {
		cfg.Set("threads", strconv.Itoa(s.opts.Threads))
	}
	if s.opts.TempDir != "" {
		cfg.Set("temp_directory", s.opts.TempDir)
	}
	c, err := duckdb.NewConnector(s.path+"?"+cfg.Encode(), s.initConn)
	if err != nil {
		return nil, explainOpen(s.path, duckdbVersion(), err)
	}
	return sql.OpenDB(c), nil
}

// initConn prepares every new connection.
func (s *Store) initConn(conn driver.ExecerContext) error {
	ctx := context.Background()
	if !s.opts.ExternalAccess {
		// Not part of the path's settings: the driver applies those in random order,
		// and after this one DuckDB refuses temp_directory.
		if _, err := conn.ExecContext(ctx, `SET enable_external_access = false`, nil); err != nil {
			return fmt.Errorf("close the way to other files: %w", err)
		}
	}
	if _, err := conn.ExecContext(ctx, `SET TimeZone = 'UTC'`, nil); err != nil {
		return fmt.Errorf("set the time zone: %w", err)
	}
	// Small ASOF joins default to a nested loop that is far slower here.
	_, err := conn.ExecContext(ctx, `SET asof_loop_join_threshold = 0`, nil)
	if err != nil && !strings.Contains(err.Error(), "unrecognized configuration parameter") {
		return fmt.Errorf("set the ASOF join: %w", err)
	}
	return nil
}
