package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// The events a receiver can ask for.
const (
	Stale        = "stale"        // a required series lags by two periods
	Failed       = "failed"       // a series fails again and again, or has holes that stay
	Frozen       = "frozen"       // a rate is read but has not changed for too long
	Depeg        = "depeg"        // the market pays less than the redemption value
	RateDrop     = "rate_drop"    // the newest change of a redemption rate is a fall, trusted or not
	Quarantine   = "quarantine"   // rows were refused or held and wait for a person
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

// holes ends the subject of an alert about ticks that were given up, or tried for
// hours in vain, while the series went on: its newest ticks are there, these are not.
const holes = "/holes"

// looks are the questions whose rows are findings: subject and detail.
var looks = []struct{ event, sql string }{
	{Failed, sinceHave + `
		SELECT series, 'tick ' || strftime(tick, '%Y-%m-%d %H:%M') || ' failed ' || attempts || ' times (' || coalesce(error_class, 'unknown') || '): ' || coalesce(error, 'no reason')
		FROM trouble WHERE state = 'failed' AND error_class IS DISTINCT FROM 'disagreement'
		    AND (attempts > 1 OR error_class IS DISTINCT FROM 'transient')
		QUALIFY row_number() OVER (PARTITION BY series ORDER BY tick DESC) = 1 ORDER BY 1`},
	{Failed, sinceHave + `
		SELECT series || '` + holes + `', count(*) || ' ticks from ' || strftime(min(tick), '%Y-%m-%d %H:%M') || ' to ' || strftime(max(tick), '%Y-%m-%d %H:%M')
		       || ' are missing though later ones are there, the newest: ' || arg_max(coalesce(error, 'no reason'), tick) || ' (pipeline run --retry)'
		FROM task WHERE state = 'failed' AND (next_try IS NULL OR attempts >= 5) AND tick < had GROUP BY series ORDER BY 1`},
	{Disagreement, sinceHave + `
		SELECT series, coalesce(error, 'two endpoints disagree')
		FROM trouble WHERE error_class = 'disagreement'
		QUALIFY row_number() OVER (PARTITION BY series ORDER BY tick DESC) = 1 ORDER BY 1`},
	{Quarantine, `
		SELECT concat_ws('/', plugin, chain_id, token_id, check_name),
		       count(*) || ' rows are held, the newest: ' || arg_max(reason, (created_at, quarantine_id)) || ' (pipeline quarantine list)'
		FROM quarantine WHERE state = 'held' AND $as_of IS NOT NULL GROUP BY plugin, chain_id, token_id, check_name ORDER BY 1`},
	{Frozen, `
		SELECT f.token_id, 'the redemption rate has not changed since ' || strftime(f.changed_ts, '%Y-%m-%d %H:%M')
		       || ', expected every ' || round(t.expected_update_s / 3600, 1) || ' h'
		FROM freshness($as_of::TIMESTAMP) f JOIN token t USING (token_id)
		WHERE f.state = 'frozen' AND f.accrual IN ('rebase', 'exchange_rate') AND coalesce(t.status, '') NOT IN ('sunset', 'dead') ORDER BY 1`},
	// A fall that is suspect is in no view of rates, but it is what one wants to hear
	// of first. A person who dismissed it has heard.
	{RateDrop, `
		WITH step AS (
			SELECT token_id, ts, rate, prev_rate FROM rate_step_between($as_of::TIMESTAMP, $as_of::TIMESTAMP, 'infinity')
			QUALIFY row_number() OVER (PARTITION BY token_id ORDER BY ts DESC) = 1),
		trusted AS (
			SELECT token_id, max(ts) AS ts, arg_max(rate, ts) AS rate
			FROM rate_between($as_of::TIMESTAMP - max_carry(), $as_of::TIMESTAMP, 'infinity') GROUP BY token_id),
		doubted AS (
			SELECT token_id, ts, value AS rate, transform FROM fact_metric
			WHERE metric_id = 'exchange_rate' AND ts > $as_of::TIMESTAMP - max_carry() AND ts <= $as_of::TIMESTAMP
			QUALIFY row_number() OVER (PARTITION BY token_id, ts, basis ORDER BY known_at DESC) = 1
			    AND quality = 'suspect' AND value IS NOT NULL),
		suspect AS (
			SELECT d.token_id, d.ts, d.rate, coalesce(b.rate, s.rate) AS prev_rate
			FROM doubted d LEFT JOIN step s USING (token_id) LEFT JOIN trusted b USING (token_id)
			WHERE d.ts > coalesce(b.ts, s.ts) AND d.transform <> '` + store.DismissTransform + `'
			QUALIFY row_number() OVER (PARTITION BY d.token_id ORDER BY d.ts DESC) = 1)
		SELECT f.token_id, 'the redemption rate fell by ' || round(1e4 * (1 - f.rate / f.prev_rate), 4) || ' bps to ' || f.rate
		       || ' at ' || strftime(f.ts, '%Y-%m-%d %H:%M') || f.note
		FROM (SELECT *, '' AS note FROM step UNION ALL BY NAME SELECT *, ', which is suspect' AS note FROM suspect) f JOIN token t USING (token_id)
		WHERE t.accrual NOT IN ('wrapper', 'benchmark') AND f.rate < f.prev_rate
		QUALIFY row_number() OVER (PARTITION BY f.token_id ORDER BY f.ts DESC) = 1 ORDER BY 1`},
}

// sinceHave is the ledger, and of it what went wrong after had, the newest tick that
// has its rows. So a next tick that has only begun to fail, or to run, ends nothing.
// What nobody has tried to read for 30 days is no longer in trouble.
const sinceHave = `
	WITH task AS (
		SELECT *, job || '/' || plugin || '/' || chain_id AS series,
		       max(tick) FILTER (state = 'have' OR state = 'running' AND attempts > 0 AND error IS NULL) -- read again, to be final
		           OVER (PARTITION BY job, plugin, chain_id) AS had
		FROM ingest_task WHERE tick <= $as_of::TIMESTAMP),
	trouble AS (
		FROM task WHERE state IN ('failed', 'partial')
		    AND tick > coalesce(had, '-infinity') AND tick > $as_of::TIMESTAMP - INTERVAL 30 DAY)`

// triedAgainSQL lists the series of which a tick that went wrong is being tried
// again: until that ends, nobody knows whether the trouble is over.
const triedAgainSQL = sinceHave + `
	SELECT DISTINCT series FROM task WHERE state IN ('due', 'running') AND attempts > 0 AND error IS NOT NULL ORDER BY 1`

const premiumSQL = `SELECT token_id, venue, 1e4 * premium, ts FROM premium_at($as_of::TIMESTAMP) WHERE premium IS NOT NULL ORDER BY 1`

// seen is what one look found.
type seen struct {
	wrong []Finding
	// unsure are the alerts, by event and subject, that cannot be called over now.
	unsure map[[2]string]bool
	prices []premium // each receiver judges them by its own threshold
}

// look reads what is wrong now.
func look(ctx context.Context, src query.Source, now time.Time) (seen, error) {
	s := seen{unsure: map[[2]string]bool{}}
	at := named("as_of", now.UTC())
	for _, l := range looks {
		rows, err := read(ctx, src, l.sql, at)
		if err != nil {
			return s, fmt.Errorf("look for %s: %w", l.event, err)
		}
		for _, r := range rows {
			subject, _ := r[0].(string)
			detail, _ := r[1].(string)
			s.wrong = append(s.wrong, Finding{Event: l.event, Subject: subject, Detail: detail})
		}
	}
	rows, err := read(ctx, src, triedAgainSQL, at)
	if err != nil {
		return s, fmt.Errorf("look for what is tried again: %w", err)
	}
	for _, r := range rows {
		series, _ := r[0].(string)
		for _, id := range [][2]string{{Failed, series}, {Failed, series + holes}, {Disagreement, series}} {
			s.unsure[id] = true
		}
	}
	if rows, err = read(ctx, src, premiumSQL, at); err != nil {
		return s, fmt.Errorf("look for %s: %w", Depeg, err)
	}
	for _, r := range rows {
		var p premium
		p.token, _ = r[0].(string)
		p.venue, _ = r[1].(string)
		p.bps, _ = r[2].(float64)
		p.at, _ = r[3].(time.Time)
		s.prices = append(s.prices, p)
	}
	return s, nil
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
