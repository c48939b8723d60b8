package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// priceMaxAge is how old a USD price may be and still value something.
const priceMaxAge = 26 * time.Hour

// PriceUSD returns the newest trusted USD price of an asset at or before ts that is
// at most 26 hours old, exactly as stored; nil if there is none.
func (s *Store) PriceUSD(ctx context.Context, asset sdk.TokenID, ts time.Time) (*big.Rat, error) {
	var text sql.NullString
	// The newest version of each reading first: one that was taken back or doubted
	// since must not count through its older version.
	err := s.DB().QueryRowContext(ctx, `
		SELECT arg_max(price_exact::VARCHAR, ts) FROM (
			FROM fact_price
			WHERE base_id = ? AND quote = 'USD' AND ts BETWEEN `+literal(ts.Add(-priceMaxAge))+` AND `+literal(ts)+`
			QUALIFY row_number() OVER (PARTITION BY venue, ts ORDER BY known_at DESC) = 1)
		WHERE quality IN ('ok', 'estimated') AND price_exact IS NOT NULL`, string(asset)).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the USD price of %s at %s: %w", asset, ts.UTC().Format(time.RFC3339), err)
	}
	if !text.Valid {
		return nil, nil
	}
	return parseDecimal(text.String)
}
