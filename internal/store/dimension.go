package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Chain is a row of dim_chain.
type Chain struct {
	ID          sdk.ChainID
	Kind        string // evm | solana
	Name        string
	NativeAsset string
	HeightKind  string // block | slot
}

// PutChains inserts or updates chains. Rows that are as they were stay untouched.
func (s *Store) PutChains(ctx context.Context, chains []Chain) error {
	return s.write(ctx, "store chains", func(ctx context.Context, conn *sql.Conn) error {
		for _, c := range chains {
			_, err := conn.ExecContext(ctx,
				`INSERT INTO dim_chain (chain_id, kind, name, native_asset, height_kind) VALUES (?, ?, ?, ?, ?)
				 ON CONFLICT DO UPDATE SET kind = excluded.kind, name = excluded.name,
				    native_asset = excluded.native_asset, height_kind = excluded.height_kind
				 WHERE (dim_chain.kind, dim_chain.name, dim_chain.native_asset, dim_chain.height_kind)
				    IS DISTINCT FROM (excluded.kind, excluded.name, excluded.native_asset, excluded.height_kind)`,
				string(c.ID), c.Kind, c.Name, c.NativeAsset, c.HeightKind)
			if err != nil {
				return fmt.Errorf("chain %s: %w", c.ID, err)
			}
		}
		return nil
	})
}

