package evm

import (
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Rows collects the observations of one token at one anchor.
type Rows struct {
	snap     *Snapshot
	token    sdk.TokenID
	obs      []sdk.Observation
	failures []sdk.Failure
}

// Rows starts the rows of a token.
func (s *Snapshot) Rows(token sdk.TokenID) *Rows { return &Rows{snap: s, token: token} }

// Add turns a number into an observation. Where the chain has no answer the
// observation has no value and the reason; any other error becomes a failure of
// the token. labels are pairs of key and value.
func (r *Rows) Add(metric sdk.MetricID, n Number, labels ...string) {
	o := sdk.Observation{
		Token: r.token, Metric: metric, Anchor: r.snap.Index, At: n.Position,
		Value: n.Value, Divisor: n.Divisor, Decimals: n.Decimals,
		RefTime: n.RefTime, Quality: n.Quality, Reason: n.Reason, Source: n.Source,
	}
	if len(labels) > 0 {
		o.Labels = map[string]string{}
		for i := 0; i+1 < len(labels); i += 2 {
			o.Labels[labels[i]] = labels[i+1]
		}
	}
	if n.Err == nil && IsUnlimited(n.Value) {
		n.Err = sdk.Errorf(sdk.KindNoData, "the contract answered 2^256-1, which stands for no limit or never")
	}
	switch sdk.KindOf(n.Err) {
	case "":
	case sdk.KindNoData:
		o.Value, o.Divisor, o.RefTime, o.At = nil, nil, time.Time{}, nil
		o.Quality, o.Reason = sdk.QualityOK, n.Err.Error()
	default:
		r.failures = append(r.failures, sdk.Failure{
			Anchor: r.snap.Index, Token: r.token, Kind: sdk.KindOf(n.Err),
			Message: string(metric) + ": " + n.Err.Error(),
		})
		return
	}
	r.obs = append(r.obs, o)
}

// Emit hands everything over to the sink.
func (r *Rows) Emit(sink sdk.Sink) error {
	for _, f := range r.failures {
		if err := sink.Fail(f); err != nil {
			return err
		}
	}
	if len(r.obs) == 0 {
		return nil
	}
	return sink.Observe(r.obs...)
}
