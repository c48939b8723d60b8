package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// factTable is the part of a batch that goes to one versioned fact table.
type factTable struct {
	name    string
	columns string   // of the stage: the table's columns without known_at and run_id
	key     []string // ts is one of them
	value   []string // columns whose difference makes a new version, most telling first
	was     string   // SQL text of the old value; empty: the table has no reason column
	settles string   // SQL condition that s makes final what c had before finality; may be empty
	ruled   string   // SQL condition that c is a person's verdict about what s says; may be empty

	n         int
	row       func(i int, c []driver.Value) error
	times     span
	collapsed int64
	conflicts []transforms.Reject
}

// insertFacts appends the facts that are new or differ from the newest version of
// their key. The probe reads only the time range of the batch, as constants.
func insertFacts(ctx context.Context, conn *sql.Conn, t factTable, res TaskResult) (added, restated int64, err error) {
	if t.n == 0 {
		return 0, 0, nil
	}
	if err := stage(ctx, conn, "stage_fact", t.columns, t.n, t.row); err != nil {
		return 0, 0, err
	}
	if _, err := conn.ExecContext(ctx, t.probe(), utc(res.KnownAt), res.Task.RunID); err != nil {
		return 0, 0, err
	}
	if err := conn.QueryRowContext(ctx, `SELECT count(*) FILTER (restated) FROM stage_new`).Scan(&restated); err != nil {
		return 0, 0, err
	}
	added, err = affected(conn.ExecContext(ctx,
		`INSERT INTO `+t.name+` BY NAME SELECT * EXCLUDE (restated) FROM stage_new ORDER BY `+strings.Join(t.order(), ", ")))
	if err != nil {
		return 0, 0, err
	}
	if t.name == "fact_metric" && added > 0 {
		if err := countUnsorted(ctx, conn); err != nil {
			return 0, 0, err
		}
	}
	return added, restated, unstage(ctx, conn, "stage_fact", "stage_new")
}

// order is the key with ts first: the table stays in time order.
func (t factTable) order() []string {
	cols := []string{"ts"}
	for _, c := range t.key {
		if c != "ts" {
			cols = append(cols, c)
		}
	}
	return cols
}

// restatedMark begins the reasons this package makes. They do not count when two
// versions are compared, or every repeat would be a difference.
const restatedMark = "restated: "

// probe is the statement that finds what to append. Its parameters are known_at
// and run_id.
func (t factTable) probe() string {
	keys := strings.Join(t.key, ", ")
	differ := make([]string, 0, len(t.value)+1)
	old := make([]string, 0, len(t.value)+1)
	for _, c := range t.value {
		differ = append(differ, "s."+c+" IS DISTINCT FROM c."+c)
		old = append(old, "f."+c)
	}
	columns, settled, staged := "s.*", "NULL", "stage_fact"
	if t.ruled != "" {
		old = append(old, "f.transform")
		staged = `(SELECT s.* REPLACE (CASE WHEN ` + t.ruled + ` THEN c.quality ELSE s.quality END AS quality,
			CASE WHEN ` + t.ruled + ` THEN c.reason ELSE s.reason END AS reason,
			CASE WHEN ` + t.ruled + ` THEN c.transform ELSE s.transform END AS transform)
			FROM stage_fact s LEFT JOIN c USING (` + keys + `))`
	}
	if t.settles != "" {
		old = append(old, "f.finality")
		settled = "CASE WHEN " + t.settles + " THEN 'was provisional' END"
	}
	if t.was != "" {
		given := func(alias string) string {
			return "CASE WHEN starts_with(" + alias + ".reason, '" + restatedMark + "') THEN NULL ELSE " + alias + ".reason END"
		}
		differ = append(differ, given("s")+" IS DISTINCT FROM "+given("c"))
		old = append(old, "f.reason")
		valueDiffers := strings.Join(differ[:len(differ)-2], " OR ") // without quality and reason
		columns = `s.* REPLACE (CASE WHEN c.known_at IS NULL OR s.reason IS NOT NULL THEN s.reason
			ELSE '` + restatedMark + `' || concat_ws(', ',
				CASE WHEN ` + valueDiffers + ` THEN 'was ' || coalesce(` + t.was + `, 'unknown') END,
				CASE WHEN s.quality IS DISTINCT FROM c.quality THEN 'quality was ' || c.quality END,
				` + settled + `,
				CASE WHEN c.reason IS NOT NULL AND NOT starts_with(c.reason, '` + restatedMark + `') THEN 'reason was ' || c.reason END)
			END AS reason)`
	}
	if t.settles != "" {
		differ = append(differ, t.settles)
	}
	// A version must be newer than the one it replaces even if the clock went back.
	return `CREATE OR REPLACE TEMP TABLE stage_new AS
		WITH c AS (
			SELECT ` + "f." + strings.Join(t.key, ", f.") + `, ` + strings.Join(old, ", ") + `, f.known_at
			FROM ` + t.name + ` f SEMI JOIN stage_fact s USING (` + keys + `)
			WHERE ` + t.times.covers("f.ts") + `
			QUALIFY row_number() OVER (PARTITION BY ` + "f." + strings.Join(t.key, ", f.") + ` ORDER BY f.known_at DESC) = 1)
		SELECT ` + columns + `,
			greatest(?::TIMESTAMP, c.known_at + INTERVAL 1 MICROSECOND) AS known_at, ?::VARCHAR AS run_id,
			c.known_at IS NOT NULL AS restated
		FROM ` + staged + ` s LEFT JOIN c USING (` + keys + `)
		WHERE c.known_at IS NULL OR ` + strings.Join(differ, " OR ")
}

