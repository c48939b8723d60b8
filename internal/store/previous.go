package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// PreviousAt gives, for each of the moments in their order, the past that new values
// are judged by: of every series of the tokens the newest value before the moment
// and its last updates. Values count that are neither suspect nor taken back since,
// and that fit 18 decimals. One reading serves all moments.
func (s *Store) PreviousAt(ctx context.Context, tokens []sdk.TokenID, moments []time.Time) ([]map[transforms.Key]transforms.Last, error) {
	all, err := previousAt(ctx, s.DB(), tokens, moments)
	if err != nil {
		return nil, fmt.Errorf("read previous values: %w", err)
	}
	return all, nil
}

func previousAt(ctx context.Context, db querier, tokens []sdk.TokenID, moments []time.Time) ([]map[transforms.Key]transforms.Last, error) {
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
	// A version counts unless a later version of its key does not; those that do not
	// are few, so this is far cheaper than ranking all versions of all times.
	trusted := `
		WITH f AS (
			SELECT metric_id, token_id, ts, basis, value_exact, known_at, quality, quality IN ('suspect', 'retracted') OR value_exact IS NULL AS doubted
			FROM fact_metric
			WHERE token_id IN (` + strings.TrimSuffix(strings.Repeat("?,", len(tokens)), ",") + `)
			  AND metric_id IN ('` + strings.Join(transforms.Watched(), "', '") + `') AND ts < ` + literal(times.to) + `),
		doubted AS (SELECT metric_id, token_id, ts, basis, max(known_at) AS at FROM f WHERE doubted GROUP BY ALL),
		trusted AS (
			SELECT f.metric_id, f.token_id, f.basis, f.ts, arg_max(f.value_exact, f.known_at) AS value_exact
			FROM f LEFT JOIN doubted d USING (metric_id, token_id, ts, basis)
			WHERE NOT f.doubted AND (d.at IS NULL OR f.known_at > d.at)
			GROUP BY ALL)`
	updates, err := updatesUpTo(ctx, db, trusted, times, args)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, trusted+`,
		wanted AS (
			SELECT m.i, m.moment, s.metric_id, s.token_id, s.basis
			FROM (VALUES `+strings.Join(values, ", ")+`) m(i, moment), (SELECT DISTINCT metric_id, token_id, basis FROM trusted) s)
		SELECT w.i::BIGINT, t.metric_id, t.token_id, t.basis, t.ts, t.value_exact::VARCHAR, r.ts
		FROM wanted w
		ASOF JOIN trusted t ON w.metric_id = t.metric_id AND w.token_id = t.token_id AND w.basis = t.basis AND w.moment > t.ts
		ASOF JOIN (FROM f WHERE value_exact IS NOT NULL AND quality <> 'retracted') r
		  ON w.metric_id = r.metric_id AND w.token_id = r.token_id AND w.basis = r.basis AND w.moment > r.ts`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var k transforms.Key
		var l transforms.Last
		var text string
		if err := rows.Scan(&i, &k.Metric, &k.Token, &k.Basis, &l.TS, &text, &l.Seen); err != nil {
			return nil, err
		}
		if l.Value, err = parseDecimal(text); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", k.Metric, k.Token, err)
		}
		l.Updates = newestUpTo(updates[k], l.TS)
		all[i][k] = l
	}
	return all, rows.Err()
}

// updatesUpTo reads the updates of every rate that a moment of times can be judged
// by, oldest first.
func updatesUpTo(ctx context.Context, db querier, trusted string, times span, args []any) (map[transforms.Key][]transforms.Update, error) {
	rows, err := db.QueryContext(ctx, trusted+`,
		changes AS (
			SELECT *, lag(value_exact) OVER (PARTITION BY token_id, basis ORDER BY ts) AS before FROM trusted
			WHERE metric_id = '`+string(sdk.ExchangeRateMetric)+`')
		SELECT token_id, basis, ts, before::VARCHAR, value_exact::VARCHAR FROM changes
		WHERE before <> value_exact AND ts >= `+literal(times.from.Add(-transforms.UpdateWindow))+` ORDER BY token_id, basis, ts`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	updates := map[transforms.Key][]transforms.Update{}
	for rows.Next() {
		k := transforms.Key{Metric: sdk.ExchangeRateMetric}
		var ts time.Time
		var before, after string
		if err := rows.Scan(&k.Token, &k.Basis, &ts, &before, &after); err != nil {
			return nil, err
		}
		x, err := parseDecimal(before)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", k.Metric, k.Token, err)
		}
		y, err := parseDecimal(after)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", k.Metric, k.Token, err)
		}
		if u, moved := transforms.UpdateOf(ts, x, y); moved {
			updates[k] = append(updates[k], u)
		}
	}
	return updates, rows.Err()
}

func newestUpTo(updates []transforms.Update, ts time.Time) []transforms.Update {
	n, _ := slices.BinarySearchFunc(updates, ts, func(u transforms.Update, t time.Time) int {
		if u.TS.After(t) {
			return 1
		}
		return -1
	})
	return updates[max(0, n-transforms.MaxUpdates):n]
}
