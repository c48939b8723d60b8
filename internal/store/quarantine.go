package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// States of a row in quarantine.
const (
	QuarantineHeld      = "held"
	QuarantineReleased  = "released"
	QuarantineDismissed = "dismissed"
)

// The transforms of versions that say what a person decided. Such a version stands
// against later readings of the same value, whatever the checks make of them.
const (
	ReleaseTransform = "manual-release@1"
	DismissTransform = "manual-dismiss@1"
)

// ErrNotHeld says that a row in quarantine does not exist or has its verdict.
var ErrNotHeld = errors.New("not held in quarantine")

// Verdict is what a person decided about a row in quarantine.
type Verdict struct {
	ID     int64
	Reason string // required; kept for ever
	At     time.Time
	// Version is the pipeline's own, for the run that a release is.
	Version string
}

// Dismiss writes down that a row was refused rightly. It stays, with the verdict. A
// fact that was kept beside it stays suspect, for the reason given.
func (s *Store) Dismiss(ctx context.Context, v Verdict) error {
	_, err := s.judge(ctx, "dismiss", v, func(ctx context.Context, conn *sql.Conn, run string) (facts int64, others []int64, err error) {
		facts, err = dismissRow(ctx, conn, v, run)
		return facts, nil, err
	})
	return err
}

// Release makes a fact of the observation that a row in quarantine holds, with the
// verdict as its reason. The fact counts as if no check had failed: a person vouches
// for it. What was held after it because it is as far from the last value, and
// follows from this one, is released with it; others are those rows. Verdicts,
// facts, and the run they belong to are written together. A task all of whose rows
// were refused has its rows once none is held.
func (s *Store) Release(ctx context.Context, v Verdict) (others []int64, err error) {
	return s.judge(ctx, "release", v, func(ctx context.Context, conn *sql.Conn, run string) (int64, []int64, error) {
		o, facts, err := releaseRow(ctx, conn, v, run)
		if err != nil {
			return 0, nil, err
		}
		later, err := heldAfter(ctx, conn, o)
		if err != nil {
			return 0, nil, fmt.Errorf("look for later rows that agree: %w", err)
		}
		for _, l := range later {
			agrees, err := l.follows(ctx, conn, o)
			if err != nil {
				return 0, nil, fmt.Errorf("compare with row %d: %w", l.row, err)
			}
			if !agrees {
				continue
			}
			also := v
			also.ID, also.Reason = l.row, fmt.Sprintf("%s (with row %d)", v.Reason, v.ID)
			_, more, err := releaseRow(ctx, conn, also, run)
			if err != nil {
				return 0, nil, fmt.Errorf("release row %d with it: %w", l.row, err)
			}
			facts, others = facts+more, append(others, l.row)
		}
		return facts, others, nil
	})
}

// judge writes what a verdict changes as a run of its own.
func (s *Store) judge(ctx context.Context, verb string, v Verdict,
	do func(ctx context.Context, conn *sql.Conn, run string) (facts int64, others []int64, err error),
) (others []int64, err error) {
	if strings.TrimSpace(v.Reason) == "" {
		return nil, errors.New(verb + ": a reason is required")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make a run id: %w", err)
	}
	err = s.write(ctx, fmt.Sprintf("%s row %d of the quarantine", verb, v.ID), func(ctx context.Context, conn *sql.Conn) error {
		var facts int64
		if facts, others, err = do(ctx, conn, id.String()); err != nil || facts == 0 {
			return err
		}
		_, err := conn.ExecContext(ctx,
			`INSERT INTO ingest_run (run_id, command, started_at, ended_at, status, rows, version) VALUES (?, ?, ?, ?, 'ok', ?, ?)`,
			id.String(), verb, utc(v.At), utc(v.At), facts, v.Version)
		return err
	})
	return others, err
}

func dismissRow(ctx context.Context, conn *sql.Conn, v Verdict, run string) (facts int64, err error) {
	if err := decide(ctx, conn, v, QuarantineDismissed); err != nil {
		return 0, err
	}
	return rule(ctx, conn, v, run, "dismissed: ", sdk.QualitySuspect, DismissTransform)
}