// PutMetrics stores the versions of metric definitions the warehouse does not
// have. A stored version is never changed: a changed definition needs a new one.
func (s *Store) PutMetrics(ctx context.Context, defs []sdk.MetricDef, now time.Time) error {
	known := map[string]bool{}
	rows, err := s.DB().QueryContext(ctx, `SELECT metric_id || '@' || version FROM dim_metric`)
	if err != nil {
		return fmt.Errorf("read the metric catalogue: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return fmt.Errorf("read the metric catalogue: %w", err)
		}
		known[k] = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the metric catalogue: %w", err)
	}
	var add []sdk.MetricDef
	for _, d := range defs {
		if !known[fmt.Sprintf("%s@%d", d.ID, d.Version)] {
			add = append(add, d)
		}
	}
	if len(add) == 0 {
		return nil
	}
	return s.write(ctx, "store the metric catalogue", func(ctx context.Context, conn *sql.Conn) error {
		for _, d := range add {
			_, err := conn.ExecContext(ctx,
				`INSERT INTO dim_metric (metric_id, version, kind, unit, definition, derived, add_over_tokens, add_over_time, valid_from)
				 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				string(d.ID), d.Version, d.Kind, d.Unit, d.Definition, d.Derived, d.AddTokens, d.AddTime, utc(now))
			if err != nil {
				return fmt.Errorf("metric %s: %w", d.ID, err)
			}
		}
		return nil
	})
}

// PutDimensions stores what a plugin says about its protocols, tokens and fees.
// Rows that are as they were stay untouched; an advertised fee that is said no more
// keeps its row, with the moment it was dropped. A plugin that needs no chain (published history) adds rows
// that are missing but does not change those of a plugin that reads the protocol.
func (s *Store) PutDimensions(ctx context.Context, d sdk.Description, plugin string, now time.Time) error {
	secondary := len(d.Chains) > 0
	for _, c := range d.Chains {
		secondary = secondary && c.Offline
	}
	// owned limits updates of a secondary plugin to its own rows.
	owned := func(table string) string {
		if secondary {
			return table + ".plugin = excluded.plugin AND "
		}
		return ""
	}
	return s.write(ctx, "store the description of plugin "+plugin, func(ctx context.Context, conn *sql.Conn) error {
		for _, p := range d.Protocols {
			_, err := conn.ExecContext(ctx,
				`INSERT INTO dim_protocol (protocol_id, name, status, launched, deposits_closed, sunset, governance, node_set, tvl_basis, website, plugin, updated_at)
				 VALUES (?, ?, ?, ?::DATE, ?::DATE, ?::DATE, ?, ?, ?, ?, ?, ?)
				 ON CONFLICT DO UPDATE SET name = excluded.name, status = excluded.status, launched = excluded.launched,
				    deposits_closed = excluded.deposits_closed, sunset = excluded.sunset, governance = excluded.governance,
				    node_set = excluded.node_set, tvl_basis = excluded.tvl_basis, website = excluded.website,
				    plugin = excluded.plugin, updated_at = excluded.updated_at
				 WHERE `+owned("dim_protocol")+`(dim_protocol.name, dim_protocol.status, dim_protocol.launched, dim_protocol.deposits_closed,
				        dim_protocol.sunset, dim_protocol.governance, dim_protocol.node_set, dim_protocol.tvl_basis, dim_protocol.website, dim_protocol.plugin)
				    IS DISTINCT FROM (excluded.name, excluded.status, excluded.launched, excluded.deposits_closed,
				        excluded.sunset, excluded.governance, excluded.node_set, excluded.tvl_basis, excluded.website, excluded.plugin)`,
				string(p.ID), p.Name, p.Status, orNull(p.Launched), orNull(p.DepositsClosed), orNull(p.Sunset),
				orNull(p.Governance), orNull(p.NodeSet), orNull(p.TVLBasis), orNull(p.Website), plugin, utc(now))
			if err != nil {
				return fmt.Errorf("protocol %s: %w", p.ID, err)
			}
		}
		for _, t := range d.Tokens {
			_, err := conn.ExecContext(ctx,
				`INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, address, decimals, underlying, accrual, rate_of, expected_update_s, stale_after_s, plugin, updated_at)
				 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				 ON CONFLICT DO UPDATE SET protocol_id = excluded.protocol_id, chain_id = excluded.chain_id, symbol = excluded.symbol,
				    address = excluded.address, decimals = excluded.decimals, underlying = excluded.underlying, accrual = excluded.accrual,
				    rate_of = excluded.rate_of, expected_update_s = excluded.expected_update_s, stale_after_s = excluded.stale_after_s,
				    plugin = excluded.plugin, updated_at = excluded.updated_at
				 WHERE `+owned("dim_token")+`(dim_token.protocol_id, dim_token.chain_id, dim_token.symbol, dim_token.address, dim_token.decimals, dim_token.underlying,
				        dim_token.accrual, dim_token.rate_of, dim_token.expected_update_s, dim_token.stale_after_s, dim_token.plugin)
				    IS DISTINCT FROM (excluded.protocol_id, excluded.chain_id, excluded.symbol, excluded.address, excluded.decimals, excluded.underlying,
				        excluded.accrual, excluded.rate_of, excluded.expected_update_s, excluded.stale_after_s, excluded.plugin)`,
				string(t.ID), string(t.Protocol), string(t.Chain), t.Symbol, orNull(t.Address), t.Decimals, string(t.Underlying),
				string(t.Accrual), orNull(string(t.RateOf)), seconds(t.ExpectedUpdate), seconds(t.StaleAfter), plugin, utc(now))
			if err != nil {
				return fmt.Errorf("token %s: %w", t.ID, err)
			}
		}
		return putFees(ctx, conn, d, plugin, now)
	})
}

// putFees stores what a plugin says its protocols charge, and since when it says so.
// What it does not say any more stays, with the moment it was dropped.
func putFees(ctx context.Context, conn *sql.Conn, d sdk.Description, plugin string, now time.Time) error {
	exec := func(text string, args ...any) error {
		if _, err := conn.ExecContext(ctx, text, args...); err != nil {
			return fmt.Errorf("advertised fees: %w", err)
		}
		return nil
	}
	if err := exec(`CREATE OR REPLACE TEMP TABLE said_fee AS SELECT * EXCLUDE (known_at, dropped_at) FROM dim_fee LIMIT 0`); err != nil {
		return err
	}
	for _, p := range d.Protocols {
		for _, f := range p.Fees {
			_, err := conn.ExecContext(ctx,
				`INSERT INTO said_fee (protocol_id, fee_type, bps, recipient, valid_from, valid_to, source, plugin)
				 VALUES (?, ?, ?::DOUBLE, ?, ?::TIMESTAMP, ?::TIMESTAMP, ?, ?)`,
				string(p.ID), f.Type, orNull(f.BPS), orNull(f.Recipient), orNull(f.From), orNull(f.To), f.Source, plugin)
			if err != nil {
				return fmt.Errorf("advertised fee %s of %s: %w", f.Type, p.ID, err)
			}
		}
	}
	const same = `f.plugin = s.plugin AND f.dropped_at IS NULL
		AND (f.protocol_id, f.fee_type, f.bps, f.recipient, f.valid_from, f.valid_to, f.source)
			IS NOT DISTINCT FROM (s.protocol_id, s.fee_type, s.bps, s.recipient, s.valid_from, s.valid_to, s.source)`
	err := exec(`UPDATE dim_fee f SET dropped_at = ? WHERE f.plugin = ? AND f.dropped_at IS NULL
		AND NOT EXISTS (FROM said_fee s WHERE `+same+`)`, utc(now), plugin)
	if err != nil {
		return err
	}
	if err := exec(`INSERT INTO dim_fee SELECT s.*, ?, NULL FROM said_fee s WHERE NOT EXISTS (FROM dim_fee f WHERE `+same+`)`, utc(now)); err != nil {
		return err
	}
	return exec(`DROP TABLE said_fee`)
}

func seconds(d time.Duration) any {
	if d == 0 {
		return nil
	}
	return int64(d / time.Second)
}
