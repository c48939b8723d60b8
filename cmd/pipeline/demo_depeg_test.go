package main

import (
	"math/big"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// episode is a time at a discount, as it is told by hand.
type episode struct {
	began, troughAt, ended time.Time // ended is zero while it lasts
	trough, area           *big.Rat  // a fraction, and a fraction × seconds
	prices                 int
}

// episodesOf goes through the prices one by one: a discount of more than 50 bps
// begins an episode, one of less than 25 bps ends it.
func (x recordedToken) episodesOf() (list []episode) {
	begin, end := big.NewRat(-50, 10000), big.NewRat(-25, 10000)
	var in *episode
	for i, price := range x.prices {
		premium := x.premiumOf(price)
		switch {
		case premium == nil:
			continue
		case in == nil && premium.Cmp(begin) < 0:
			list = append(list, episode{began: price.Time, trough: new(big.Rat), area: new(big.Rat)})
			in = &list[len(list)-1]
		case in != nil && premium.Cmp(end) > 0:
			in.ended = price.Time
			in = nil
		}
		if in == nil {
			continue
		}
		in.prices++
		if premium.Cmp(in.trough) < 0 {
			in.trough, in.troughAt = premium, price.Time
		}
		if i+1 < len(x.prices) {
			held := min(x.prices[i+1].Time.Sub(price.Time), x.stale)
			in.area.Sub(in.area, historytest.Mul(premium, historytest.Seconds(held)))
		}
	}
	return list
}

func TestTheDepegsOf2023ByHand(t *testing.T) {
	t.Parallel()
	tokens := recordedTokens(t)
	s, _ := newDemoSite(t)
	a := s.asks(t, "depeg -p theta_bps=50 -p from=2022-12-31 -p to=2023-06-21")
	all := 0
	for symbol, venue := range map[string]string{"stETH": "curve", "wstETH": "balancer", "rETH": "balancer"} {
		want, got := tokens[symbol].episodesOf(), map[string]answered{}
		for _, r := range a.of(symbol) {
			began, _ := r.values["began"].(string)
			got[began] = r
		}
		if len(got) != len(want) {
			t.Errorf("the demo tells %d episodes of %s, by hand there are %d", len(got), symbol, len(want))
		}
		for _, e := range want {
			r, ok := got[e.began.Format(time.RFC3339)]
			if !ok {
				t.Errorf("the demo tells no episode of %s that began %v", symbol, e.began)
				continue
			}
			all++
			if e.ended.IsZero() {
				t.Fatalf("by hand an episode of %s has not ended, which this test does not know", symbol)
			}
			day := big.NewRat(86400, 1)
			r.says("venue", venue)
			r.isAt("trough_at", e.troughAt)
			r.isAt("ended", e.ended)
			r.is("trough_bps", bps(e.trough), 1)
			r.is("duration_days", historytest.Quo(historytest.Seconds(e.ended.Sub(e.began)), day), 2)
			r.is("recovery_days", historytest.Quo(historytest.Seconds(e.ended.Sub(e.troughAt)), day), 2)
			r.is("area_bps_days", historytest.Quo(bps(e.area), day), 1)
			r.counts("prices", e.prices)
			r.says("is_open", false)
		}
	}
	if all < 5 || all != len(a.rows) {
		t.Errorf("the demo tells %d episodes, %d were compared", len(a.rows), all)
	}
}
