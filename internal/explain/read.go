package explain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Metric facts and prices under the same columns.
const (
	metricColumns = `metric_id, token_id, NULL AS quote, NULL AS venue, ts, ref_ts, value, value_exact, uncertainty, height, epoch, quality, reason,
		basis, finality, known_at, run_id, transform, obs_ids`
	priceColumns = `'price' AS metric_id, base_id AS token_id, quote, venue, ts, ref_ts, price AS value, price_exact AS value_exact, 0::DOUBLE AS uncertainty,
		height, NULL AS epoch, quality, reason, basis, NULL AS finality, known_at, run_id, transform, obs_ids`
	// A price's key has no basis, but a venue and the asset it is quoted in.
	priceNewest = `QUALIFY row_number() OVER (PARTITION BY base_id, quote, venue, ts, size_base ORDER BY known_at DESC) = 1`
)

func stamp(t time.Time) string {
	if t.IsZero() {
		return "TIMESTAMP 'infinity'"
	}
	return "TIMESTAMP '" + t.UTC().Format("2006-01-02 15:04:05.000000") + "'"
}

// newest reads up to n facts a question names, the newest first, and of one moment
// the one on the best basis.
func newest(ctx context.Context, src query.Source, q Question, n int) ([]Fact, error) {
	text := `SELECT ` + metricColumns + ` FROM metric_known(` + stamp(q.KnownAt) + `)
		WHERE metric_id = ? AND token_id = ? AND ts <= ` + stamp(q.At)
	args := []any{string(q.Metric), string(q.Token)}
	if q.Metric == sdk.Price {
		args = args[1:]
		text = `SELECT ` + priceColumns + ` FROM (FROM fact_price WHERE base_id = ? AND known_at <= ` + stamp(q.KnownAt) + ` AND ts <= ` + stamp(q.At) + `
			` + priceNewest + `) WHERE quality <> 'retracted'`
	}
	return facts(ctx, src, text+` ORDER BY ts DESC, basis_rank(basis), quote, venue LIMIT `+strconv.Itoa(n), args...)
}

// versions are all versions of a fact's key.
func versions(ctx context.Context, src query.Source, f Fact) ([]Fact, error) {
	if f.Metric == sdk.Price {
		return facts(ctx, src, `SELECT `+priceColumns+` FROM fact_price WHERE base_id = ? AND quote = ? AND venue = ? AND ts = `+stamp(f.TS)+` ORDER BY known_at`,
			string(f.Token), f.Quote, f.Venue)
	}
	return facts(ctx, src, `SELECT `+metricColumns+` FROM fact_metric WHERE metric_id = ? AND token_id = ? AND basis = ? AND ts = `+stamp(f.TS)+` ORDER BY known_at`,
		string(f.Metric), string(f.Token), f.Basis)
}

// homeOf names the token whose facts a wrapper has instead of its own; "" if it
// has its own, or is none.
func homeOf(ctx context.Context, src query.Source, q Question) (sdk.TokenID, error) {
	own, err := newest(ctx, src, q, 1)
	if err != nil || len(own) > 0 {
		return "", err
	}
	list, err := read(ctx, src, `SELECT rate_of FROM dim_token WHERE token_id = ? AND accrual = 'wrapper' AND rate_of IS NOT NULL`, string(q.Token))
	if err != nil || len(list) == 0 {
		return "", err
	}
	return sdk.TokenID(list[0].text("rate_of")), nil
}

// missing says what there is instead of a fact that is not there.
func missing(ctx context.Context, src query.Source, q Question) error {
	what := fmt.Sprintf("%s of %s at or before %s", q.Metric, q.Token, q.At.Format(time.RFC3339))
	if _, known := sdk.LookupMetric(q.Metric); !known {
		return fmt.Errorf("%w: there is no metric %q; `pipeline sql \"select metric_id, definition from dim_metric\"` lists them", ErrNoFact, q.Metric)
	}
	later := q
	later.At = time.Time{}
	first, err := newest(ctx, src, later, 1_000_000)
	if err != nil {
		return err
	}
	if len(first) > 0 {
		return fmt.Errorf("%w: %s; the first is of %s", ErrNoFact, what, first[len(first)-1].TS.Format(time.RFC3339))
	}
	return fmt.Errorf("%w: %s, nor of any other time; `pipeline sql \"select distinct metric_id, token_id from metric_now\"` lists what there is", ErrNoFact, what)
}

// derivedFrom names the metrics a transform computes from.
var derivedFrom = map[string][]sdk.MetricID{
	"tvl_native": {sdk.LSTSupply, sdk.ExchangeRateMetric}, "utilisation": {sdk.StakingNative, sdk.BackingNative},
}

// name is a transform without its version.
func name(transform string) string {
	n, _, _ := strings.Cut(transform, "@")
	return n
}