// batch turns the facts of a result into rows of the fact tables.
type batch struct {
	result TaskResult
	obsIDs []int64
}

func (b batch) tables() []factTable {
	return []factTable{b.metrics(), b.prices(), b.quotes(), b.operators()}
}

// ids are the obs_ids of the observations a fact was made of; nil for none.
func (b batch) ids(obs []int) (any, error) {
	if len(obs) == 0 {
		return nil, nil
	}
	list := make([]int64, len(obs))
	for i, at := range obs {
		if at < 0 || at >= len(b.obsIDs) {
			return nil, fmt.Errorf("it names observation %d of %d", at, len(b.obsIDs))
		}
		list[i] = b.obsIDs[at]
	}
	return list, nil
}

func (b batch) metrics() factTable {
	facts, dropped, conflicts := collapse(b.result.Metrics, metricClaim)
	t := factTable{
		name: "fact_metric",
		columns: `metric_id VARCHAR, token_id VARCHAR, ts TIMESTAMP, ref_ts TIMESTAMP, ref_epoch UBIGINT, period_start TIMESTAMP,
			value DOUBLE, value_exact DECIMAL(38,18), uncertainty DOUBLE, height UBIGINT, epoch UBIGINT, quality VARCHAR,
			reason VARCHAR, basis VARCHAR, finality VARCHAR, obs_ids BIGINT[], transform VARCHAR`,
		key:     []string{"metric_id", "token_id", "ts", "basis"},
		value:   []string{"value", "value_exact", "quality"},
		was:     exactText("c.value_exact", "c.value"),
		settles: "(c.finality = 'provisional' AND s.finality = 'finalized')",
		ruled: "((c.transform IN ('" + ReleaseTransform + "', '" + DismissTransform + "')" +
			" OR s.basis = 'derived' AND regexp_matches(c.reason, '^(released|dismissed): ')) AND c.quality <> 'retracted' AND s.quality <> 'retracted'" +
			" AND s.value IS NOT DISTINCT FROM c.value AND s.value_exact IS NOT DISTINCT FROM c.value_exact)",
		n: len(facts), collapsed: dropped, conflicts: conflicts,
	}
	for _, f := range facts {
		t.times.add(f.TS)
	}
	t.row = func(i int, c []driver.Value) (err error) {
		f := facts[i]
		c[0], c[1], c[2] = string(f.Metric), string(f.Token), utc(f.TS)
		c[3], c[4], c[5] = timeOrNull(f.RefTS), uintOrNull(f.RefEpoch), timeOrNull(f.PeriodStart)
		if c[6], err = double(f.Value); err != nil {
			return fmt.Errorf("%s of %s: %w", f.Metric, f.Token, err)
		}
		c[7] = exact(f.Value)
		c[8] = float64(0)
		if f.Uncertainty != nil {
			if c[8], err = double(f.Uncertainty); err != nil {
				return fmt.Errorf("uncertainty of %s of %s: %w", f.Metric, f.Token, err)
			}
		}
		c[9], c[10], c[11], c[12] = uintOrNull(f.Height), uintOrNull(f.Epoch), quality(f.Quality), orNull(f.Reason)
		c[13], c[14] = basis(f.Basis), orNull(string(f.Finality))
		if c[15], err = b.ids(f.Obs); err != nil {
			return fmt.Errorf("%s of %s: %w", f.Metric, f.Token, err)
		}
		c[16] = f.Transform
		return nil
	}
	return t
}

