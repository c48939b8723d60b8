package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// obsIdentity are the columns that make a raw row the same row. Missing on
// purpose: run, job and tick (who asked), endpoint, finality and fetched_at (how
// it was reached), none of which says anything new about the value.
var obsIdentity = []string{
	"chain_id", "plugin", "plugin_version", "plugin_sha256", "method", "target", "field", "token_id", "metric_id",
	"labels", "height", "block_hash", "epoch", "ref_ts", "ref_epoch", "value_text", "divisor_text", "decimals",
	"quality", "reason", "basis", "payload_sha256",
}

const obsColumns = `idx INTEGER, run_id VARCHAR, job VARCHAR, tick TIMESTAMP, plugin VARCHAR, plugin_version VARCHAR,
	plugin_sha256 VARCHAR, chain_id VARCHAR, endpoint VARCHAR, method VARCHAR, target VARCHAR, field VARCHAR,
	token_id VARCHAR, metric_id VARCHAR, labels VARCHAR, height UBIGINT, block_hash VARCHAR, finality VARCHAR,
	epoch UBIGINT, block_ts TIMESTAMP, ref_ts TIMESTAMP, ref_epoch UBIGINT, fetched_at TIMESTAMP,
	value_text VARCHAR, divisor_text VARCHAR, decimals UTINYINT, quality VARCHAR, reason VARCHAR, basis VARCHAR,
	payload_sha256 VARCHAR`

// insertObservations appends the observations that are new and returns, for each
// observation of the results, one after the other, the obs_id it has: its own, or
// that of the same row stored before.
func insertObservations(ctx context.Context, conn *sql.Conn, results []TaskResult) (ids []int64, fresh int64, err error) {
	var rows [][]driver.Value
	var same []int // observation -> row
	seen := map[string]int{}
	var times span
	for _, res := range results {
		for i, o := range res.Observations {
			row, key, err := obsRow(res, o)
			if err != nil {
				return nil, 0, fmt.Errorf("observation %d (%s of %s): %w", i, o.Metric, o.Token, err)
			}
			at, ok := seen[key]
			if !ok {
				at = len(rows)
				seen[key] = at
				row[0] = int32(at)
				rows = append(rows, row)
				times.add(o.At.Time)
			}
			same = append(same, at)
		}
	}
	if len(rows) == 0 {
		return nil, 0, nil
	}
	err = stage(ctx, conn, "stage_obs", obsColumns, len(rows), func(i int, c []driver.Value) error {
		copy(c, rows[i])
		return nil
	})
	if err != nil {
		return nil, 0, err
	}

	match := make([]string, len(obsIdentity))
	for i, c := range obsIdentity {
		match[i] = "r." + c + " IS NOT DISTINCT FROM s." + c
	}
	for _, stmt := range []string{
		`CREATE OR REPLACE TEMP TABLE stage_id AS
		 SELECT s.idx, min(r.obs_id) AS obs_id, false AS fresh
		 FROM stage_obs s JOIN raw_observation r ON r.block_ts = s.block_ts AND ` + strings.Join(match, " AND ") + `
		 WHERE ` + times.covers("r.block_ts") + ` GROUP BY s.idx`,
		`INSERT INTO stage_id
		 SELECT idx, nextval('seq_obs'), true FROM (SELECT idx FROM stage_obs ANTI JOIN stage_id USING (idx) ORDER BY idx)`,
	} {
		if _, err := conn.ExecContext(ctx, stmt); err != nil {
			return nil, 0, err
		}
	}
	fresh, err = affected(conn.ExecContext(ctx,
		`INSERT INTO raw_observation BY NAME
		 SELECT i.obs_id, s.* EXCLUDE (idx) FROM stage_obs s JOIN stage_id i USING (idx) WHERE i.fresh ORDER BY s.block_ts, s.idx`))
	if err != nil {
		return nil, 0, err
	}
	byRow, err := readIDs(ctx, conn, len(rows))
	if err != nil {
		return nil, 0, err
	}
	ids = make([]int64, len(same))
	for i, at := range same {
		ids[i] = byRow[at]
	}
	return ids, fresh, unstage(ctx, conn, "stage_obs", "stage_id")
}

func readIDs(ctx context.Context, conn *sql.Conn, n int) ([]int64, error) {
	rows, err := conn.QueryContext(ctx, `SELECT idx, obs_id FROM stage_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := make([]int64, n)
	for rows.Next() {
		var at int
		var id int64
		if err := rows.Scan(&at, &id); err != nil {
			return nil, err
		}
		ids[at] = id
	}
	return ids, rows.Err()
}

// obsRow is the row of an observation in the order of obsColumns, and a key that
// two observations share exactly if they are the same row.
func obsRow(res TaskResult, o Observation) (row []driver.Value, key string, err error) {
	var labels any
	if len(o.Labels) > 0 {
		text, err := json.Marshal(o.Labels) // sorts the keys
		if err != nil {
			return nil, "", fmt.Errorf("labels: %w", err)
		}
		labels = string(text)
	}
	basis, quality := o.Basis, o.Quality
	if basis == "" {
		basis = sdk.OnChain
	}
	if quality == "" {
		quality = sdk.QualityOK
	}
	fetched := o.FetchedAt
	if fetched.IsZero() {
		fetched = res.KnownAt
	}
	t := res.Task
	row = []driver.Value{
		nil, t.RunID, t.Job, utc(t.Tick), t.Plugin, res.PluginVersion,
		res.PluginSHA256, string(t.Chain), orNull(o.Endpoint), o.Source.Method, o.Source.Target, o.Source.Field,
		string(o.Token), string(o.Metric), labels, uintOrNull(o.At.Height), orNull(o.At.Hash), orNull(string(o.Finality)),
		uintOrNull(o.At.Epoch), utc(o.At.Time), timeOrNull(o.RefTime), uintOrNull(o.RefEpoch), utc(fetched),
		integer(o.Value), integer(o.Divisor), o.Decimals, string(quality), orNull(o.Reason), string(basis),
		orNull(o.Source.Digest),
	}
	var b strings.Builder
	for i, v := range row {
		switch i {
		case 0, 1, 2, 3, 8, 17, 22: // idx and what is not identity
			continue
		}
		appendKey(&b, v)
	}
	return row, b.String(), nil
}

func integer(n *big.Int) any {
	if n == nil {
		return nil
	}
	return n.String()
}

// appendKey writes v so that no two different sequences of values look alike.
func appendKey(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("-;")
	case string:
		b.WriteString(strconv.Itoa(len(v)))
		b.WriteByte(':')
		b.WriteString(v)
	case time.Time:
		b.WriteString(strconv.FormatInt(v.UnixMicro(), 10))
		b.WriteByte(';')
	case uint64:
		b.WriteString(strconv.FormatUint(v, 10))
		b.WriteByte(';')
	case float64:
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
		b.WriteByte(';')
	default:
		fmt.Fprintf(b, "%v;", v)
	}
}
