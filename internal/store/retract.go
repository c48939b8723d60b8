package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// Facts are facts of the versioned tables that know retraction.
type Facts struct {
	Metrics []transforms.MetricFact
	Prices  []transforms.PriceFact
	Quotes  []transforms.ExitQuote
}

// Retractions gives, for every fact that was made of what a plugin read at a block
// before that was final, and that still stands as it was, the version that takes it
// back for the given reason. It writes nothing: the versions go into the Commit that has the facts of the block
// that took the place of the first.
func (s *Store) Retractions(ctx context.Context, plugin string, chain sdk.ChainID, at sdk.Position, reason string) (Facts, error) {
	var out Facts
	// The newest version of each key, if one of its observations is of the block.
	standing := func(table, key, more string) string {
		return `WITH o AS (
				SELECT obs_id FROM raw_observation
				WHERE block_ts = ` + literal(at.Time) + ` AND plugin = ? AND chain_id = ? AND height IS NOT DISTINCT FROM ?
				  AND block_hash IS NOT DISTINCT FROM ? AND finality = 'provisional'),
			newest AS (
				FROM ` + table + ` WHERE ts = ` + literal(at.Time) + `
				QUALIFY row_number() OVER (PARTITION BY ` + key + ` ORDER BY known_at DESC) = 1)
			FROM newest WHERE quality <> 'retracted' AND list_has_any(obs_ids, (SELECT list(obs_id) FROM o))` + more
	}
	args := []any{plugin, string(chain), uintOrNull(at.Height), orNull(at.Hash)}
	read := func(table, columns, key, more string, scan func(*sql.Rows) error) error {
		rows, err := s.DB().QueryContext(ctx, `SELECT `+columns+` FROM (`+standing(table, key, more)+`) ORDER BY ALL`, args...)
		if err != nil {
			return fmt.Errorf("read what %s holds of block %d of %s: %w", table, at.Height, chain, err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return fmt.Errorf("read what %s holds of block %d of %s: %w", table, at.Height, chain, err)
			}
		}
		return rows.Err()
	}
	err := read("fact_metric", "metric_id, token_id, ts, basis, transform", "metric_id, token_id, basis", " AND finality = 'provisional'", func(rows *sql.Rows) error {
		f := transforms.MetricFact{Quality: transforms.QualityRetracted, Reason: reason, Uncertainty: new(big.Rat), Height: at.Height}
		err := rows.Scan(&f.Metric, &f.Token, &f.TS, &f.Basis, &f.Transform)
		out.Metrics = append(out.Metrics, f)
		return err
	})
	if err != nil {
		return Facts{}, err
	}
	err = read("fact_price", "base_id, quote, venue, ts, basis, transform", "base_id, quote, venue", "", func(rows *sql.Rows) error {
		f := transforms.PriceFact{Quality: transforms.QualityRetracted, Reason: reason, Height: at.Height}
		err := rows.Scan(&f.Base, &f.Quote, &f.Venue, &f.TS, &f.Basis, &f.Transform)
		out.Prices = append(out.Prices, f)
		return err
	})
	if err != nil {
		return Facts{}, err
	}
	err = read("fact_exit_quote", "token_id, ts, route, size_native, basis, transform", "token_id, route, size_native", "", func(rows *sql.Rows) error {
		f := transforms.ExitQuote{Quality: transforms.QualityRetracted, Reason: reason, Height: at.Height}
		var size float64
		var ts time.Time
		err := rows.Scan(&f.Token, &ts, &f.Route, &size, &f.Basis, &f.Transform)
		f.TS, f.Size = ts, new(big.Rat).SetFloat64(size)
		out.Quotes = append(out.Quotes, f)
		return err
	})
	if err != nil {
		return Facts{}, err
	}
	return out, nil
}
