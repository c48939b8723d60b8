package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// Source is where queries run: a *store.Store. It refuses everything but one
// reading statement.
type Source interface {
	Query(ctx context.Context, query string, args ...any) (*store.Rows, error)
}

// Column is one column of a result: its name and its DuckDB type.
type Column = store.Column

// Result is an answer in memory. A value is one of those store.Rows.Values names;
// nil is unknown.
type Result struct {
	Columns []Column
	Rows    [][]any
}

// Run runs a named query. Parameters not in params take their defaults.
func Run(ctx context.Context, src Source, n Named, params map[string]string, d Defaults) (*Result, error) {
	bound, err := n.Bind(params, d)
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, len(bound))
	for _, p := range n.Params {
		args = append(args, sql.Named(p.Name, bound[p.Name]))
	}
	res, err := collect(ctx, src, n.SQL, args...)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", n.Name, err)
	}
	return res, nil
}

// Adhoc runs one reading statement as somebody typed it.
func Adhoc(ctx context.Context, src Source, text string) (*Result, error) {
	return collect(ctx, src, text)
}

func collect(ctx context.Context, src Source, text string, args ...any) (_ *Result, err error) {
	rows, err := src.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	res := &Result{Columns: rows.Columns()}
	for rows.Next() {
		res.Rows = append(res.Rows, append([]any(nil), rows.Values()...))
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return res, nil
}
