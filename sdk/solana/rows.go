package solana

import (
	"math/big"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Rows collects the observations of one token at one snapshot. Each method adds
// one observation with position and evidence filled in and returns it, so that
// the caller can add a label, a reference epoch or a doubt.
type Rows struct {
	snap   *Snapshot
	token  sdk.TokenID
	anchor int
	at     *sdk.Position
	list   []*sdk.Observation
	fails  []sdk.Failure
}

// Rows starts the observations of a token. anchor is the index into the
// request's anchors.
func (s *Snapshot) Rows(token sdk.TokenID, anchor int) *Rows {
	at := s.Position()
	return &Rows{snap: s, token: token, anchor: anchor, at: &at}
}

// Lamports adds an amount in lamports, or in token units of the same decimals.
func (r *Rows) Lamports(metric sdk.MetricID, account PublicKey, field string, v uint64) *sdk.Observation {
	return r.value(metric, account, field, new(big.Int).SetUint64(v), nil, LamportDecimals)
}

// Count adds a whole number without decimals.
func (r *Rows) Count(metric sdk.MetricID, account PublicKey, field string, v uint64) *sdk.Observation {
	return r.value(metric, account, field, new(big.Int).SetUint64(v), nil, 0)
}

// Flag adds 1 for true and 0 for false.
func (r *Rows) Flag(metric sdk.MetricID, account PublicKey, field string, v bool) *sdk.Observation {
	var n uint64
	if v {
		n = 1
	}
	return r.Count(metric, account, field, n)
}

// BPS adds a fee of num/den as basis points, exactly. den must not be 0.
func (r *Rows) BPS(metric sdk.MetricID, account PublicKey, field string, num, den uint64) *sdk.Observation {
	v := new(big.Int).Mul(new(big.Int).SetUint64(num), big.NewInt(10_000))
	return r.value(metric, account, field, v, new(big.Int).SetUint64(den), 0)
}

// Ratio adds num/den/10^decimals. den must be positive.
func (r *Rows) Ratio(metric sdk.MetricID, account PublicKey, field string, num, den *big.Int, decimals uint8) *sdk.Observation {
	return r.value(metric, account, field, num, den, decimals)
}

// Unknown adds a value that is not known, and why.
func (r *Rows) Unknown(metric sdk.MetricID, account PublicKey, field, reason string) *sdk.Observation {
	o := r.value(metric, account, field, nil, nil, 0)
	o.Reason = reason
	return o
}

func (r *Rows) value(metric sdk.MetricID, account PublicKey, field string, v, divisor *big.Int, decimals uint8) *sdk.Observation {
	o := &sdk.Observation{
		Token: r.token, Metric: metric, Anchor: r.anchor, At: r.at,
		Value: v, Divisor: divisor, Decimals: decimals,
		Quality: sdk.QualityOK, Basis: sdk.OnChain,
		Source: sdk.Source{Method: snapshotMethod, Target: account.String(), Field: field, Digest: r.snap.Digest},
	}
	r.list = append(r.list, o)
	return o
}

// QuoteSizes are the sizes of exit quotes in SOL at redemption value.
var QuoteSizes = []uint64{1, 10, 100, 1_000, 10_000}

// lamportsPerSOL is 10^LamportDecimals.
const lamportsPerSOL = 1_000_000_000

// ExitQuotes adds one exit quote a size for a route. quote takes the size in
// lamports and returns the lamports received, or a reason why the route can not
// take the size. wait is nil when the wait is not known.
func (r *Rows) ExitQuotes(account PublicKey, route, field string, wait *time.Duration, quote func(lamports uint64) (uint64, string)) []*sdk.Observation {
	var out []*sdk.Observation
	for _, size := range QuoteSizes {
		var o *sdk.Observation
		if got, reason := quote(size * lamportsPerSOL); reason != "" {
			o = r.Unknown(sdk.ExitQuote, account, field, reason)
		} else {
			o = r.Lamports(sdk.ExitQuote, account, field, got)
		}
		o.Labels = map[string]string{sdk.LabelRoute: route, sdk.LabelSize: strconv.FormatUint(size, 10)}
		if wait != nil {
			o.Labels[sdk.LabelWait] = strconv.FormatInt(int64(*wait/time.Second), 10)
		}
		out = append(out, o)
	}
	return out
}

// Doubt lowers the quality of the known values among the named metrics, all of
// them when none is named. A row that is already in doubt keeps its reason.
func (r *Rows) Doubt(quality sdk.Quality, reason string, metrics ...sdk.MetricID) {
	for _, o := range r.list {
		if o.Value == nil || o.Quality != sdk.QualityOK {
			continue
		}
		for _, m := range metrics {
			if o.Metric == m {
				o.Quality, o.Reason = quality, reason
			}
		}
		if len(metrics) == 0 {
			o.Quality, o.Reason = quality, reason
		}
	}
}

// Epoch sets the reference epoch of the named metrics.
func (r *Rows) Epoch(epoch uint64, metrics ...sdk.MetricID) {
	for _, o := range r.list {
		for _, m := range metrics {
			if o.Metric == m {
				o.RefEpoch = epoch
			}
		}
	}
}

// Lacks records that an account the metrics come from could not be used: each
// metric is unknown, with err as the reason. An account that does not exist is
// merely unknown; anything worse, such as a wrong owner, is a failure as well.
func (r *Rows) Lacks(account PublicKey, field string, err error, metrics ...sdk.MetricID) {
	for _, m := range metrics {
		r.Unknown(m, account, field, err.Error())
	}
	if sdk.KindOf(err) != sdk.KindNoData {
		r.Fail(err)
	}
}

// Fail records that the token could not be read, in whole or in part.
func (r *Rows) Fail(err error) {
	r.fails = append(r.fails, sdk.Failure{Anchor: r.anchor, Token: r.token, Kind: sdk.KindOf(err), Message: err.Error()})
}

// Send hands everything to the sink.
func (r *Rows) Send(sink sdk.Sink) error {
	for _, f := range r.fails {
		if err := sink.Fail(f); err != nil {
			return err
		}
	}
	out := make([]sdk.Observation, len(r.list))
	for i, o := range r.list {
		out[i] = *o
	}
	if len(out) == 0 {
		return nil
	}
	return sink.Observe(out...)
}
