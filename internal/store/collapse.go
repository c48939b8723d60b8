package store

import (
	"cmp"
	"fmt"
	"math/big"
	"sort"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// claim is what a fact says, for choosing between facts of one key.
type claim struct {
	key     string // equal for facts of one key
	order   string // sorts facts of one table in time
	value   *big.Rat
	quality sdk.Quality
	height  uint64
	rest    string // everything else, so that the choice never depends on input order

	// for the reject of a loser that contradicts
	obs    int
	token  sdk.TokenID
	metric sdk.MetricID
	ts     time.Time
}

// collapse keeps one fact a key: a known value before an unknown one, then the
// better quality, the greater height, and at last any fixed order. The result does
// not depend on the order of facts. Losers with another value than the winner's
// come back as rejects.
func collapse[F any](facts []F, of func(F) claim) (kept []F, dropped int64, conflicts []transforms.Reject) {
	type entry struct {
		fact  F
		claim claim
	}
	entries := make([]entry, len(facts))
	for i, f := range facts {
		entries[i] = entry{f, of(f)}
	}
	sort.SliceStable(entries, func(i, j int) bool {
		a, b := entries[i].claim, entries[j].claim
		if c := cmp.Or(strings.Compare(a.order, b.order), strings.Compare(a.key, b.key)); c != 0 {
			return c < 0
		}
		return better(a, b)
	})
	for i, e := range entries {
		if i == 0 || entries[i-1].claim.key != e.claim.key {
			kept = append(kept, e.fact)
			continue
		}
		dropped++
		winner := e.claim
		for j := i; j >= 0 && entries[j].claim.key == e.claim.key; j-- {
			winner = entries[j].claim
		}
		if e.claim.value != nil && winner.value != nil && e.claim.value.Cmp(winner.value) != 0 {
			conflicts = append(conflicts, transforms.Reject{
				Obs: e.claim.obs, Token: e.claim.token, Metric: e.claim.metric, TS: e.claim.ts, Check: "conflict",
				Reason: fmt.Sprintf("the same task gave two values for one key: %s was kept, this one is %s",
					winner.value.FloatString(exactScale), e.claim.value.FloatString(exactScale)),
			})
		}
	}
	return kept, dropped, conflicts
}

var qualityRank = map[sdk.Quality]int{
	sdk.QualityOK: 0, "": 0, sdk.QualityEstimated: 1, sdk.QualityStale: 2, sdk.QualitySuspect: 3, transforms.QualityRetracted: 4,
}

func better(a, b claim) bool {
	known := func(c claim) int {
		if c.value != nil {
			return 0
		}
		return 1
	}
	c := cmp.Or(
		cmp.Compare(known(a), known(b)),
		cmp.Compare(qualityRank[a.quality], qualityRank[b.quality]),
		cmp.Compare(b.height, a.height),
	)
	if c == 0 && a.value != nil {
		c = a.value.Cmp(b.value)
	}
	return cmp.Or(c, strings.Compare(a.rest, b.rest)) < 0
}

func metricClaim(f transforms.MetricFact) claim {
	return claim{
		key: keyOf(string(f.Metric), string(f.Token), utc(f.TS), basis(f.Basis)), order: sortable(f.TS),
		value: f.Value, quality: f.Quality, height: f.Height,
		rest: keyOf(f.Reason, f.Transform, utc(f.RefTS), f.RefEpoch, f.Epoch, utc(f.PeriodStart), string(f.Finality), f.Obs),
		obs:  first(f.Obs), token: f.Token, metric: f.Metric, ts: f.TS,
	}
}

func priceClaim(f transforms.PriceFact) claim {
	return claim{
		key: keyOf(string(f.Base), f.Quote, f.Venue, utc(f.TS)), order: sortable(f.TS),
		value: f.Price, quality: f.Quality, height: f.Height,
		rest: keyOf(f.Reason, f.Transform, utc(f.RefTS), f.Size, basis(f.Basis), f.Obs),
		obs:  first(f.Obs), token: f.Base, metric: sdk.Price, ts: f.TS,
	}
}

func quoteClaim(f transforms.ExitQuote) claim {
	return claim{
		key: keyOf(string(f.Token), utc(f.TS), f.Route, f.Size), order: sortable(f.TS),
		value: f.Out, quality: f.Quality, height: f.Height,
		rest: keyOf(f.Reason, f.Transform, f.Wait != nil, basis(f.Basis), f.Obs),
		obs:  first(f.Obs), token: f.Token, metric: sdk.ExitQuote, ts: f.TS,
	}
}

func operatorClaim(f transforms.OperatorStake) claim {
	return claim{
		key: keyOf(string(f.Protocol), f.Operator, utc(f.TS)), order: sortable(f.TS),
		value: f.Stake, rest: keyOf(f.Validators != nil, f.Obs),
		obs: first(f.Obs), metric: sdk.OperatorStake, ts: f.TS,
	}
}

func keyOf(parts ...any) string {
	var b strings.Builder
	for _, p := range parts {
		appendKey(&b, p)
	}
	return b.String()
}

func sortable(t time.Time) string { return utc(t).Format("2006-01-02T15:04:05.000000") }

func first(obs []int) int {
	if len(obs) == 0 {
		return -1
	}
	return obs[0]
}

func quality(q sdk.Quality) string {
	if q == "" {
		return string(sdk.QualityOK)
	}
	return string(q)
}

func basis(b sdk.Basis) string {
	if b == "" {
		return string(sdk.OnChain)
	}
	return string(b)
}