// inputs reads what a derived fact was computed from, as it was known then.
func inputs(ctx context.Context, src query.Source, f Fact) ([]Fact, error) {
	var all []Fact
	for _, m := range derivedFrom[name(f.Transform)] {
		list, err := newest(ctx, src, Question{Metric: m, Token: f.Token, At: f.TS, KnownAt: f.KnownAt}, 1)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func observations(ctx context.Context, src query.Source, ids []int64) ([]Observation, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	in := make([]string, len(ids))
	for i, id := range ids {
		in[i] = strconv.FormatInt(id, 10)
	}
	list, err := read(ctx, src, `
		SELECT o.* REPLACE (o.labels::VARCHAR AS labels), r.command FROM raw_observation o LEFT JOIN ingest_run r USING (run_id)
		WHERE obs_id IN (`+strings.Join(in, ", ")+`) ORDER BY obs_id`)
	if err != nil {
		return nil, err
	}
	obs := make([]Observation, len(list))
	for i, r := range list {
		obs[i] = Observation{
			ID: r.int("obs_id"), Token: sdk.TokenID(r.text("token_id")), Metric: sdk.MetricID(r.text("metric_id")), Labels: r.text("labels"),
			Value: r.text("value_text"), Divisor: r.text("divisor_text"), Decimals: uint8(r.uint("decimals")),
			Quality: r.text("quality"), Reason: r.text("reason"), Basis: r.text("basis"),
			Method: r.text("method"), Target: r.text("target"), Field: r.text("field"), Digest: r.text("payload_sha256"),
			Chain: sdk.ChainID(r.text("chain_id")), Height: r.uint("height"), Hash: r.text("block_hash"), BlockTS: r.time("block_ts"),
			RefTS: r.time("ref_ts"), Finality: r.text("finality"), Endpoint: r.text("endpoint"),
			Plugin: r.text("plugin"), PluginVersion: r.text("plugin_version"), PluginSHA256: r.text("plugin_sha256"),
			Job: r.text("job"), Tick: r.time("tick"), FetchedAt: r.time("fetched_at"), RunID: r.text("run_id"), Command: r.text("command"),
		}
	}
	return obs, nil
}

func facts(ctx context.Context, src query.Source, text string, args ...any) ([]Fact, error) {
	list, err := read(ctx, src, text, args...)
	if err != nil {
		return nil, err
	}
	out := make([]Fact, len(list))
	for i, r := range list {
		f := Fact{
			Metric: sdk.MetricID(r.text("metric_id")), Token: sdk.TokenID(r.text("token_id")), Quote: r.text("quote"), Venue: r.text("venue"),
			TS: r.time("ts"), RefTS: r.time("ref_ts"), Uncertainty: r.float("uncertainty"), Height: r.uint("height"), Epoch: r.uint("epoch"),
			Quality: r.text("quality"), Reason: r.text("reason"), Basis: r.text("basis"), Finality: r.text("finality"),
			KnownAt: r.time("known_at"), RunID: r.text("run_id"), Transform: r.text("transform"),
		}
		def, _ := sdk.LookupMetric(f.Metric)
		f.Unit = def.Unit
		if f.Metric == sdk.Price {
			f.Unit = f.Quote
		}
		if d, ok := r["value_exact"].(store.Decimal); ok {
			f.Value, f.Exact = trim(d.String()), true
		} else if v, ok := r["value"].(float64); ok {
			f.Value = strconv.FormatFloat(v, 'g', -1, 64)
		}
		ids, _ := r["obs_ids"].([]any)
		for _, id := range ids {
			n, _ := id.(int64)
			f.ObsIDs = append(f.ObsIDs, n)
		}
		out[i] = f
	}
	return out, nil
}

// trim drops the trailing zeros of a decimal.
func trim(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// record is a row by column. Its getters give the zero value for NULL.
type record map[string]any

func (r record) text(c string) string    { s, _ := r[c].(string); return s }
func (r record) int(c string) int64      { n, _ := r[c].(int64); return n }
func (r record) uint(c string) uint64    { n, _ := r[c].(uint64); return n }
func (r record) float(c string) float64  { f, _ := r[c].(float64); return f }
func (r record) time(c string) time.Time { t, _ := r[c].(time.Time); return t }

func read(ctx context.Context, src query.Source, text string, args ...any) (list []record, err error) {
	rows, err := src.Query(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := record{}
		for i, c := range rows.Columns() {
			r[c.Name] = rows.Values()[i]
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// quantity is what an observation says, in the metric's unit; nil if unknown.
func (o Observation) quantity() *big.Rat {
	n, ok := new(big.Int).SetString(o.Value, 10)
	if !ok {
		return nil
	}
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(o.Decimals)), nil)
	if d, ok := new(big.Int).SetString(o.Divisor, 10); ok && d.Sign() > 0 {
		den.Mul(den, d)
	}
	return new(big.Rat).SetFrac(n, den)
}
