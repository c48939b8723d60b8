package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// States of a row in quarantine.
const (
	QuarantineHeld      = "held"
	QuarantineReleased  = "released"
	QuarantineDismissed = "dismissed"
)

// ReleaseTransform is the transform of facts that a person released.
const ReleaseTransform = "manual-release@1"

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

// Dismiss writes down that a row was refused rightly. It stays, with the verdict.
func (s *Store) Dismiss(ctx context.Context, v Verdict) error {
	if strings.TrimSpace(v.Reason) == "" {
		return errors.New("dismiss: a reason is required")
	}
	return s.write(ctx, fmt.Sprintf("dismiss row %d of the quarantine", v.ID), func(ctx context.Context, conn *sql.Conn) error {
		return decide(ctx, conn, v, QuarantineDismissed)
	})
}

// Release makes a fact of the observation that a row in quarantine holds, with the
// verdict as its reason and quality suspect: a person vouches for it, the checks do
// not. Verdict, fact, and the run it belongs to (its id is returned) are written
// together. A task all of whose rows were refused has its rows once none is held.
func (s *Store) Release(ctx context.Context, v Verdict) (runID string, err error) {
	if strings.TrimSpace(v.Reason) == "" {
		return "", errors.New("release: a reason is required")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	err = s.write(ctx, fmt.Sprintf("release row %d of the quarantine", v.ID), func(ctx context.Context, conn *sql.Conn) error {
		if err := decide(ctx, conn, v, QuarantineReleased); err != nil {
			return err
		}
		o, err := heldObservation(ctx, conn, v.ID)
		if err != nil {
			return err
		}
		res := TaskResult{KnownAt: v.At, Task: Task{RunID: id.String()}}
		if err := o.fact(&res, v.Reason); err != nil {
			return err
		}
		var added int64
		for _, t := range (batch{result: res, obsIDs: []int64{o.id}}).tables() {
			n, _, err := insertFacts(ctx, conn, t, res)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			added += n
		}
		if _, err := conn.ExecContext(ctx,
			`INSERT INTO ingest_run (run_id, command, started_at, ended_at, status, rows, version) VALUES (?, 'release', ?, ?, 'ok', ?, ?)`,
			id.String(), utc(v.At), utc(v.At), added, v.Version); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx,
			`UPDATE ingest_task SET state = 'have', error_class = NULL, error = NULL, rows = ingest_task.rows + ?
			 FROM quarantine r
			 WHERE r.quarantine_id = ? AND ingest_task.state = 'quarantined' AND ingest_task.job = r.job
			   AND ingest_task.plugin = r.plugin AND ingest_task.chain_id = r.chain_id AND ingest_task.tick = r.tick
			   AND NOT EXISTS (FROM quarantine q WHERE q.state = 'held' AND q.job = r.job AND q.plugin = r.plugin
			                   AND q.chain_id = r.chain_id AND q.tick = r.tick)`, added, v.ID)
		return err
	})
	if err != nil {
		return "", err
	}
	return id.String(), nil
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

// held is the observation of a row in quarantine.
type held struct {
	id       int64
	token    sdk.TokenID
	protocol sdk.ProtocolID
	metric   sdk.MetricID
	ts       time.Time
	refTS    time.Time
	refEpoch uint64
	value    *big.Rat // nil: unknown
	height   uint64
	epoch    uint64
	basis    sdk.Basis
	finality sdk.Finality
	labels   map[string]string
}

func heldObservation(ctx context.Context, conn *sql.Conn, id int64) (held, error) {
	var o held
	var obs sql.NullInt64
	err := conn.QueryRowContext(ctx, `SELECT obs_id FROM quarantine WHERE quarantine_id = ?`, id).Scan(&obs)
	if err != nil {
		return o, err
	}
	if !obs.Valid {
		return o, errors.New("it holds no observation that could become a fact; dismiss it, and have its task tried again (pipeline run --retry)")
	}
	o.id = obs.Int64
	var value, divisor, protocol, finality sql.NullString
	var decimals uint8
	var ref sql.NullTime
	var refEpoch, height, epoch sql.Null[uint64]
	var labels sql.NullString
	err = conn.QueryRowContext(ctx,
		`SELECT o.token_id, t.protocol_id, o.metric_id, o.block_ts, o.ref_ts, o.ref_epoch, o.value_text, o.divisor_text, o.decimals,
		        o.height, o.epoch, o.basis, o.finality, o.labels::VARCHAR
		 FROM raw_observation o LEFT JOIN dim_token t USING (token_id) WHERE o.obs_id = ?`, o.id).
		Scan(&o.token, &protocol, &o.metric, &o.ts, &ref, &refEpoch, &value, &divisor, &decimals, &height, &epoch, &o.basis, &finality, &labels)
	if err != nil {
		return o, fmt.Errorf("read observation %d: %w", o.id, err)
	}
	o.protocol, o.refTS, o.refEpoch, o.height, o.epoch = sdk.ProtocolID(protocol.String), ref.Time, refEpoch.V, height.V, epoch.V
	o.finality = sdk.Finality(finality.String)
	if o.labels, err = readLabels(labels.String); err != nil {
		return o, fmt.Errorf("labels of observation %d: %w", o.id, err)
	}
	if value.Valid {
		o.value, err = quantity(value.String, divisor.String, decimals)
	}
	return o, err
}

// quantity is value ÷ divisor ÷ 10^decimals; an empty divisor is 1.
func quantity(value, divisor string, decimals uint8) (*big.Rat, error) {
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	if divisor != "" {
		d, ok := new(big.Int).SetString(divisor, 10)
		if !ok || d.Sign() <= 0 {
			return nil, fmt.Errorf("its divisor %q is no positive integer, so it has no value", divisor)
		}
		den.Mul(den, d)
	}
	n, ok := new(big.Int).SetString(value, 10)
	if !ok {
		return nil, fmt.Errorf("its value %q is no integer", value)
	}
	return new(big.Rat).SetFrac(n, den), nil
}

// fact adds what the observation says to a result.
func (o held) fact(res *TaskResult, verdict string) error {
	if def, known := sdk.LookupMetric(o.metric); !known || def.Derived {
		return fmt.Errorf("%s is no metric that can be observed; dismiss it", o.metric)
	}
	if o.value == nil {
		return errors.New("its value is unknown, so there is no fact to make; dismiss it")
	}
	switch o.metric {
	case sdk.Price:
		if o.labels[sdk.LabelQuote] == "" || o.labels[sdk.LabelVenue] == "" {
			return errors.New("a price without quote and venue cannot become a fact; dismiss it")
		}
		res.Prices = []transforms.PriceFact{{
			Base: o.token, Quote: o.labels[sdk.LabelQuote], Venue: o.labels[sdk.LabelVenue], TS: o.ts, RefTS: o.refTS, Price: o.value,
			Height: o.height, Quality: sdk.QualitySuspect, Reason: verdict, Basis: o.basis, Obs: []int{0}, Transform: ReleaseTransform,
		}}
	case sdk.ExitQuote:
		size, ok := new(big.Rat).SetString(o.labels[sdk.LabelSize])
		if !ok || size.Sign() <= 0 || o.labels[sdk.LabelRoute] == "" {
			return errors.New("an exit quote without route and size cannot become a fact; dismiss it")
		}
		q := transforms.ExitQuote{
			Token: o.token, TS: o.ts, Route: o.labels[sdk.LabelRoute], Size: size, Out: o.value, Height: o.height,
			Quality: sdk.QualitySuspect, Reason: verdict, Basis: o.basis, Obs: []int{0}, Transform: ReleaseTransform,
		}
		if seconds, err := strconv.ParseInt(o.labels[sdk.LabelWait], 10, 32); err == nil {
			wait := time.Duration(seconds) * time.Second
			q.Wait = &wait
		}
		res.Quotes = []transforms.ExitQuote{q}
	case sdk.OperatorStake:
		if o.protocol == "" || o.labels[sdk.LabelOperator] == "" {
			return errors.New("a stake without protocol and operator cannot become a fact; dismiss it")
		}
		res.Operators = []transforms.OperatorStake{{
			Protocol: o.protocol, Operator: o.labels[sdk.LabelOperator], TS: o.ts, Stake: o.value, Obs: []int{0}, Transform: ReleaseTransform,
		}}
	default:
		res.Metrics = []transforms.MetricFact{{
			Metric: o.metric, Token: o.token, TS: o.ts, RefTS: o.refTS, RefEpoch: o.refEpoch, Value: o.value, Uncertainty: new(big.Rat),
			Height: o.height, Epoch: o.epoch, Quality: sdk.QualitySuspect, Reason: verdict, Basis: o.basis, Finality: o.finality,
			Obs: []int{0}, Transform: ReleaseTransform,
		}}
	}
	return nil
}

// readLabels reads the JSON object of labels; empty is none.
func readLabels(text string) (map[string]string, error) {
	labels := map[string]string{}
	if text == "" {
		return labels, nil
	}
	return labels, json.Unmarshal([]byte(text), &labels)
}
