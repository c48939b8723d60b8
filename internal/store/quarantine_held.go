package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// held is the observation of a row in quarantine.
type held struct {
	row      int64 // in quarantine
	check    string
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
	quality  sdk.Quality // what it is once released
	basis    sdk.Basis
	finality sdk.Finality
	labels   map[string]string
}

func heldObservation(ctx context.Context, conn *sql.Conn, id int64) (held, error) {
	o := held{row: id}
	var obs sql.NullInt64
	err := conn.QueryRowContext(ctx, `SELECT obs_id, check_name FROM quarantine WHERE quarantine_id = ?`, id).Scan(&obs, &o.check)
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
		        o.height, o.epoch, o.quality, o.basis, o.finality, o.labels::VARCHAR
		 FROM raw_observation o LEFT JOIN dim_token t USING (token_id) WHERE o.obs_id = ?`, o.id).
		Scan(&o.token, &protocol, &o.metric, &o.ts, &ref, &refEpoch, &value, &divisor, &decimals, &height, &epoch, &o.quality, &o.basis, &finality, &labels)
	if err != nil {
		return o, fmt.Errorf("read observation %d: %w", o.id, err)
	}
	o.protocol, o.refTS, o.refEpoch, o.height, o.epoch = sdk.ProtocolID(protocol.String), ref.Time, refEpoch.V, height.V, epoch.V
	o.finality = sdk.Finality(finality.String)
	if o.quality == sdk.QualitySuspect { // a person has vouched for it
		o.quality = sdk.QualityOK
	}
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
func (o held) fact(res *TaskResult, reason string) error {
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
			Height: o.height, Quality: o.quality, Reason: reason, Basis: o.basis, Obs: []int{0}, Transform: ReleaseTransform,
		}}
	case sdk.ExitQuote:
		size, ok := new(big.Rat).SetString(o.labels[sdk.LabelSize])
		if !ok || size.Sign() <= 0 || o.labels[sdk.LabelRoute] == "" {
			return errors.New("an exit quote without route and size cannot become a fact; dismiss it")
		}
		q := transforms.ExitQuote{
			Token: o.token, TS: o.ts, Route: o.labels[sdk.LabelRoute], Size: size, Out: o.value, Height: o.height,
			Quality: o.quality, Reason: reason, Basis: o.basis, Obs: []int{0}, Transform: ReleaseTransform,
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
			Height: o.height, Epoch: o.epoch, Quality: o.quality, Reason: reason, Basis: o.basis, Finality: o.finality,
			Obs: []int{0}, Transform: ReleaseTransform,
		}}
	}
	return nil
}

// heldAfter lists what was held, like o, for being too far from the last value, at
// the time of o or later, oldest first.
func heldAfter(ctx context.Context, conn *sql.Conn, o held) ([]held, error) {
	if o.check != transforms.CheckJump && o.check != transforms.CheckMonotony {
		return nil, nil
	}
	rows, err := conn.QueryContext(ctx,
		`SELECT q.quarantine_id FROM quarantine q JOIN raw_observation r USING (obs_id)
		 WHERE q.state = 'held' AND q.check_name IN (?, ?) AND q.token_id = ? AND q.metric_id = ? AND r.basis = ? AND q.ts >= ?
		 ORDER BY q.ts, q.quarantine_id`,
		transforms.CheckJump, transforms.CheckMonotony, string(o.token), string(o.metric), string(o.basis), utc(o.ts))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	list := make([]held, len(ids))
	for i, id := range ids {
		if list[i], err = heldObservation(ctx, conn, id); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// follows reports whether the checks let the observation pass now that first is
// released.
func (o held) follows(ctx context.Context, conn *sql.Conn, first held) (bool, error) {
	if o.value == nil {
		return false, nil
	}
	if o.ts.Equal(first.ts) { // the same moment, read by another job
		return o.value.Cmp(first.value) == 0, nil
	}
	past, err := previousAt(ctx, conn, []sdk.TokenID{o.token}, []time.Time{o.ts})
	if err != nil {
		return false, err
	}
	f := transforms.MetricFact{Metric: o.metric, Token: o.token, TS: o.ts, Value: o.value, Basis: o.basis}
	_, why := transforms.DefaultSettings().Judge(sdk.Token{RateNeverFalls: o.check == transforms.CheckMonotony}, f,
		past[0][transforms.Key{Metric: o.metric, Token: o.token, Basis: o.basis}])
	return why == "", nil
}

// readLabels reads the JSON object of labels; empty is none.
func readLabels(text string) (map[string]string, error) {
	labels := map[string]string{}
	if text == "" {
		return labels, nil
	}
	return labels, json.Unmarshal([]byte(text), &labels)
}
