package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Alert is a row of alert_state: one episode, and what one receiver was told of it.
// Zero times mean: not yet.
type Alert struct {
	Receiver, Event, Subject string
	Since                    time.Time
	Detail                   string
	Resolved                 time.Time
	ToldBegin, ToldEnd       time.Time
	Attempts                 int // failed deliveries of the message that is next
	NextTry                  time.Time
	Error                    string
}

// Alerts returns the episodes that are open or of which somebody has still to be
// told, the oldest first.
func (s *Store) Alerts(ctx context.Context) ([]Alert, error) {
	rows, err := s.DB().QueryContext(ctx, `
		SELECT receiver, event, subject, since, detail, resolved, told_begin, told_end, attempts, next_try, coalesce(error, '')
		FROM alert_state WHERE resolved IS NULL OR told_begin IS NULL OR told_end IS NULL
		ORDER BY since, event, subject, receiver`)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	defer rows.Close()
	var list []Alert
	for rows.Next() {
		var a Alert
		var resolved, begin, end, next sql.NullTime
		if err := rows.Scan(&a.Receiver, &a.Event, &a.Subject, &a.Since, &a.Detail, &resolved, &begin, &end, &a.Attempts, &next, &a.Error); err != nil {
			return nil, fmt.Errorf("read alerts: %w", err)
		}
		a.Since = a.Since.UTC()
		a.Resolved, a.ToldBegin, a.ToldEnd, a.NextTry = timeOrZero(resolved), timeOrZero(begin), timeOrZero(end), timeOrZero(next)
		list = append(list, a)
	}
	return list, rows.Err()
}

// PutAlerts writes episodes, new ones and changed ones, all or none.
func (s *Store) PutAlerts(ctx context.Context, alerts []Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	return s.write(ctx, "write alerts", func(ctx context.Context, conn *sql.Conn) error {
		for _, a := range alerts {
			_, err := conn.ExecContext(ctx, `
				INSERT INTO alert_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET resolved = excluded.resolved, told_begin = excluded.told_begin, told_end = excluded.told_end,
				    attempts = excluded.attempts, next_try = excluded.next_try, error = excluded.error`,
				a.Receiver, a.Event, a.Subject, utc(a.Since), a.Detail, timeOrNull(a.Resolved), timeOrNull(a.ToldBegin), timeOrNull(a.ToldEnd),
				a.Attempts, timeOrNull(a.NextTry), orNull(a.Error))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func timeOrZero(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}
