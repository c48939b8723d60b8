package transforms_test

import (
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func TestAPrintedRateWithFewDigitsIsEstimated(t *testing.T) {
	t.Parallel()
	printed := func(value string, decimals uint8) transforms.MetricFact {
		return find(t, normalise(read(sdk.ExchangeRateMetric, value, func(o *sdk.Observation) {
			o.Decimals, o.Basis = decimals, sdk.Published
		})), sdk.ExchangeRateMetric)
	}
	if f := printed("11216", 4); f.Quality != sdk.QualityEstimated || f.Reason != "the rate has only 5 significant digits" {
		t.Errorf("5 digits: got %s, %q", f.Quality, f.Reason)
	}
	if f := printed("112160000", 8); f.Quality != sdk.QualityOK {
		t.Errorf("9 digits: got %s, %q", f.Quality, f.Reason)
	}
}

func TestTheSessionsQualityHoldsForEveryRowAndNeverImprovesOne(t *testing.T) {
	t.Parallel()
	out := transforms.Normalise(transforms.Input{
		Anchors: []sdk.Anchor{ethereum}, Tokens: tokens,
		Session: transforms.SessionQuality{Quality: sdk.QualityEstimated, Note: "the recording's time was estimated"},
		Observations: []sdk.Observation{
			read(sdk.BackingNative, "1"),
			read(sdk.LSTSupply, "1", func(o *sdk.Observation) { o.Quality, o.Reason = sdk.QualitySuspect, "read mid-crank" }),
		},
	})
	if f := find(t, out, sdk.BackingNative); f.Quality != sdk.QualityEstimated || f.Reason != "the recording's time was estimated" {
		t.Errorf("got %s, %q", f.Quality, f.Reason)
	}
	if f := find(t, out, sdk.LSTSupply); f.Quality != sdk.QualitySuspect || f.Reason != "read mid-crank; the recording's time was estimated" {
		t.Errorf("got %s, %q", f.Quality, f.Reason)
	}
}

func TestTheSameMomentTwice(t *testing.T) {
	t.Parallel()
	t.Run("agreeing observations become one fact that names both", func(t *testing.T) {
		t.Parallel()
		out := normalise(read(sdk.BackingNative, "10", func(o *sdk.Observation) { o.Decimals = 1 }), read(sdk.BackingNative, eth("1")))
		if f := find(t, out, sdk.BackingNative); sprint(f.Obs) != "[0 1]" || len(out.Rejects) != 0 {
			t.Errorf("got %v, rejects %+v", f.Obs, out.Rejects)
		}
	})
	t.Run("contradicting observations are all refused", func(t *testing.T) {
		t.Parallel()
		out := normalise(read(sdk.BackingNative, eth("1")), read(sdk.BackingNative, eth("2")), read(sdk.BackingNative, eth("1")))
		if len(out.Metrics) != 0 || len(out.Rejects) != 3 {
			t.Fatalf("got %+v", out)
		}
		for _, r := range out.Rejects {
			if r.Check != "conflict" || r.Reason != "3 observations of one moment disagree: 1 and 2" {
				t.Errorf("got %q, %q", r.Check, r.Reason)
			}
		}
	})
	t.Run("a number and an unknown contradict each other", func(t *testing.T) {
		t.Parallel()
		out := normalise(read(sdk.BackingNative, eth("1")), read(sdk.BackingNative, "", func(o *sdk.Observation) { o.Reason = "null" }))
		if len(out.Metrics) != 0 || len(out.Rejects) != 2 {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("two bases are two facts", func(t *testing.T) {
		t.Parallel()
		out := normalise(read(sdk.BackingNative, eth("1")), read(sdk.BackingNative, eth("2"), func(o *sdk.Observation) { o.Basis = sdk.Published }))
		if len(out.Metrics) != 2 || len(out.Rejects) != 0 {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("quotes and operators are told apart by their labels", func(t *testing.T) {
		t.Parallel()
		quote := func(size, out string) sdk.Observation {
			return read(sdk.ExitQuote, out, func(o *sdk.Observation) {
				o.Labels = map[string]string{sdk.LabelRoute: "queue", sdk.LabelSize: size, sdk.LabelWait: "60"}
			})
		}
		operator := func(name, stake string) sdk.Observation {
			return read(sdk.OperatorStake, stake, func(o *sdk.Observation) { o.Labels = map[string]string{sdk.LabelOperator: name} })
		}
		out := normalise(
			quote("1", eth("1")), quote("1.0", eth("1")), quote("10", eth("10")), // one size written twice
			operator("x", eth("32")), operator("y", eth("32")), operator("x", eth("64")))
		if len(out.ExitQuotes) != 2 || sprint(out.ExitQuotes[0].Obs) != "[0 1]" || *out.ExitQuotes[0].Wait != time.Minute {
			t.Errorf("quotes: %+v", out.ExitQuotes)
		}
		if len(out.OperatorStakes) != 1 || out.OperatorStakes[0].Operator != "y" {
			t.Errorf("operators: %+v", out.OperatorStakes)
		}
		if len(out.Rejects) != 2 || out.Rejects[0].Check != "conflict" || out.Rejects[0].Token != "aeth" {
			t.Errorf("rejects: %+v", out.Rejects)
		}
	})
	t.Run("two venues are two prices", func(t *testing.T) {
		t.Parallel()
		at := func(venue, v string) sdk.Observation {
			return read(sdk.Price, v, func(o *sdk.Observation) { o.Labels = map[string]string{"quote": "ETH", "venue": venue} })
		}
		if out := normalise(at("curve", eth("1")), at("balancer", eth("2"))); len(out.Prices) != 2 {
			t.Errorf("got %+v", out)
		}
	})
}
