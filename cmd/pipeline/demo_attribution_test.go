package main

import (
	"math/big"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// level is what a token's TVL is made of on one day.
type level struct{ supply, rate, usd *big.Rat }

func (x level) tvl() *big.Rat { return historytest.Mul(x.supply, x.rate, x.usd) }

// legs are where the change from the first level to the last came from.
type legs struct {
	start, end               *big.Rat
	deposits, rewards, price *big.Rat
	netIn, netOut            *big.Rat // the deposits of days that grew, and of days that shrank
}

// legsOf goes from level to level: deposits count what a share is worth at a day's
// end, rewards and price what the shares of its beginning gained.
func legsOf(levels []level) legs {
	l := legs{start: levels[0].tvl(), end: levels[len(levels)-1].tvl()}
	for _, sum := range []**big.Rat{&l.deposits, &l.rewards, &l.price, &l.netIn, &l.netOut} {
		*sum = new(big.Rat)
	}
	for i, is := range levels[1:] {
		was := levels[i]
		deposit := historytest.Mul(historytest.Sub(is.supply, was.supply), is.rate, is.usd)
		side := l.netIn
		if deposit.Sign() < 0 {
			side = l.netOut
		}
		side.Add(side, deposit)
		l.deposits.Add(l.deposits, deposit)
		l.rewards.Add(l.rewards, historytest.Mul(was.supply, historytest.Sub(is.rate, was.rate), is.usd))
		l.price.Add(l.price, historytest.Mul(was.supply, was.rate, historytest.Sub(is.usd, was.usd)))
	}
	return l
}

func TestTheAttributionOfRETHInTheFirstHalfOf2023ByHand(t *testing.T) {
	t.Parallel()
	rates, supplies, prices := recordedTokens(t)["rETH"].rates, historytest.Supplies(t), dollars(t)
	from, to := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 6, 20, 0, 0, 0, 0, time.UTC)
	var inUSD, inETH []level
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		supply, ok1 := supplies.At(day)
		rate, ok2 := rates.At(day)
		price, ok3 := prices.At(day)
		if !ok1 || !ok2 || !ok3 || day.Sub(rate.Time) > 50*time.Hour || day.Sub(price.Time) > 48*time.Hour {
			t.Fatalf("the recordings have no level of %v", day)
		}
		inUSD = append(inUSD, level{supply.Value, rate.Value, price.Value})
		inETH = append(inETH, level{supply.Value, rate.Value, historytest.One})
	}
	s, _ := newDemoSite(t)
	r := s.asks(t, "attribution -p from=2023-01-01 -p to=2023-06-20").theRow("rETH")
	r.isAt("from_day", from)
	r.isAt("to_day", to)
	r.isAt("usd_to_day", to)
	for unit, x := range map[string]struct {
		legs
		decimals int
	}{"usd": {legsOf(inUSD), 2}, "native": {legsOf(inETH), 9}} {
		if x.deposits.Sign() <= 0 || x.rewards.Sign() <= 0 || x.netOut.Sign() >= 0 {
			t.Errorf("by hand a leg in %s has not its sign", unit)
		}
		for column, want := range map[string]*big.Rat{
			"start": x.start, "end": x.end, "change": historytest.Sub(x.end, x.start),
			"deposits": x.deposits, "net_in": x.netIn, "net_out": x.netOut, "rewards": x.rewards,
		} {
			r.is(column+"_"+unit, want, x.decimals)
		}
		r.says("fee_shares_"+unit, nil) // nothing tells of any: they would be among the deposits
	}
	r.is("price_usd", legsOf(inUSD).price, 2)
	r.is("residual_usd", new(big.Rat), 2)
}