func (b batch) prices() factTable {
	facts, dropped, conflicts := collapse(b.result.Prices, priceClaim)
	t := factTable{
		name: "fact_price",
		columns: `base_id VARCHAR, quote VARCHAR, venue VARCHAR, ts TIMESTAMP, ref_ts TIMESTAMP, price DOUBLE,
			price_exact DECIMAL(38,18), size_base DOUBLE, height UBIGINT, quality VARCHAR, reason VARCHAR, basis VARCHAR,
			obs_ids BIGINT[], transform VARCHAR`,
		key:   []string{"base_id", "quote", "venue", "ts"},
		value: []string{"price", "price_exact", "size_base", "quality"},
		was:   exactText("c.price_exact", "c.price"),
		n:     len(facts), collapsed: dropped, conflicts: conflicts,
	}
	for _, f := range facts {
		t.times.add(f.TS)
	}
	t.row = func(i int, c []driver.Value) (err error) {
		f := facts[i]
		c[0], c[1], c[2], c[3], c[4] = string(f.Base), f.Quote, f.Venue, utc(f.TS), timeOrNull(f.RefTS)
		if c[5], err = double(f.Price); err != nil {
			return fmt.Errorf("price of %s in %s: %w", f.Base, f.Quote, err)
		}
		c[6] = exact(f.Price)
		if c[7], err = double(f.Size); err != nil {
			return fmt.Errorf("size of the price of %s in %s: %w", f.Base, f.Quote, err)
		}
		c[8], c[9], c[10], c[11] = uintOrNull(f.Height), quality(f.Quality), orNull(f.Reason), basis(f.Basis)
		if c[12], err = b.ids(f.Obs); err != nil {
			return fmt.Errorf("price of %s in %s: %w", f.Base, f.Quote, err)
		}
		c[13] = f.Transform
		return nil
	}
	return t
}

func (b batch) quotes() factTable {
	facts, dropped, conflicts := collapse(b.result.Quotes, quoteClaim)
	t := factTable{
		name: "fact_exit_quote",
		columns: `token_id VARCHAR, ts TIMESTAMP, route VARCHAR, size_native DOUBLE, out_native DOUBLE, wait_days DOUBLE,
			height UBIGINT, quality VARCHAR, reason VARCHAR, basis VARCHAR, obs_ids BIGINT[], transform VARCHAR`,
		key:   []string{"token_id", "ts", "route", "size_native"},
		value: []string{"out_native", "wait_days", "quality"},
		was:   "c.out_native::VARCHAR",
		n:     len(facts), collapsed: dropped, conflicts: conflicts,
	}
	for _, f := range facts {
		t.times.add(f.TS)
	}
	t.row = func(i int, c []driver.Value) (err error) {
		f := facts[i]
		c[0], c[1], c[2] = string(f.Token), utc(f.TS), f.Route
		if c[3], err = double(f.Size); err != nil {
			return fmt.Errorf("exit quote of %s by %s: %w", f.Token, f.Route, err)
		}
		if c[4], err = double(f.Out); err != nil {
			return fmt.Errorf("exit quote of %s by %s: %w", f.Token, f.Route, err)
		}
		c[5] = nil
		if f.Wait != nil {
			c[5] = f.Wait.Hours() / 24
		}
		c[6], c[7], c[8], c[9] = uintOrNull(f.Height), quality(f.Quality), orNull(f.Reason), basis(f.Basis)
		if c[10], err = b.ids(f.Obs); err != nil {
			return fmt.Errorf("exit quote of %s by %s: %w", f.Token, f.Route, err)
		}
		c[11] = f.Transform
		return nil
	}
	return t
}

func (b batch) operators() factTable {
	facts, dropped, conflicts := collapse(b.result.Operators, operatorClaim)
	t := factTable{
		name:    "fact_operator_stake",
		columns: `protocol_id VARCHAR, operator_id VARCHAR, ts TIMESTAMP, stake_native DOUBLE, validators BIGINT`,
		key:     []string{"protocol_id", "operator_id", "ts"},
		value:   []string{"stake_native", "validators"},
		n:       len(facts), collapsed: dropped, conflicts: conflicts,
	}
	for _, f := range facts {
		t.times.add(f.TS)
	}
	t.row = func(i int, c []driver.Value) (err error) {
		f := facts[i]
		c[0], c[1], c[2] = string(f.Protocol), f.Operator, utc(f.TS)
		if c[3], err = double(f.Stake); err != nil {
			return fmt.Errorf("stake of operator %s of %s: %w", f.Operator, f.Protocol, err)
		}
		c[4] = nil
		if f.Validators != nil {
			c[4] = *f.Validators
		}
		return nil
	}
	return t
}

// exactText prints a stored value without trailing zeros, the exact one if it fits.
func exactText(exact, double string) string {
	return "coalesce(rtrim(rtrim(" + exact + "::VARCHAR, '0'), '.'), " + double + "::VARCHAR)"
}
