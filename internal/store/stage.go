package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/duckdb/duckdb-go/v2"
)

// stage loads n rows into a new TEMP table inside the running transaction. The
// Appender fills the stage and not the real table, because an Appender loses its
// whole batch when one row breaks a constraint. Stages are dropped before commit
// (unstage), so that a long-lived connection keeps nothing.
//
// row fills the given slice for row i; the slice is reused.
func stage(ctx context.Context, conn *sql.Conn, name, columns string, n int, row func(i int, into []driver.Value) error) error {
	if _, err := conn.ExecContext(ctx, `CREATE OR REPLACE TEMP TABLE `+name+` (`+columns+`)`); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	err := conn.Raw(func(raw any) (err error) {
		a, err := duckdb.NewAppender(raw.(driver.Conn), "temp", "main", name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.CloseWithCancel(ctx)) }()
		cells := make([]driver.Value, countColumns(columns))
		for i := range n {
			if err := row(i, cells); err != nil {
				return err
			}
			if err := a.AppendRow(cells...); err != nil {
				return fmt.Errorf("row %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill %s: %w", name, err)
	}
	return nil
}

func unstage(ctx context.Context, conn *sql.Conn, names ...string) error {
	for _, name := range names {
		if _, err := conn.ExecContext(ctx, `DROP TABLE IF EXISTS temp.main.`+name); err != nil {
			return fmt.Errorf("drop %s: %w", name, err)
		}
	}
	return nil
}

// countColumns counts the columns of "a INT, b DECIMAL(38,18)".
func countColumns(columns string) int {
	n, depth := 1, 0
	for _, r := range columns {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			n++
		}
	}
	return n
}
