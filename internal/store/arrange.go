package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// ArrangeFrom is how many facts a month must have gained for Arrange to be worth it.
const ArrangeFrom = 100_000

// Arrange brings fact_metric into the order questions want: month by month, and in
// a month by metric, token and time. DuckDB then skips the other metrics of a month
// where it must otherwise read all of them. It changes where rows lie and nothing
// else: views, versions and the keys of facts stay as they are, and it may be
// interrupted anywhere.
//
// A month is rewritten, in a transaction of its own, when at least half of it and at
// least from facts came since the last time, so a fact is rewritten about once or
// twice. It returns how many months were.
func (s *Store) Arrange(ctx context.Context, from int64) (int, error) {
	months, err := s.unarranged(ctx, from)
	if err != nil {
		return 0, fmt.Errorf("arrange facts: %w", err)
	}
	for i, month := range months {
		if err := s.arrange(ctx, month); err != nil {
			return i, err
		}
	}
	return len(months), nil
}

func (s *Store) unarranged(ctx context.Context, from int64) ([]time.Time, error) {
	rows, err := s.DB().QueryContext(ctx,
		`SELECT month FROM fact_order WHERE unsorted >= ? AND 2 * unsorted >= rows AND unsorted > 0 ORDER BY month`, from)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var months []time.Time
	for rows.Next() {
		var m time.Time
		if err := rows.Scan(&m); err != nil {
			return nil, err
		}
		months = append(months, m.UTC())
	}
	return months, rows.Err()
}

func (s *Store) arrange(ctx context.Context, month time.Time) error {
	// Not during a copy: so many rows are written into the file itself, not the WAL.
	s.publishMu.Lock()
	defer s.publishMu.Unlock()
	inMonth := ` WHERE ts >= ` + literal(month) + ` AND ts < ` + literal(month.AddDate(0, 1, 0))
	return s.write(ctx, "arrange the facts of "+month.Format("2006-01"), func(ctx context.Context, conn *sql.Conn) error {
		// The rows wait in a table while they are deleted: an INSERT that reads what its
		// own transaction has deleted would find nothing.
		if _, err := conn.ExecContext(ctx, `CREATE OR REPLACE TEMP TABLE stage_month AS FROM fact_metric`+inMonth); err != nil {
			return err
		}
		deleted, err := affected(conn.ExecContext(ctx, `DELETE FROM fact_metric`+inMonth))
		if err != nil {
			return err
		}
		added, err := affected(conn.ExecContext(ctx,
			`INSERT INTO fact_metric FROM stage_month ORDER BY metric_id, token_id, ts, basis, known_at`))
		if err != nil {
			return err
		}
		if added != deleted {
			return fmt.Errorf("%d rows were taken out and %d put back; nothing was changed", deleted, added)
		}
		if _, err := conn.ExecContext(ctx, `UPDATE fact_order SET rows = ?, unsorted = 0 WHERE month = ?`, added, month); err != nil {
			return err
		}
		return unstage(ctx, conn, "stage_month")
	})
}

// countUnsorted keeps fact_order in step with the facts that stage_new appends.
func countUnsorted(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `
		INSERT INTO fact_order SELECT date_trunc('month', ts), count(*), count(*) FROM stage_new GROUP BY 1
		ON CONFLICT DO UPDATE SET rows = fact_order.rows + excluded.rows, unsorted = fact_order.unsorted + excluded.unsorted`)
	return err
}
