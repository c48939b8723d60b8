package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// Clocks are how old what a plugin reads of a chain is. Zero times mean: never.
type Clocks struct {
	Fetched time.Time // when the newest rate was learned
	Chain   time.Time // the time of that rate on its chain
	// Changed is when the rate of the token that has stood still the longest last
	// changed; protocols that have ended are left out.
	Changed time.Time
	Slowest string // that token
}

// Reads names a plugin and a chain it reads.
type Reads struct{ Plugin, Chain string }

// ReadClocks tells the clocks of every plugin and chain at a moment.
func ReadClocks(ctx context.Context, src query.Source, now time.Time) (_ map[Reads]Clocks, err error) {
	rows, err := src.Query(ctx, fmt.Sprintf(`
		SELECT d.plugin, f.chain_id, max(f.fetched_at), max(f.observed_ts),
		       min(f.changed_ts) FILTER (f.state <> 'sunset'), arg_min(f.symbol, f.changed_ts) FILTER (f.state <> 'sunset')
		FROM freshness(TIMESTAMP '%s') f JOIN dim_token d USING (token_id) GROUP BY 1, 2`, now.UTC().Format(time.DateTime)))
	if err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all := map[Reads]Clocks{}
	for rows.Next() {
		v := rows.Values()
		var at Reads
		var c Clocks
		at.Plugin, _ = v[0].(string)
		at.Chain, _ = v[1].(string)
		c.Fetched, _ = v[2].(time.Time)
		c.Chain, _ = v[3].(time.Time)
		c.Changed, _ = v[4].(time.Time)
		c.Slowest, _ = v[5].(string)
		all[at] = c
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	return all, nil
}
