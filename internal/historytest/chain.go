package historytest

import (
	"math/big"
	"slices"
	"testing"
	"time"
)

// Chain is Ethereum's own staking rate, day by day, as an index that begins with 1.
// A day's rate is in force from the day's beginning to the next, simple within the
// day, compounded from day to day.
type Chain struct {
	Index Series // at the beginning of each day
	rates []*big.Rat
}

// Staking is the chain's rate from one day to another.
func Staking(t testing.TB, from, to time.Time) (c Chain) {
	t.Helper()
	for _, row := range Rows(t, "ethereum_staking_apr_daily.csv") {
		day := row.Time("date")
		if day.Before(from) || day.After(to) {
			continue
		}
		level := One
		if len(c.Index) > 0 {
			level = c.level(day)
		}
		c.Index = append(c.Index, Point{Time: day, Value: level})
		c.rates = append(c.rates, row.Number("apr"))
	}
	return c
}

// level is the index at a moment, also within a day.
func (c Chain) level(moment time.Time) *big.Rat {
	i := slices.IndexFunc(c.Index, func(p Point) bool { return p.Time.After(moment) })
	if i < 0 {
		i = len(c.Index)
	}
	p := c.Index[i-1]
	accrued := Quo(Mul(c.rates[i-1], Seconds(moment.Sub(p.Time))), yearSeconds)
	return Mul(p.Value, Add(One, accrued))
}

// Beside is the chain's own yield over exactly the time of a token's.
func (c Chain) Beside(y Yield) Yield {
	return Yield{From: Point{Time: y.From.Time, Value: c.level(y.From.Time)}, To: Point{Time: y.To.Time, Value: c.level(y.To.Time)}}
}
