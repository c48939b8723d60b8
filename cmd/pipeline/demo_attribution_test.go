package main

import (
	"math/big"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// level is what a token's TVL is made of on one day.
type level struct{ supply, rate, usd *big.Rat }

// legs are where the change from one level to the next came from.
type legs struct{ change, deposits, rewards, price *big.Rat }

func noLegs() legs { return legs{new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)} }

// and adds the legs of one day: deposits at what a share is worth at its end, rewards
// of the shares that were there at the end's price, and the price on what they held.
func (l legs) and(was, is level) legs {
	tvl := func(x level) *big.Rat { return historytest.Mul(x.supply, x.rate, x.usd) }
	return legs{
		change:   historytest.Add(l.change, historytest.Sub(tvl(is), tvl(was))),
		deposits: historytest.Add(l.deposits, historytest.Mul(historytest.Sub(is.supply, was.supply), is.rate, is.usd)),
		rewards:  historytest.Add(l.rewards, historytest.Mul(was.supply, historytest.Sub(is.rate, was.rate), is.usd)),
		price:    historytest.Add(l.price, historytest.Mul(was.supply, was.rate, historytest.Sub(is.usd, was.usd))),
	}
}

func TestTheAttributionOfRETHInTheFirstHalfOf2023ByHand(t *testing.T) {
	t.Parallel()
	rates, supplies, prices := recordedTokens(t)["rETH"].rates, historytest.Supplies(t), dollars(t)
	from, to := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 6, 20, 0, 0, 0, 0, time.UTC)
	native, usd := noLegs(), noLegs()
	var was level
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		supply, ok1 := supplies.At(day)
		rate, ok2 := rates.At(day)
		price, ok3 := prices.At(day)
		if !ok1 || !ok2 || !ok3 || day.Sub(rate.Time) > 50*time.Hour || day.Sub(price.Time) > 48*time.Hour {
			t.Fatalf("the recordings have no level of %v", day)
		}
		is := level{supply.Value, rate.Value, price.Value}
		if was.supply != nil {
			usd = usd.and(was, is)
			native = native.and(level{was.supply, was.rate, historytest.One}, level{is.supply, is.rate, historytest.One})
		}
		was = is
	}

	s, _ := newDemoSite(t)
	r := s.asks(t, "attribution -p from=2023-01-01 -p to=2023-06-20").theRow("rETH")
	r.isAt("from_day", from)
	r.isAt("to_day", to)
	r.isAt("usd_to_day", to)
	r.is("change_usd", usd.change, 2)
	r.is("deposits_usd", usd.deposits, 2)
	r.is("rewards_usd", usd.rewards, 2)
	r.is("price_usd", usd.price, 2)
	r.is("change_native", native.change, 9)
	r.is("deposits_native", native.deposits, 9)
	r.is("rewards_native", native.rewards, 9)
	// No fee shares are minted by this token, and the legs leave nothing over.
	for _, column := range []string{"fee_shares_usd", "residual_usd", "fee_shares_native"} {
		r.is(column, new(big.Rat), 2)
	}
	if usd.deposits.Sign() <= 0 || usd.rewards.Sign() <= 0 || usd.price.Sign() <= 0 {
		t.Errorf("by hand a leg is not positive: %v", usd)
	}
}
