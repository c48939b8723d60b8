package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// PreviousAt is Previous for many moments in one reading: one map a moment, in
// their order.
func (s *Store) PreviousAt(ctx context.Context, tokens []sdk.TokenID, moments []time.Time) ([]map[transforms.Key]transforms.Last, error) {
	all := make([]map[transforms.Key]transforms.Last, len(moments))
	var times span
	values := make([]string, len(moments))
	for i, t := range moments {
		all[i] = map[transforms.Key]transforms.Last{}
		values[i] = fmt.Sprintf("(%d, %s)", i, literal(t))
		times.add(t)
	}
	if len(tokens) == 0 || len(moments) == 0 {
		return all, nil
	}
	args := make([]any, len(tokens))
	for i, t := range tokens {
		args[i] = string(t)
	}
	// For each time of a series the version Previous would take, then the last of
	// these before each moment.
	rows, err := s.DB().QueryContext(ctx, `
		WITH f AS (
			SELECT metric_id, token_id, ts, basis, quality, value_exact, known_at FROM fact_metric
			WHERE token_id IN (`+strings.TrimSuffix(strings.Repeat("?,", len(tokens)), ",")+`) AND ts < `+literal(times.to)+`),
		doubted AS (
			SELECT metric_id, token_id, ts, basis, max(known_at) AS at FROM f WHERE quality <> 'ok' OR value_exact IS NULL GROUP BY ALL),
		trusted AS (
			SELECT f.metric_id, f.token_id, f.ts, arg_max(f.value_exact, f.known_at) AS value_exact
			FROM f LEFT JOIN doubted d USING (metric_id, token_id, ts, basis)
			WHERE f.quality = 'ok' AND f.value_exact IS NOT NULL AND (d.at IS NULL OR f.known_at > d.at)
			GROUP BY ALL),
		wanted AS (
			SELECT m.i, m.moment, s.metric_id, s.token_id
			FROM (VALUES `+strings.Join(values, ", ")+`) m(i, moment), (SELECT DISTINCT metric_id, token_id FROM trusted) s)
		SELECT w.i::BIGINT, t.metric_id, t.token_id, t.ts, t.value_exact::VARCHAR
		FROM wanted w ASOF JOIN trusted t ON w.metric_id = t.metric_id AND w.token_id = t.token_id AND w.moment > t.ts`, args...)
	if err != nil {
		return nil, fmt.Errorf("read previous values: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var k transforms.Key
		var l transforms.Last
		var text string
		if err := rows.Scan(&i, &k.Metric, &k.Token, &l.TS, &text); err != nil {
			return nil, fmt.Errorf("read previous values: %w", err)
		}
		if l.Value, err = parseDecimal(text); err != nil {
			return nil, fmt.Errorf("read previous value of %s of %s: %w", k.Metric, k.Token, err)
		}
		all[i][k] = l
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read previous values: %w", err)
	}
	return all, nil
}
