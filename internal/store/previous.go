package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// Previous gives the newest value of every series of the tokens before a time, for
// comparing new values with: quality ok, not taken back since, exact. Series whose
// values do not fit 18 decimals are left out.
func (s *Store) Previous(ctx context.Context, tokens []sdk.TokenID, before time.Time) (map[transforms.Key]transforms.Last, error) {
	last := map[transforms.Key]transforms.Last{}
	if len(tokens) == 0 {
		return last, nil
	}
	in := strings.TrimSuffix(strings.Repeat("?,", len(tokens)), ",")
	args := make([]any, 0, 2*len(tokens))
	for range 2 {
		for _, t := range tokens {
			args = append(args, string(t))
		}
	}
	// An ok version counts unless a later version of its key is not ok; those are
	// few, so this is far cheaper than ranking all versions of all times.
	rows, err := s.DB().QueryContext(ctx, `
		WITH doubted AS (
			SELECT metric_id, token_id, ts, basis, max(known_at) AS at FROM fact_metric
			WHERE token_id IN (`+in+`) AND ts < `+literal(before)+` AND (quality <> 'ok' OR value_exact IS NULL)
			GROUP BY ALL)
		SELECT f.metric_id, f.token_id, max(f.ts), arg_max(f.value_exact::VARCHAR, (f.ts, f.known_at))
		FROM fact_metric f LEFT JOIN doubted d USING (metric_id, token_id, ts, basis)
		WHERE f.token_id IN (`+in+`) AND f.ts < `+literal(before)+` AND f.quality = 'ok' AND f.value_exact IS NOT NULL
		  AND (d.at IS NULL OR f.known_at > d.at)
		GROUP BY ALL`, args...)
	if err != nil {
		return nil, fmt.Errorf("read previous values: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k transforms.Key
		var l transforms.Last
		var text string
		if err := rows.Scan(&k.Metric, &k.Token, &l.TS, &text); err != nil {
			return nil, fmt.Errorf("read previous values: %w", err)
		}
		if l.Value, err = parseDecimal(text); err != nil {
			return nil, fmt.Errorf("read previous value of %s of %s: %w", k.Metric, k.Token, err)
		}
		last[k] = l
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read previous values: %w", err)
	}
	return last, nil
}
