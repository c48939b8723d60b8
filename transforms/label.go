package transforms

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// worse returns the less trustworthy of two qualities; "" counts as ok.
func worse(x, y sdk.Quality) sdk.Quality {
	x, y = cmp.Or(x, sdk.QualityOK), cmp.Or(y, sdk.QualityOK)
	if slices.Index(qualityOrder, y) > slices.Index(qualityOrder, x) {
		return y
	}
	return x
}

// join adds reasons as a set in a fixed order, so that no order of arrival shows.
// A single reason stays as it is.
func join(reasons ...string) string {
	reasons = slices.DeleteFunc(reasons, func(r string) bool { return r == "" })
	if len(reasons) == 1 {
		return reasons[0]
	}
	var all []string
	for _, r := range reasons {
		for part := range strings.SplitSeq(r, "; ") {
			if part != "" && !slices.Contains(all, part) {
				all = append(all, part)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// quality is what the plugin said, or what holds for the whole session if that is
// worse.
func (r *row) quality(s SessionQuality) (sdk.Quality, string) {
	q, why := cmp.Or(r.o.Quality, sdk.QualityOK), r.o.Reason
	if q != sdk.QualityOK && why == "" {
		why = "the plugin gave no reason"
	}
	if s.Quality != "" && s.Quality != sdk.QualityOK {
		q, why = worse(q, s.Quality), join(why, s.Note)
	}
	return q, why
}

// coarseRate labels a printed rate with too few digits to show a day's change.
func (b *batch) coarseRate(r *row, f *MetricFact) {
	if f.Value == nil || r.def.Unit != "native_per_share" || isRatio(r.o) {
		return
	}
	digits := len(new(big.Int).Abs(r.o.Value).String())
	if digits < b.in.Settings.RateDigits {
		f.doubt(sdk.QualityEstimated, fmt.Sprintf("the rate has only %d significant digits", digits))
	}
}

func (f *MetricFact) doubt(q sdk.Quality, why string) {
	f.Quality, f.Reason = worse(f.Quality, q), join(f.Reason, why)
}

// label judges the facts against each other and against their own past.
func label(b *batch) {
	judgeIdentity(b) // first, so that no series trusts a reading that contradicts itself
	b.out.Metrics = judgeSeries(b)
}

// judgeSeries walks each series in time order from its last trusted value. A
// value far from it becomes suspect and is not trusted as the next start; backing
// or supply that vanishes is refused.
func judgeSeries(b *batch) []MetricFact {
	facts := b.out.Metrics
	slices.SortFunc(facts, func(x, y MetricFact) int { return x.key().compare(y.key()) })
	// Series of different bases are judged apart; only the stored past is shared.
	type series struct {
		Key
		sdk.Basis
	}
	last := map[series]Last{}
	kept := facts[:0]
	for _, f := range facts {
		k := series{Key{f.Metric, f.Token}, f.Basis}
		if prev := b.in.Previous[k.Key]; last[k].Value == nil && prev.Value != nil && prev.TS.Before(f.TS) {
			last[k] = prev
		}
		if f.Value == nil {
			kept = append(kept, f)
			continue
		}
		prev := last[k]
		if why := vanished(f, prev); why != "" {
			for _, i := range f.Obs {
				b.reject(i, f.Token, f.Metric, f.TS, "vanished", why)
			}
			continue
		}
		if why := b.jumped(f, prev); why != "" {
			f.doubt(sdk.QualitySuspect, why)
		}
		if f.Quality != sdk.QualitySuspect {
			last[k] = Last{TS: f.TS, Value: f.Value}
		}
		kept = append(kept, f)
	}
	return kept
}

func vanished(f MetricFact, prev Last) string {
	total := f.Metric == sdk.BackingNative || f.Metric == sdk.LSTSupply || f.Metric == sdk.LSTSupplyReported
	if !total || f.Value.Sign() != 0 || prev.Value == nil || prev.Value.Sign() == 0 {
		return ""
	}
	return fmt.Sprintf("%s fell from %s (%s) to 0", f.Metric, decimal(prev.Value), stamp(prev.TS))
}

func (b *batch) jumped(f MetricFact, prev Last) string {
	limit, watched := b.in.Settings.Jumps[f.Metric]
	if !watched || prev.Value == nil || prev.Value.Sign() <= 0 || f.TS.Sub(prev.TS) > b.in.Settings.JumpWindow {
		return ""
	}
	change := new(big.Rat).Quo(f.Value, prev.Value)
	change.Sub(change, big.NewRat(1, 1))
	var bound *big.Rat
	way := "rose"
	switch {
	case change.Sign() < 0 && limit.Drop != nil:
		bound, way = limit.Drop, "fell"
	case change.Sign() > 0 && limit.Rise != nil:
		bound = limit.Rise
	}
	if bound == nil || new(big.Rat).Abs(change).Cmp(bound) <= 0 {
		return ""
	}
	return fmt.Sprintf("%s %s by %s from %s (%s) to %s, and more than %s within %d days is suspect",
		f.Metric, way, percent(change), decimal(prev.Value), stamp(prev.TS), decimal(f.Value),
		percent(bound), int(b.in.Settings.JumpWindow.Hours()/24))
}

// judgeIdentity compares supply × rate with backing, the best single test of a
// reading. Where a protocol fixes its rate by report, its backing may go with the
// supply the report counted (rETH) or with today's (stSOL), so either may agree.
func judgeIdentity(b *batch) {
	for _, m := range b.moments() {
		backing, rate := m[sdk.BackingNative], m[sdk.ExchangeRateMetric]
		var supply *MetricFact
		var product, off *big.Rat
		for _, s := range []*MetricFact{m[sdk.LSTSupplyReported], m[sdk.LSTSupply]} {
			if !known(backing, rate, s) || backing.Value.Sign() == 0 {
				continue
			}
			p := new(big.Rat).Mul(s.Value, rate.Value)
			d := new(big.Rat).Sub(p, backing.Value)
			d.Quo(d, backing.Value)
			if off == nil || new(big.Rat).Abs(d).Cmp(new(big.Rat).Abs(off)) < 0 {
				supply, product, off = s, p, d
			}
		}
		if off == nil || new(big.Rat).Abs(off).Cmp(b.in.Settings.IdentityTolerance) <= 0 {
			continue
		}
		why := fmt.Sprintf("%s %s × exchange_rate %s = %s, but backing_native is %s (%s off, tolerance %s)",
			supply.Metric, decimal(supply.Value), decimal(rate.Value), decimal(product), decimal(backing.Value),
			percent(off), percent(b.in.Settings.IdentityTolerance))
		for _, f := range []*MetricFact{backing, rate, supply} {
			f.doubt(sdk.QualitySuspect, why)
		}
	}
}

func known(facts ...*MetricFact) bool {
	for _, f := range facts {
		if f == nil || f.Value == nil {
			return false
		}
	}
	return true
}

// percent prints a fraction as a signed percentage with 4 decimals.
func percent(r *big.Rat) string {
	p := new(big.Rat).Mul(r, big.NewRat(100, 1))
	return strings.TrimSuffix(strings.TrimRight(p.FloatString(4), "0"), ".") + " %"
}
