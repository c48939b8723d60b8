package transforms_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func sprint(v any) string { return fmt.Sprint(v) }

// usd is a price of ETH in whole dollars.
func usd(dollars, venue string, age time.Duration) sdk.Observation {
	return read(sdk.Price, dollars, func(o *sdk.Observation) {
		o.Token, o.Decimals, o.At = "ETH", 0, &sdk.Position{Time: noon.Add(-age)}
		o.Labels = map[string]string{sdk.LabelQuote: "USD", sdk.LabelVenue: venue}
	})
}

func TestTVLIsSupplyTimesRate(t *testing.T) {
	t.Parallel()
	out := normalise(read(sdk.LSTSupply, eth("100")), read(sdk.ExchangeRateMetric, "1200000000000000001"))
	f := find(t, out, sdk.TVLNative)
	if f.Value.Cmp(rat("120.0000000000000001")) != 0 || f.Basis != transforms.BasisDerived ||
		f.Transform != transforms.TVLNativeTransform || sprint(f.Obs) != "[0 1]" || f.Height != 100 || f.Finality != sdk.Finalized {
		t.Errorf("got %+v", f)
	}
}

func TestTVLInUSDTakesTheNewestPriceOfTheNativeAsset(t *testing.T) {
	t.Parallel()
	backing := read(sdk.BackingNative, eth("100"))
	for _, tt := range []struct {
		name   string
		prices []sdk.Observation
		stored *big.Rat
		want   string // "" for no fact
	}{
		{"the newest before the reading", []sdk.Observation{usd("3000", "x", 3*time.Hour), usd("3100", "x", time.Hour)}, nil, "310000"},
		{"of two venues the first by name", []sdk.Observation{usd("3000", "b", 0), usd("3100", "a", 0)}, nil, "310000"},
		{"the batch before what is stored", []sdk.Observation{usd("3000", "x", 0)}, rat("1"), "300000"},
		{"what is stored when the batch has none", nil, rat("2500.5"), "250050"},
		{"a price too old is none", []sdk.Observation{usd("3000", "x", 27*time.Hour)}, nil, ""},
		{"without a price there is no fact", nil, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: append([]sdk.Observation{backing}, tt.prices...),
				PriceAt: func(asset sdk.TokenID, ts time.Time) *big.Rat {
					if asset != "ETH" || !ts.Equal(noon) {
						t.Errorf("asked for %s at %s", asset, ts)
					}
					return tt.stored
				},
			})
			if tt.want == "" {
				for _, f := range out.Metrics {
					if f.Metric == sdk.TVLUSD {
						t.Fatalf("got %s", f.Value)
					}
				}
				return
			}
			if f := find(t, out, sdk.TVLUSD); f.Value.Cmp(rat(tt.want)) != 0 {
				t.Errorf("got %s, want %s", f.Value, tt.want)
			}
		})
	}
}

func TestADerivedFactInheritsTheDoubtsOfItsInputs(t *testing.T) {
	t.Parallel()
	price := usd("3000", "x", 0)
	price.Quality, price.Reason = sdk.QualityStale, "not updated for 30 h"
	out := normalise(read(sdk.BackingNative, eth("1")), price)
	f := find(t, out, sdk.TVLUSD)
	if f.Quality != sdk.QualityStale || f.Reason != "not updated for 30 h" || sprint(f.Obs) != "[0 1]" {
		t.Errorf("got %s, %q, %v", f.Quality, f.Reason, f.Obs)
	}
}

func TestUtilisationIsStakingOverBacking(t *testing.T) {
	t.Parallel()
	out := normalise(read(sdk.StakingNative, eth("75")), read(sdk.BackingNative, eth("100")))
	if f := find(t, out, sdk.Utilisation); f.Value.Cmp(rat("3/4")) != 0 {
		t.Errorf("got %s", f.Value)
	}
	out = normalise(read(sdk.StakingNative, "0"), read(sdk.BackingNative, "0"))
	if f := find(t, out, sdk.Utilisation); f.Value != nil || f.Reason == "" {
		t.Errorf("of nothing: got %v, %q", f.Value, f.Reason)
	}
}

func TestDerivedUncertaintyFollowsFromTheInputs(t *testing.T) {
	t.Parallel()
	published := func(o *sdk.Observation) { o.Basis, o.Decimals = sdk.Published, 2 }
	out := normalise(read(sdk.LSTSupply, "10000", published), read(sdk.ExchangeRateMetric, "120", published))
	// 100 ± 0.01 shares at 1.20 ± 0.01.
	if f := find(t, out, sdk.TVLNative); f.Uncertainty.Cmp(rat("1.012")) != 0 {
		t.Errorf("got %s", f.Uncertainty)
	}
}

func TestAMomentReadOnSeveralBasesDerivesFromTheChain(t *testing.T) {
	t.Parallel()
	on := func(basis sdk.Basis) func(*sdk.Observation) {
		return func(o *sdk.Observation) { o.Basis = basis }
	}
	out := normalise(
		read(sdk.StakingNative, eth("1"), on(sdk.Published)), read(sdk.BackingNative, eth("2"), on(sdk.Published)),
		read(sdk.StakingNative, eth("3")), read(sdk.BackingNative, eth("4")),
		read(sdk.StakingNative, eth("1"), on(sdk.API)), read(sdk.BackingNative, eth("8"), on(sdk.API)))
	if f := find(t, out, sdk.Utilisation); f.Value.Cmp(rat("3/4")) != 0 {
		t.Errorf("got %s", f.Value)
	}
}
