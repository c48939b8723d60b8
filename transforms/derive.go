package transforms

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// moment is what is known of one token at one moment on one basis.
type moment map[sdk.MetricID]*MetricFact

// moments groups the facts of the batch, in a fixed order. The pointers are into
// b.out.Metrics and hold until it grows.
func (b *batch) moments() []moment {
	index := map[factKey]moment{}
	var keys []factKey
	for i := range b.out.Metrics {
		f := &b.out.Metrics[i]
		k := f.key()
		k.metric = ""
		if index[k] == nil {
			index[k] = moment{}
			keys = append(keys, k)
		}
		index[k][f.Metric] = f
	}
	slices.SortFunc(keys, factKey.compare)
	list := make([]moment, len(keys))
	for i, k := range keys {
		list[i] = index[k]
	}
	return list
}

// A formula makes one derived fact of a moment, or reports that its inputs are
// not there.
type formula struct {
	metric    sdk.MetricID
	transform string
	inputs    []sdk.MetricID // all must be in the moment; a derived fact inherits their doubts
	value     func(in []*MetricFact) result
}

// result is a value with its half-width, or nil and the reason it is unknown.
type result struct {
	value, uncertainty *big.Rat
	reason             string
}

var formulas = []formula{
	{sdk.TVLNative, TVLNativeTransform, []sdk.MetricID{sdk.LSTSupply, sdk.ExchangeRateMetric}, tvlNative},
	{sdk.Utilisation, UtilisationTransform, []sdk.MetricID{sdk.StakingNative, sdk.BackingNative}, utilisation},
}

// derive adds the derived facts. One moment read on two bases derives from the
// better one only: onchain before published before api.
func derive(b *batch) {
	var facts []MetricFact
	rank := map[factKey]int{}
	at := map[factKey]int{}
	for _, m := range b.moments() {
		for _, form := range formulas {
			f, basis, ok := b.apply(form, m)
			if !ok {
				continue
			}
			k, better := f.key(), slices.Index(basisOrder, basis)
			i, taken := at[k]
			switch {
			case !taken:
				at[k] = len(facts)
				facts = append(facts, f)
			case better < rank[k]:
				facts[i] = f
			default:
				continue
			}
			rank[k] = better
		}
	}
	b.out.Metrics = append(b.out.Metrics, facts...)
}

func (b *batch) apply(form formula, m moment) (f MetricFact, basis sdk.Basis, ok bool) {
	f = MetricFact{
		Metric: form.metric, Quality: sdk.QualityOK, Basis: BasisDerived,
		Uncertainty: new(big.Rat), Transform: form.transform,
	}
	var in []*MetricFact
	unknown := ""
	for _, id := range form.inputs {
		x := m[id]
		if x == nil {
			return f, "", false
		}
		if x.Value == nil {
			unknown = join(unknown, fmt.Sprintf("%s is unknown: %s", id, x.Reason))
		}
		in = append(in, x)
		if x.Quality != sdk.QualityOK {
			f.doubt(x.Quality, x.Reason)
		}
		f.Obs = append(f.Obs, x.Obs...)
	}
	x := in[len(in)-1]
	f.Token, f.TS, f.RefTS, f.RefEpoch = x.Token, x.TS, x.RefTS, x.RefEpoch
	f.Height, f.Epoch, f.Finality = x.Height, x.Epoch, x.Finality
	if unknown != "" {
		f.Reason = unknown
	} else {
		r := form.value(in)
		f.Value = r.value
		if r.uncertainty != nil {
			f.Uncertainty = r.uncertainty
		}
		f.Reason = join(f.Reason, r.reason)
	}
	slices.Sort(f.Obs)
	f.Obs = slices.Compact(f.Obs)
	return f, x.Basis, true
}

func tvlNative(in []*MetricFact) result {
	supply, rate := in[0], in[1]
	return product(supply.Value, supply.Uncertainty, rate.Value, rate.Uncertainty)
}

func utilisation(in []*MetricFact) result {
	staking, backing := in[0], in[1]
	if backing.Value.Sign() == 0 {
		return result{reason: "backing_native is 0, so no share of it is staked"}
	}
	inverse := new(big.Rat).Inv(backing.Value)
	// First order: d(s/b) = ds/b + s·db/b².
	spread := new(big.Rat).Mul(backing.Uncertainty, inverse)
	return product(staking.Value, staking.Uncertainty, inverse, spread.Mul(spread, inverse))
}

// product multiplies two values and carries their half-widths to first order.
func product(x, dx, y, dy *big.Rat) result {
	spread := new(big.Rat).Mul(x, dy)
	spread.Add(spread, new(big.Rat).Mul(y, dx))
	return result{value: new(big.Rat).Mul(x, y), uncertainty: spread}
}

// epochs collects the starts of epochs that anchors and positions name. Where
// readings of one epoch differ, the earliest counts. A session whose positions are
// estimated has observed no boundary.
func epochs(b *batch) {
	if b.in.Session.Quality == sdk.QualityEstimated {
		return
	}
	type key struct {
		chain sdk.ChainID
		epoch uint64
		basis sdk.Basis
	}
	start := map[key]time.Time{}
	note := func(chain sdk.ChainID, epoch uint64, t time.Time, basis sdk.Basis) {
		k := key{chain, epoch, basis}
		if old, seen := start[k]; !t.IsZero() && (!seen || t.Before(old)) {
			start[k] = t.UTC()
		}
	}
	for _, a := range b.in.Anchors {
		note(a.Chain, a.Epoch, a.EpochStart, sdk.OnChain)
	}
	for _, r := range b.rows {
		note(r.anchor.Chain, r.at.Epoch, r.at.EpochStart, cmp.Or(r.o.Basis, sdk.OnChain))
	}
	for k, t := range start {
		b.out.Epochs = append(b.out.Epochs, Epoch{Chain: k.chain, Epoch: k.epoch, Start: t, Basis: k.basis})
	}
	slices.SortFunc(b.out.Epochs, func(x, y Epoch) int {
		return cmp.Or(cmp.Compare(x.Chain, y.Chain), cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Basis, y.Basis))
	})
}
