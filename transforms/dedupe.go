package transforms

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// factKey identifies a fact of any kind; a and b are what the kind needs beyond
// metric and token (quote and venue, route and size, operator).
type factKey struct {
	metric sdk.MetricID
	token  string
	ts     int64 // Unix microseconds, the resolution of the warehouse
	basis  sdk.Basis
	a, b   string
}

func (k factKey) compare(o factKey) int {
	return cmp.Or(
		cmp.Compare(k.metric, o.metric), cmp.Compare(k.token, o.token), cmp.Compare(k.ts, o.ts),
		cmp.Compare(k.basis, o.basis), cmp.Compare(k.a, o.a), cmp.Compare(k.b, o.b))
}

func (f *MetricFact) key() factKey {
	return factKey{metric: f.Metric, token: string(f.Token), ts: f.TS.UnixMicro(), basis: f.Basis}
}

func (f *PriceFact) key() factKey {
	return factKey{metric: sdk.Price, token: string(f.Base), ts: f.TS.UnixMicro(), basis: f.Basis, a: f.Quote, b: f.Venue}
}

func (f *ExitQuote) key() factKey {
	return factKey{metric: sdk.ExitQuote, token: string(f.Token), ts: f.TS.UnixMicro(), basis: f.Basis, a: f.Route, b: f.Size.RatString()}
}

func (f *OperatorStake) key() factKey {
	return factKey{metric: sdk.OperatorStake, token: string(f.Protocol), ts: f.TS.UnixMicro(), a: f.Operator}
}

// dedupe leaves one fact per key. Facts that agree become one that names all
// their observations; facts that contradict each other are all refused, because
// nothing says which is right.
func dedupe(b *batch) {
	b.out.Metrics = dedupeFacts(b, b.out.Metrics, (*MetricFact).key, func(f *MetricFact) parts {
		return parts{f.Value, &f.Quality, &f.Reason, &f.Obs,
			fmt.Sprint(f.RefTS, f.RefEpoch, f.Height, f.Epoch, f.Finality, f.Uncertainty)}
	})
	b.out.Prices = dedupeFacts(b, b.out.Prices, (*PriceFact).key, func(f *PriceFact) parts {
		return parts{f.Price, &f.Quality, &f.Reason, &f.Obs, fmt.Sprint(f.RefTS, f.Height)}
	})
	b.out.ExitQuotes = dedupeFacts(b, b.out.ExitQuotes, (*ExitQuote).key, func(f *ExitQuote) parts {
		wait := "unknown"
		if f.Wait != nil {
			wait = f.Wait.String()
		}
		return parts{f.Out, &f.Quality, &f.Reason, &f.Obs, fmt.Sprint(wait, f.Height)}
	})
	b.out.OperatorStakes = dedupeFacts(b, b.out.OperatorStakes, (*OperatorStake).key, func(f *OperatorStake) parts {
		return parts{value: f.Stake, quality: new(sdk.Quality), reason: new(string), obs: &f.Obs}
	})
}

// parts is what dedupe needs of any fact.
type parts struct {
	value   *big.Rat
	quality *sdk.Quality
	reason  *string
	obs     *[]int
	rest    string // the other fields, only to choose among agreeing facts
}

func dedupeFacts[F any](b *batch, facts []F, key func(*F) factKey, of func(*F) parts) []F {
	groups := map[factKey][]int{}
	for i := range facts {
		k := key(&facts[i])
		groups[k] = append(groups[k], i)
	}
	if len(groups) == len(facts) {
		return facts
	}
	kept := facts[:0:0]
	for k, group := range groups {
		if len(group) > 1 {
			slices.SortFunc(group, func(i, j int) int { return cmp.Compare(of(&facts[i]).rest, of(&facts[j]).rest) })
		}
		first := facts[group[0]]
		head := of(&first)
		if why := contradiction(facts, group, of); why != "" {
			for _, i := range group {
				// Before derive every fact has exactly one observation.
				b.reject((*of(&facts[i]).obs)[0], sdk.TokenID(b.tokenOf(k, *of(&facts[i]).obs)), k.metric, time.UnixMicro(k.ts).UTC(), "conflict", why)
			}
			continue
		}
		for _, i := range group[1:] {
			p := of(&facts[i])
			*head.quality = worse(*head.quality, *p.quality)
			*head.reason = join(*head.reason, *p.reason)
			*head.obs = append(slices.Clone(*head.obs), *p.obs...)
		}
		slices.Sort(*head.obs)
		kept = append(kept, first)
	}
	return kept
}

// contradiction says how the facts of one key differ, or "".
func contradiction[F any](facts []F, group []int, of func(*F) parts) string {
	var said []string
	for _, i := range group {
		text := "unknown"
		if v := of(&facts[i]).value; v != nil {
			text = decimal(v)
			if !v.IsInt() {
				text += " (" + v.RatString() + ")"
			}
		}
		if !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	if len(said) == 1 {
		return ""
	}
	slices.Sort(said)
	return fmt.Sprintf("%d observations of one moment disagree: %s", len(group), strings.Join(said, " and "))
}

// tokenOf is the observed token; an operator's fact is keyed by protocol instead.
func (b *batch) tokenOf(k factKey, obs []int) string {
	if k.metric == sdk.OperatorStake {
		return string(b.in.Observations[obs[0]].Token)
	}
	return k.token
}
