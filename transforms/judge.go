package transforms

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// The checks whose verdict is a person's. What fails one is stored as suspect, so
// that it can be seen, and held in quarantine, so that it can be released.
const (
	CheckIdentity = "identity" // supply × rate is not the backing
	CheckJump     = "jump"     // too far from the last value, or for its own updates
	CheckMonotony = "monotony" // fell, and can only rise
)

// label judges the facts against each other and against their own past.
func label(b *batch) {
	judgeIdentity(b) // first, so that no series trusts a reading that contradicts itself
	b.out.Metrics = judgeSeries(b)
}

// hold leaves the verdict about a fact to a person.
func (b *batch) hold(f *MetricFact, check, why string) {
	f.doubt(sdk.QualitySuspect, why)
	for _, i := range f.Obs {
		b.reject(i, f.Token, f.Metric, f.TS, check, why)
	}
}

// judgeSeries walks each series in time order from its last trusted value. A value
// that does not follow from it is held and is not trusted as the next start, so
// what agrees with it is held as well, until a release makes it the last value.
// Backing or supply that vanishes is refused.
func judgeSeries(b *batch) []MetricFact {
	facts := b.out.Metrics
	slices.SortFunc(facts, func(x, y MetricFact) int { return x.key().compare(y.key()) })
	last := map[Key]Last{}
	kept := facts[:0]
	for _, f := range facts {
		k := Key{f.Metric, f.Token, f.Basis}
		if prev := b.in.Previous[k]; last[k].Value == nil && prev.Value != nil && prev.TS.Before(f.TS) {
			last[k] = prev
		}
		if f.Value == nil {
			kept = append(kept, f)
			continue
		}
		if why := vanished(f, last[k]); why != "" {
			for _, i := range f.Obs {
				b.reject(i, f.Token, f.Metric, f.TS, "vanished", why)
			}
			continue
		}
		// What is suspect already says why, and does not count.
		if f.Quality != sdk.QualitySuspect {
			if check, why := b.in.Settings.Judge(b.in.Tokens[f.Token], f, last[k]); why != "" {
				b.hold(&f, check, why)
			} else {
				last[k] = last[k].Then(f.TS, f.Value)
			}
		}
		last[k] = last[k].Saw(f.TS)
		kept = append(kept, f)
	}
	return kept
}

// totals are the metrics that cannot come to nothing.
var totals = []sdk.MetricID{sdk.BackingNative, sdk.LSTSupply, sdk.LSTSupplyReported}

// Watched lists the metrics whose past Normalise needs.
func Watched() []string {
	var list []string
	for m := range DefaultSettings().Jumps {
		list = append(list, string(m))
	}
	for _, m := range totals {
		list = append(list, string(m))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func vanished(f MetricFact, prev Last) string {
	if !slices.Contains(totals, f.Metric) || f.Value.Sign() != 0 || prev.Value == nil || prev.Value.Sign() == 0 {
		return ""
	}
	return fmt.Sprintf("%s fell from %s (%s) to 0", f.Metric, decimal(prev.Value), stamp(prev.TS))
}

// Judge says which check a fact fails against the past of its series, and why; an
// empty reason passes. The fact must have a value.
func (s Settings) Judge(token sdk.Token, f MetricFact, prev Last) (check, why string) {
	limit, watched := s.Jumps[f.Metric]
	if !watched || prev.Value == nil || prev.Value.Sign() <= 0 {
		return "", ""
	}
	went := change(prev.Value, f.Value)
	moved := func(way string) string {
		return fmt.Sprintf("%s %s by %s from %s (%s) to %s", f.Metric, way, percent(new(big.Rat).Abs(went)),
			decimal(prev.Value), stamp(prev.TS), decimal(f.Value))
	}
	size := new(big.Rat).Abs(went)
	bound, way := limit.Rise, "rose"
	if went.Sign() < 0 {
		bound, way = limit.Drop, "fell"
		// A contract rounds a rate in its own favour; a counter it does not round.
		rate := f.Metric == sdk.ExchangeRateMetric && token.RateNeverFalls && size.Cmp(smallestUpdate) >= 0
		if rate || limit.NeverFalls {
			return CheckMonotony, moved(way) + ", and it can only rise"
		}
	}
	// What is held is not forgotten after the window, but only once nobody looked.
	if f.TS.Sub(prev.Seen) > s.JumpWindow {
		return "", ""
	}
	if bound != nil && size.Cmp(bound) > 0 {
		return CheckJump, fmt.Sprintf("%s, and more than %s within %d days is for a person to judge",
			moved(way), percent(bound), int(s.JumpWindow.Hours()/24))
	}
	if limit.Updates == 0 || size.Cmp(s.SmallJump) <= 0 {
		return "", ""
	}
	usual, times := prev.usual(f.TS)
	if usual == nil {
		return "", ""
	}
	if went.Sign() > 0 { // missed updates explain a rise, not a fall
		usual = new(big.Rat).Mul(usual, times)
	}
	if size.Cmp(new(big.Rat).Mul(usual, big.NewRat(limit.Updates, 1))) <= 0 {
		return "", ""
	}
	return CheckJump, fmt.Sprintf("%s, more than %d times the %s that its own updates lead to expect",
		moved(way), limit.Updates, percent(usual))
}

// judgeIdentity compares supply × rate with backing, the best single test of a
// reading. Where a protocol fixes its rate by report, its backing may go with the
// supply the report counted (rETH) or with today's (stSOL), so either may agree.
// Where one of the three is suspect already it explains the difference.
func judgeIdentity(b *batch) {
	for _, m := range b.moments() {
		backing, rate := m[sdk.BackingNative], m[sdk.ExchangeRateMetric]
		var supply *MetricFact
		var product, off *big.Rat
		for _, s := range []*MetricFact{m[sdk.LSTSupplyReported], m[sdk.LSTSupply]} {
			if !trusted(backing, rate, s) || backing.Value.Sign() == 0 {
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
			b.hold(f, CheckIdentity, why)
		}
	}
}

// trusted reports whether all facts are there, known and not suspect.
func trusted(facts ...*MetricFact) bool {
	for _, f := range facts {
		if f == nil || f.Value == nil || f.Quality == sdk.QualitySuspect {
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
