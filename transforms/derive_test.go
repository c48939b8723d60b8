package transforms_test

import (
	"fmt"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func sprint(v any) string { return fmt.Sprint(v) }

func TestTVLIsSupplyTimesRate(t *testing.T) {
	t.Parallel()
	out := normalise(read(sdk.LSTSupply, eth("100")), read(sdk.ExchangeRateMetric, "1200000000000000001"))
	f := find(t, out, sdk.TVLNative)
	if f.Value.Cmp(rat("120.0000000000000001")) != 0 || f.Basis != transforms.BasisDerived ||
		f.Transform != transforms.TVLNativeTransform || sprint(f.Obs) != "[0 1]" || f.Height != 100 || f.Finality != sdk.Finalized {
		t.Errorf("got %+v", f)
	}
}

func TestADerivedFactInheritsTheDoubtsOfItsInputs(t *testing.T) {
	t.Parallel()
	supply := read(sdk.LSTSupply, eth("100"))
	supply.Quality, supply.Reason = sdk.QualityStale, "not updated for 30 h"
	f := find(t, normalise(supply, read(sdk.ExchangeRateMetric, eth("1"))), sdk.TVLNative)
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
