package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"
)

// Column is one column of a result: its name and its DuckDB type, for example
// "DECIMAL(38,18)".
type Column struct{ Name, Type string }

// Decimal is an exact decimal number: Unscaled ÷ 10^Scale.
type Decimal struct {
	Unscaled *big.Int
	Scale    uint8
}

// String writes all Scale places, as DuckDB does.
func (d Decimal) String() string {
	digits := new(big.Int).Abs(d.Unscaled).String()
	sign := ""
	if d.Unscaled.Sign() < 0 {
		sign = "-"
	}
	if d.Scale == 0 {
		return sign + digits
	}
	if pad := int(d.Scale) + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	at := len(digits) - int(d.Scale)
	return sign + digits[:at] + "." + digits[at:]
}

// Interval is a DuckDB interval; its parts do not convert into each other.
type Interval struct {
	Months, Days int32
	Micros       int64
}

func (i Interval) String() string {
	var parts []string
	if i.Months != 0 {
		parts = append(parts, fmt.Sprintf("%d months", i.Months))
	}
	if i.Days != 0 {
		parts = append(parts, fmt.Sprintf("%d days", i.Days))
	}
	if i.Micros != 0 || len(parts) == 0 {
		parts = append(parts, (time.Duration(i.Micros) * time.Microsecond).String())
	}
	return strings.Join(parts, " ")
}

// MapEntry is one entry of a DuckDB MAP, in the map's order.
type MapEntry struct{ Key, Value any }

// Rows is the result of Query, read row by row. Close it; that also ends its
// transaction.
type Rows struct {
	columns []Column
	rows    *sql.Rows
	conn    *sql.Conn
	values  []any
	release func() error // of conn
	err     error
}

// Query runs one reading statement and streams its rows. It sees one committed
// state of the warehouse until the Rows are closed, and cannot change anything:
// other kinds of statement, and more than one, are refused before they run.
func (s *Store) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	rows, err := s.query(ctx, s.views, query, args...)
	if err != nil && s.behind != "" {
		return nil, fmt.Errorf("%w; %s", err, s.behind)
	}
	if s.readOnly || !invalidated(err) {
		return rows, err
	}
	s.writeMu.Lock()
	err = s.alive(ctx, `SELECT 1`)
	s.writeMu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return s.query(ctx, nil, query, args...)
}

// query runs views first, files that make temporary views and macros; the connection
// then ends with the rows.
func (s *Store) query(ctx context.Context, views []string, query string, args ...any) (_ *Rows, err error) {
	conn, err := s.DB().Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	release := conn.Close
	if len(views) > 0 {
		release = func() error { return spoil(conn) }
	}
	defer func() {
		if err != nil {
			_ = release()
		}
	}()
	for _, file := range views {
		if _, err := conn.ExecContext(ctx, file); err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
	}
	if err := onlyReads(conn, query); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if _, err := conn.ExecContext(ctx, `BEGIN TRANSACTION READ ONLY`); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("query: %w", err), endRead(conn))
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("query: %w", err), rows.Close(), endRead(conn))
	}
	r := &Rows{rows: rows, conn: conn, values: make([]any, len(types)), release: release}
	for _, t := range types {
		r.columns = append(r.columns, Column{Name: t.Name(), Type: t.DatabaseTypeName()})
	}
	return r, nil
}

func endRead(conn *sql.Conn) error {
	// The caller's ctx may be why the query ended.
	if _, err := conn.ExecContext(context.Background(), `ROLLBACK`); err != nil {
		// A connection in an unknown state must not go back into the pool.
		return errors.Join(fmt.Errorf("end the reading transaction: %w", err), spoil(conn))
	}
	return nil
}

// spoil keeps a connection from going back into the pool.
func spoil(conn *sql.Conn) error {
	if err := conn.Raw(func(any) error { return driver.ErrBadConn }); !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return nil
}

// onlyReads refuses what is not exactly one reading statement. Preparing runs
// nothing.
func onlyReads(conn *sql.Conn, query string) error {
	return conn.Raw(func(raw any) (err error) {
		// Prepare, unlike PrepareContext, refuses a list of statements instead of
		// running all but the last.
		prepared, err := raw.(*duckdb.Conn).Prepare(query)
		if err != nil {
			if strings.Contains(err.Error(), "multi-statement") {
				return errors.New("only one statement at a time can be run")
			}
			return err
		}
		defer func() { err = errors.Join(err, prepared.Close()) }()
		kind, err := prepared.(*duckdb.Stmt).StatementType()
		if err != nil {
			return err
		}
		switch kind {
		case duckdb.STATEMENT_TYPE_SELECT, duckdb.STATEMENT_TYPE_EXPLAIN:
			return nil
		}
		return errors.New("only reading statements can be run: SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN")
	})
}

// Columns describes the columns, in order.
func (r *Rows) Columns() []Column { return r.columns }

// Next reads the next row; false at the end or on an error (see Err).
func (r *Rows) Next() bool {
	if r.err != nil || !r.rows.Next() {
		return false
	}
	into := make([]any, len(r.columns))
	for i := range into {
		into[i] = &r.values[i]
	}
	if err := r.rows.Scan(into...); err != nil {
		r.err = fmt.Errorf("read row: %w", err)
		return false
	}
	for i, v := range r.values {
		r.values[i] = plain(v, r.columns[i].Type)
	}
	return true
}

// Values is the current row, valid until the next call of Next. A value is one of:
// nil, bool, int64, uint64, *big.Int (128-bit and BIGNUM), Decimal, float64,
// string (also ENUM, UUID, BIT), []byte, time.Time (UTC; Column.Type tells DATE,
// TIME and TIMESTAMP apart), Interval, []any (LIST, ARRAY), map[string]any (STRUCT)
// and []MapEntry (MAP). The one type that is not exact is JSON: the driver decodes
// it, numbers into float64; cast it to VARCHAR for the text.
func (r *Rows) Values() []any { return r.values }

// Err is the error that ended the rows early, or nil.
func (r *Rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.rows.Err()
}

// Close ends the query. Closing twice is allowed.
func (r *Rows) Close() error {
	if r.conn == nil {
		return nil
	}
	err := errors.Join(r.rows.Close(), endRead(r.conn), r.release())
	r.conn = nil
	return err
}

// plain turns the driver's value into one of those Values names.
func plain(v any, duckType string) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case float32:
		return float64(v)
	case time.Time:
		return v.UTC()
	case duckdb.Decimal:
		return Decimal{Unscaled: v.Value, Scale: v.Scale}
	case duckdb.Interval:
		return Interval{Months: v.Months, Days: v.Days, Micros: v.Micros}
	case duckdb.UUID:
		return uuid.UUID(v).String()
	case []byte:
		if duckType == "UUID" && len(v) == 16 {
			return uuid.UUID(v).String()
		}
		return v
	case []any:
		child := strings.TrimSuffix(duckType, "[]")
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i], child)
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(v))
		for k := range v {
			fields[k] = plain(v[k], "")
		}
		return fields
	case duckdb.OrderedMap:
		keys, values := v.Keys(), v.Values()
		list := make([]MapEntry, len(keys))
		for i := range keys {
			list[i] = MapEntry{plain(keys[i], ""), plain(values[i], "")}
		}
		return list
	case duckdb.Union:
		return plain(v.Value, "")
	}
	return v
}
