package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// insertEvents appends events the warehouse does not have yet.
func insertEvents(ctx context.Context, conn *sql.Conn, res TaskResult) (int64, error) {
	if len(res.Events) == 0 {
		return 0, nil
	}
	const columns = `protocol_id VARCHAR, chain_id VARCHAR, ts TIMESTAMP, height UBIGINT, event_type VARCHAR, severity VARCHAR,
		amount_native DOUBLE, details VARCHAR, tx_ref VARCHAR, source VARCHAR`
	var times span
	err := stage(ctx, conn, "stage_event", columns, len(res.Events), func(i int, c []driver.Value) (err error) {
		e := res.Events[i]
		times.add(e.TS)
		c[0], c[1], c[2], c[3], c[4], c[5] = string(e.Protocol), string(e.Chain), utc(e.TS), uintOrNull(e.Height), e.Type, e.Severity
		c[6], err = double(e.Amount)
		c[7], c[8], c[9] = orNull(e.Details), orNull(e.TxRef), e.Source
		return err
	})
	if err != nil {
		return 0, err
	}
	n, err := affected(conn.ExecContext(ctx,
		`INSERT INTO fact_event BY NAME
		 SELECT s.*, ?::TIMESTAMP AS known_at, ?::VARCHAR AS run_id FROM (SELECT DISTINCT * FROM stage_event) s
		 WHERE NOT EXISTS (FROM fact_event f WHERE `+times.covers("f.ts")+`
		   AND f.ts = s.ts AND f.protocol_id = s.protocol_id AND f.chain_id = s.chain_id AND f.event_type = s.event_type
		   AND f.severity = s.severity AND f.source = s.source AND f.height IS NOT DISTINCT FROM s.height
		   AND f.amount_native IS NOT DISTINCT FROM s.amount_native AND f.details IS NOT DISTINCT FROM s.details
		   AND f.tx_ref IS NOT DISTINCT FROM s.tx_ref)
		 ORDER BY s.ts, s.protocol_id, s.event_type`, utc(res.KnownAt), res.Task.RunID))
	if err != nil {
		return 0, err
	}
	return n, unstage(ctx, conn, "stage_event")
}

// insertEpochs keeps the first observed start of an epoch.
func insertEpochs(ctx context.Context, conn *sql.Conn, res TaskResult) (int64, error) {
	if len(res.Epochs) == 0 {
		return 0, nil
	}
	err := stage(ctx, conn, "stage_epoch", `chain_id VARCHAR, epoch UBIGINT, start_ts TIMESTAMP, basis VARCHAR`,
		len(res.Epochs), func(i int, c []driver.Value) error {
			e := res.Epochs[i]
			if e.Start.IsZero() {
				return fmt.Errorf("epoch %d of %s has no start", e.Epoch, e.Chain)
			}
			c[0], c[1], c[2], c[3] = string(e.Chain), e.Epoch, utc(e.Start), basis(e.Basis)
			return nil
		})
	if err != nil {
		return 0, err
	}
	n, err := affected(conn.ExecContext(ctx,
		`INSERT INTO dim_epoch (chain_id, epoch, start_ts, basis, known_at)
		 SELECT chain_id, epoch, min(start_ts), basis, ?::TIMESTAMP FROM stage_epoch GROUP BY ALL
		 ON CONFLICT DO NOTHING`, utc(res.KnownAt)))
	if err != nil {
		return 0, err
	}
	return n, unstage(ctx, conn, "stage_epoch")
}

// insertRejects puts refused rows into quarantine, each once a task: a repeat of
// the task in which the same value fails the same check adds nothing, also when a
// person has decided about the row meanwhile, and when the past it failed against
// has changed.
func insertRejects(ctx context.Context, conn *sql.Conn, res TaskResult, rejects []transforms.Reject, ids []int64) (int64, error) {
	if len(rejects) == 0 {
		return 0, nil
	}
	const columns = `idx INTEGER, obs_id BIGINT, token_id VARCHAR, metric_id VARCHAR, ts TIMESTAMP, value_text VARCHAR,
		divisor_text VARCHAR, decimals UTINYINT, check_name VARCHAR, reason VARCHAR`
	err := stage(ctx, conn, "stage_reject", columns, len(rejects), func(i int, c []driver.Value) error {
		r := rejects[i]
		if r.Check == "" || r.Reason == "" {
			return fmt.Errorf("reject %d (%s of %s) names no check or no reason", i, r.Metric, r.Token)
		}
		c[0], c[1], c[2], c[3], c[4] = int32(i), nil, orNull(string(r.Token)), orNull(string(r.Metric)), timeOrNull(r.TS)
		c[5], c[6], c[7], c[8], c[9] = nil, nil, nil, r.Check, r.Reason
		if r.Obs < 0 {
			return nil
		}
		if r.Obs >= len(ids) {
			return fmt.Errorf("reject %d names observation %d of %d", i, r.Obs, len(ids))
		}
		o := res.Observations[r.Obs]
		c[1], c[5], c[6], c[7] = ids[r.Obs], integer(o.Value), integer(o.Divisor), o.Decimals
		if r.Token == sdk.TokenID("") {
			c[2] = orNull(string(o.Token))
		}
		if r.Metric == sdk.MetricID("") {
			c[3] = orNull(string(o.Metric))
		}
		if r.TS.IsZero() {
			c[4] = timeOrNull(o.At.Time)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	t := res.Task
	n, err := affected(conn.ExecContext(ctx,
		`INSERT INTO quarantine BY NAME
		 SELECT nextval('seq_quarantine') AS quarantine_id, ?::VARCHAR AS run_id, ?::VARCHAR AS job, ?::VARCHAR AS plugin,
		        ?::VARCHAR AS chain_id, ?::TIMESTAMP AS tick, s.* EXCLUDE (idx), 'held' AS state, ?::TIMESTAMP AS created_at
		 FROM (FROM stage_reject QUALIFY row_number() OVER (
		         PARTITION BY token_id, metric_id, ts, value_text, divisor_text, decimals, check_name, reason ORDER BY idx) = 1
		       ORDER BY idx) s
		 WHERE NOT EXISTS (FROM quarantine q WHERE q.job = ? AND q.plugin = ? AND q.chain_id = ? AND q.tick = ?
		   AND q.check_name = s.check_name AND (q.reason = s.reason OR s.value_text IS NOT NULL) AND q.token_id IS NOT DISTINCT FROM s.token_id
		   AND q.metric_id IS NOT DISTINCT FROM s.metric_id AND q.ts IS NOT DISTINCT FROM s.ts
		   AND q.value_text IS NOT DISTINCT FROM s.value_text AND q.divisor_text IS NOT DISTINCT FROM s.divisor_text
		   AND q.decimals IS NOT DISTINCT FROM s.decimals)`,
		t.RunID, t.Job, t.Plugin, string(t.Chain), utc(t.Tick), utc(res.KnownAt),
		t.Job, t.Plugin, string(t.Chain), utc(t.Tick)))
	if err != nil {
		return 0, err
	}
	return n, unstage(ctx, conn, "stage_reject")
}
