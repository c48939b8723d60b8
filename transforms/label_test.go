package transforms_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func TestSupplyTimesRateMustBeTheBacking(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                   string
		backing, supply, rate  string
		reported               string
		quality                sdk.Quality
		reasonOfTheThreeStates string
	}{
		{"exactly equal is ok", eth("120"), eth("100"), "1200000000000000000", "", sdk.QualityOK, ""},
		{"within a thousandth is ok", "120119000000000000000", eth("100"), "1200000000000000000", "", sdk.QualityOK, ""},
		{"more than a thousandth off is suspect", "120121000000000000000", eth("100"), "1200000000000000000", "",
			sdk.QualitySuspect, "lst_supply 100 × exchange_rate 1.2 = 120, but backing_native is 120.121"},
		{"the supply of the report goes with the rate of the report", eth("120"), eth("117"), "1200000000000000000", eth("100"), sdk.QualityOK, ""},
		{"today's supply may go with it instead", eth("120"), eth("100"), "1200000000000000000", eth("117"), sdk.QualityOK, ""},
		{"where neither agrees the nearer is named", eth("120"), eth("90"), "1200000000000000000", eth("98"),
			sdk.QualitySuspect, "lst_supply_reported 98"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			obs := []sdk.Observation{
				read(sdk.BackingNative, tt.backing), read(sdk.LSTSupply, tt.supply), read(sdk.ExchangeRateMetric, tt.rate),
			}
			if tt.reported != "" {
				obs = append(obs, read(sdk.LSTSupplyReported, tt.reported))
			}
			out := normalise(obs...)
			if len(out.Rejects) != 0 {
				t.Fatalf("an improbable value must be kept: %+v", out.Rejects)
			}
			for _, m := range []sdk.MetricID{sdk.BackingNative, sdk.ExchangeRateMetric, sdk.TVLNative} {
				f := find(t, out, m)
				if f.Quality != tt.quality || !strings.Contains(f.Reason, tt.reasonOfTheThreeStates) {
					t.Errorf("%s: got %s, %q; want %s, %q", m, f.Quality, f.Reason, tt.quality, tt.reasonOfTheThreeStates)
				}
			}
		})
	}
}

func TestAJumpOfTheRateIsSuspect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		age     time.Duration
		rate    string
		quality sdk.Quality
		reason  string
	}{
		{"a rise of 3 % is ok", day, "1030000000000000000", sdk.QualityOK, ""},
		{"a larger rise is suspect", day, "1030000000000000001", sdk.QualitySuspect, "exchange_rate rose by 3 % from 1 (2024-02-29T12:00:00Z) to 1.030000000000000001, and more than 3 % within 30 days is suspect"},
		{"a fall of 5 % is ok, because slashing is real", day, "950000000000000000", sdk.QualityOK, ""},
		{"a larger fall is suspect", day, "900000000000000000", sdk.QualitySuspect, "fell by -10 % from 1"},
		{"after more than 30 days nothing is known", 31 * day, "1200000000000000000", sdk.QualityOK, ""},
		{"a value before the last one is not judged by it", -day, "1200000000000000000", sdk.QualityOK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{read(sdk.ExchangeRateMetric, tt.rate)},
				Previous: map[transforms.Key]transforms.Last{
					{Metric: sdk.ExchangeRateMetric, Token: "aeth"}: {TS: noon.Add(-tt.age), Value: rat("1")},
				},
			})
			f := find(t, out, sdk.ExchangeRateMetric)
			if f.Quality != tt.quality || !strings.Contains(f.Reason, tt.reason) {
				t.Errorf("got %s, %q; want %s, %q", f.Quality, f.Reason, tt.quality, tt.reason)
			}
		})
	}
}

func TestWithinABatchEachValueIsJudgedByTheLastTrustedOne(t *testing.T) {
	t.Parallel()
	var obs []sdk.Observation
	for i, rate := range []string{"1000000000000000000", "1200000000000000000", "1001000000000000000"} {
		obs = append(obs, read(sdk.ExchangeRateMetric, rate, func(o *sdk.Observation) {
			o.At = &sdk.Position{Time: noon.Add(time.Duration(i-3) * day)}
		}))
	}
	var got []sdk.Quality
	for _, f := range normalise(obs...).Metrics {
		got = append(got, f.Quality)
	}
	if want := "[ok suspect ok]"; want != sprint(got) {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestANegativeRebaseIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	out := normalise(
		read(sdk.ExchangeRateMetric, "1100000000000000000", func(o *sdk.Observation) { o.At = &sdk.Position{Time: noon.Add(-day)} }),
		read(sdk.ExchangeRateMetric, "1099890000000000000"))
	if n := len(out.Metrics); n != 2 || len(out.Rejects) != 0 {
		t.Fatalf("got %d facts, rejects %+v", n, out.Rejects)
	}
	if f := out.Metrics[1]; f.Quality != sdk.QualityOK || f.Value.Cmp(rat("1.09989")) != 0 {
		t.Errorf("got %s %s", f.Value, f.Quality)
	}
}

func TestBackingAndSupplyCannotVanish(t *testing.T) {
	t.Parallel()
	for _, metric := range []sdk.MetricID{sdk.BackingNative, sdk.LSTSupply, sdk.LSTSupplyReported} {
		t.Run(string(metric), func(t *testing.T) {
			t.Parallel()
			out := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{read(metric, "0")},
				Previous: map[transforms.Key]transforms.Last{{Metric: metric, Token: "aeth"}: {TS: noon.Add(-90 * day), Value: rat("12.5")}},
			})
			if len(out.Metrics) != 0 || len(out.Rejects) != 1 || out.Rejects[0].Check != "vanished" {
				t.Fatalf("got %+v", out)
			}
			if want := string(metric) + " fell from 12.5 (2023-12-02T12:00:00Z) to 0"; out.Rejects[0].Reason != want {
				t.Errorf("got %q, want %q", out.Rejects[0].Reason, want)
			}
		})
	}
}

func TestHalfAPoolDoesNotLeaveUnnoticed(t *testing.T) {
	t.Parallel()
	out := transforms.Normalise(transforms.Input{
		Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{read(sdk.BackingNative, eth("49"))},
		Previous: map[transforms.Key]transforms.Last{{Metric: sdk.BackingNative, Token: "aeth"}: {TS: noon.Add(-day), Value: rat("100")}},
	})
	if f := find(t, out, sdk.BackingNative); f.Quality != sdk.QualitySuspect {
		t.Errorf("got %s, %q", f.Quality, f.Reason)
	}
}

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
