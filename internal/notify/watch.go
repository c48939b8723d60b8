package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// The events a receiver can ask for.
const (
	Stale        = "stale"        // a required series lags by two periods
	Failed       = "failed"       // the newest tick of a series fails again and again
	Frozen       = "frozen"       // a rate is read but has not changed for too long
	Depeg        = "depeg"        // the market pays less than the redemption value
	RateDrop     = "rate_drop"    // the newest change of a redemption rate is a fall
	Quarantine   = "quarantine"   // rows were refused and wait for a person
	Disagreement = "disagreement" // two endpoints answered differently
)

// Finding is something that is wrong now.
type Finding struct {
	Event   string
	Subject string // what it is about: a token, or job/plugin/chain
	Detail  string // in words, with the numbers
}

// premium is a token's newest market price against its redemption value.
type premium struct {
	token, venue string
	bps          float64 // negative: a discount
	at           time.Time
}

// looks are the questions whose rows are findings: subject and detail.
var looks = []struct{ event, sql string }{
	{Failed, newestTasks + `
		SELECT job || '/' || plugin || '/' || chain_id,
		       'tick ' || strftime(tick, '%Y-%m-%d %H:%M') || ' failed ' || attempts || ' times (' || coalesce(error_class, 'unknown') || '): ' || coalesce(error, 'no reason')
		FROM newest WHERE state = 'failed' AND error_class IS DISTINCT FROM 'disagreement'
		    AND (attempts > 1 OR error_class IS DISTINCT FROM 'transient') ORDER BY 1`},
	{Disagreement, newestTasks + `
		SELECT job || '/' || plugin || '/' || chain_id, coalesce(error, 'two endpoints disagree')
		FROM newest WHERE error_class = 'disagreement' AND state IN ('failed', 'partial') ORDER BY 1`},
	{Quarantine, `
		SELECT concat_ws('/', plugin, chain_id, token_id, check_name),
		       count(*) || ' rows are held, the newest: ' || arg_max(reason, (created_at, quarantine_id)) || ' (pipeline quarantine list)'
		FROM quarantine WHERE state = 'held' AND $as_of IS NOT NULL GROUP BY plugin, chain_id, token_id, check_name ORDER BY 1`},
	{Frozen, `
		SELECT f.token_id, 'the redemption rate has not changed since ' || strftime(f.changed_ts, '%Y-%m-%d %H:%M')
		       || ', expected every ' || round(t.expected_update_s / 3600, 1) || ' h'
		FROM freshness($as_of::TIMESTAMP) f JOIN token t USING (token_id)
		WHERE f.state = 'frozen' AND f.accrual IN ('rebase', 'exchange_rate') AND coalesce(t.status, '') NOT IN ('sunset', 'dead') ORDER BY 1`},
	{RateDrop, `
		SELECT s.token_id, 'the redemption rate fell by ' || round(1e4 * (1 - s.rate / s.prev_rate), 4) || ' bps to ' || s.rate
		       || ' at ' || strftime(s.ts, '%Y-%m-%d %H:%M')
		FROM rate_step_between($as_of::TIMESTAMP, $as_of::TIMESTAMP, 'infinity') s JOIN token t USING (token_id)
		WHERE t.is_counted QUALIFY row_number() OVER (PARTITION BY s.token_id ORDER BY s.ts DESC) = 1 AND s.rate < s.prev_rate ORDER BY 1`},
}

// newestTasks is the newest tick of each series that somebody may still care for.
const newestTasks = `
	WITH newest AS (
		SELECT * FROM ingest_task WHERE tick <= $as_of::TIMESTAMP AND tick > $as_of::TIMESTAMP - INTERVAL 30 DAY
		QUALIFY row_number() OVER (PARTITION BY job, plugin, chain_id ORDER BY tick DESC) = 1)`

const premiumSQL = `SELECT token_id, venue, 1e4 * premium, ts FROM premium_at($as_of::TIMESTAMP) WHERE premium IS NOT NULL ORDER BY 1`

// look reads what is wrong now, and the premiums, which each receiver judges by its
// own threshold.
func look(ctx context.Context, src query.Source, now time.Time) (found []Finding, prices []premium, err error) {
	at := named("as_of", now.UTC())
	for _, l := range looks {
		rows, err := read(ctx, src, l.sql, at)
		if err != nil {
			return nil, nil, fmt.Errorf("look for %s: %w", l.event, err)
		}
		for _, r := range rows {
			subject, _ := r[0].(string)
			detail, _ := r[1].(string)
			found = append(found, Finding{Event: l.event, Subject: subject, Detail: detail})
		}
	}
	rows, err := read(ctx, src, premiumSQL, at)
	if err != nil {
		return nil, nil, fmt.Errorf("look for %s: %w", Depeg, err)
	}
	for _, r := range rows {
		var p premium
		p.token, _ = r[0].(string)
		p.venue, _ = r[1].(string)
		p.bps, _ = r[2].(float64)
		p.at, _ = r[3].(time.Time)
		prices = append(prices, p)
	}
	return found, prices, nil
}

func read(ctx context.Context, src query.Source, text string, args ...any) (_ [][]any, err error) {
	rows, err := src.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all [][]any
	for rows.Next() {
		all = append(all, append([]any(nil), rows.Values()...))
	}
	return all, rows.Err()
}
