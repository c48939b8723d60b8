package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Definition is one version of what a named query computes.
type Definition struct {
	Query   string
	Version int
	SQL     string    // the text of the query
	Views   string    // hash of the views and macros it ran on; empty: the present ones
	Since   time.Time // when this warehouse first used the version, UTC
}

// ErrNoDefinition says that a warehouse never used that version of a query.
var ErrNoDefinition = errors.New("this version was never used here")

// PutDefinitions notes the present versions of the named queries, with the views
// they run on. A version whose text changes keeps its last text; earlier versions
// stay as they are.
func (s *Store) PutDefinitions(ctx context.Context, defs []Definition, now time.Time) error {
	views, hash, err := readViews(s.opts.SQL)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, v := range views {
		text.WriteString(fileMark + v.name + "\n" + v.text + "\n")
	}
	known, err := s.Definitions(ctx)
	if err != nil {
		return err
	}
	var changed []Definition
	for _, d := range defs {
		d.Views, d.Since = hash, now
		if old, ok := find(known, d.Query, d.Version); !ok || old.SQL != d.SQL || old.Views != hash {
			changed = append(changed, d)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return s.write(ctx, "store the definitions of the named queries", func(ctx context.Context, conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, `INSERT INTO methodology_views VALUES (?, ?) ON CONFLICT DO NOTHING`, hash, text.String()); err != nil {
			return err
		}
		for _, d := range changed {
			if _, err := conn.ExecContext(ctx, `INSERT INTO methodology VALUES (?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET text = excluded.text, views_sha256 = excluded.views_sha256`,
				d.Query, d.Version, d.SQL, d.Views, utc(d.Since)); err != nil {
				return fmt.Errorf("query %s: %w", d.Query, err)
			}
		}
		_, err := conn.ExecContext(ctx, `DELETE FROM methodology_views WHERE sha256 NOT IN (SELECT views_sha256 FROM methodology)`)
		return err
	})
}

// Definitions lists what every named query computed, by query and version.
func (s *Store) Definitions(ctx context.Context) (_ []Definition, err error) {
	rows, err := s.DB().QueryContext(ctx, `SELECT query, version, text, views_sha256, since FROM methodology ORDER BY query, version`)
	if err != nil {
		return nil, fmt.Errorf("read the definitions of the named queries: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []Definition
	for rows.Next() {
		var d Definition
		if err := rows.Scan(&d.Query, &d.Version, &d.SQL, &d.Views, &d.Since); err != nil {
			return nil, fmt.Errorf("read the definitions of the named queries: %w", err)
		}
		d.Since = d.Since.UTC()
		all = append(all, d)
	}
	return all, rows.Err()
}

// Definition returns one version of a named query; ErrNoDefinition if there is none.
func (s *Store) Definition(ctx context.Context, query string, version int) (Definition, error) {
	all, err := s.Definitions(ctx)
	if err != nil {
		return Definition{}, err
	}
	if d, ok := find(all, query, version); ok {
		return d, nil
	}
	var have []string
	for _, d := range all {
		if d.Query == query {
			have = append(have, fmt.Sprint(d.Version))
		}
	}
	return Definition{}, fmt.Errorf("query %s, methodology %d: %w; the warehouse has: %s", query, version, ErrNoDefinition, strings.Join(have, ", "))
}

func find(all []Definition, query string, version int) (Definition, bool) {
	for _, d := range all {
		if d.Query == query && d.Version == version {
			return d, true
		}
	}
	return Definition{}, false
}

// fileMark begins a file in the stored text. DuckDB's parser takes windows of one name
// in two statements for one, so files are run one by one, as they were.
const fileMark = "-- file sql/"

// QueryAs is Query for a definition's text, on the views and macros of its time: for
// this one query they hide those the warehouse has now.
func (s *Store) QueryAs(ctx context.Context, d Definition, args ...any) (*Rows, error) {
	var text string
	err := s.DB().QueryRowContext(ctx, `SELECT text FROM methodology_views WHERE sha256 = ?`, d.Views).Scan(&text)
	if err != nil {
		return nil, fmt.Errorf("read the views of methodology %d of query %s: %w", d.Version, d.Query, err)
	}
	var files []string
	for _, part := range strings.Split(text, fileMark)[1:] {
		_, file, _ := strings.Cut(part, "\n")
		files = append(files, temporary(file))
	}
	return s.query(ctx, files, d.SQL, args...)
}