func releaseRow(ctx context.Context, conn *sql.Conn, v Verdict, run string) (o held, facts int64, err error) {
	if err := decide(ctx, conn, v, QuarantineReleased); err != nil {
		return o, 0, err
	}
	if o, err = heldObservation(ctx, conn, v.ID); err != nil {
		return o, 0, err
	}
	if facts, err = rule(ctx, conn, v, run, "released: ", o.quality, ReleaseTransform); err != nil {
		return o, 0, err
	}
	if facts == 0 { // refused without a fact
		res := TaskResult{KnownAt: v.At, Task: Task{RunID: run}}
		if err := o.fact(&res, "released: "+v.Reason); err != nil {
			return o, 0, err
		}
		for _, t := range (batch{result: res, obsIDs: []int64{o.id}}).tables() {
			n, _, err := insertFacts(ctx, conn, t, res)
			if err != nil {
				return o, 0, fmt.Errorf("%s: %w", t.name, err)
			}
			facts += n
		}
	}
	_, err = conn.ExecContext(ctx,
		`UPDATE ingest_task SET state = 'have', error_class = NULL, error = NULL, rows = ingest_task.rows + ?
		 FROM quarantine r
		 WHERE r.quarantine_id = ? AND ingest_task.state = 'quarantined' AND ingest_task.job = r.job
		   AND ingest_task.plugin = r.plugin AND ingest_task.chain_id = r.chain_id AND ingest_task.tick = r.tick
		   AND NOT EXISTS (FROM quarantine q WHERE q.state = 'held' AND q.job = r.job AND q.plugin = r.plugin
		                   AND q.chain_id = r.chain_id AND q.tick = r.tick)`, facts, v.ID)
	return o, facts, err
}

// rule writes the verdict into the suspect facts that were kept beside a row: that
// of its observation, and, where no other suspect went into them, those derived,
// which keep their formula.
func rule(ctx context.Context, conn *sql.Conn, v Verdict, run, mark string, quality sdk.Quality, transform string) (int64, error) {
	_, err := conn.ExecContext(ctx, `
		CREATE OR REPLACE TEMP TABLE stage_new AS
		WITH q AS ( -- held: the observations that say the same, for a block may have been read again
			SELECT q.ts, q.token_id, list(r.obs_id) AS held
			FROM quarantine q JOIN raw_observation o USING (obs_id) JOIN raw_observation r
			  ON r.block_ts = o.block_ts AND r.token_id = o.token_id AND r.metric_id = o.metric_id AND r.basis = o.basis
			 AND r.value_text = o.value_text AND r.divisor_text IS NOT DISTINCT FROM o.divisor_text AND r.decimals = o.decimals
			WHERE q.quarantine_id = ? GROUP BY ALL),
		moment AS (
			SELECT f.*, q.held FROM fact_metric f JOIN q USING (ts, token_id)
			QUALIFY row_number() OVER (PARTITION BY f.metric_id, f.token_id, f.ts, f.basis ORDER BY f.known_at DESC) = 1)
		SELECT * EXCLUDE (held) REPLACE (
			?::VARCHAR AS quality, ?::VARCHAR AS reason, CASE WHEN basis = 'derived' THEN transform ELSE ? END AS transform, ?::VARCHAR AS run_id,
			greatest(?::TIMESTAMP, known_at + INTERVAL 1 MICROSECOND) AS known_at)
		FROM moment m
		WHERE quality = 'suspect' AND list_has_any(obs_ids, held) AND (basis <> 'derived' OR NOT EXISTS (
			FROM moment i WHERE i.basis <> 'derived' AND i.quality = 'suspect' AND NOT list_has_any(i.obs_ids, m.held)
			                AND list_has_all(m.obs_ids, i.obs_ids)))`,
		v.ID, string(quality), mark+v.Reason, transform, run, utc(v.At))
	if err != nil {
		return 0, err
	}
	n, err := affected(conn.ExecContext(ctx, `INSERT INTO fact_metric BY NAME FROM stage_new ORDER BY ts, metric_id, token_id, basis`))
	if err != nil || n == 0 {
		return 0, errors.Join(err, unstage(ctx, conn, "stage_new"))
	}
	if err := countUnsorted(ctx, conn); err != nil {
		return 0, err
	}
	return n, unstage(ctx, conn, "stage_new")
}

// decide writes the verdict into a row that is still held.
func decide(ctx context.Context, conn *sql.Conn, v Verdict, state string) error {
	n, err := affected(conn.ExecContext(ctx,
		`UPDATE quarantine SET state = ?, verdict = ?, decided_at = ? WHERE quarantine_id = ? AND state = 'held'`,
		state, v.Reason, utc(v.At), v.ID))
	if err != nil || n == 1 {
		return err
	}
	var now string
	err = conn.QueryRowContext(ctx, `SELECT state FROM quarantine WHERE quarantine_id = ?`, v.ID).Scan(&now)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: there is no such row", ErrNotHeld)
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: it was %s before", ErrNotHeld, now)
}
