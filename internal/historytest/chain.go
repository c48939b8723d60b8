package historytest

import (
	"math/big"
	"testing"
	"time"
)

// Staking is Ethereum's own staking rate as an index from one day to another. It
// begins with 1, and each day it has grown by the day before's rate.
func Staking(t testing.TB, from, to time.Time) (index Series) {
	t.Helper()
	level, growth := One, new(big.Rat)
	for _, row := range Rows(t, "ethereum_staking_apr_daily.csv") {
		day := row.Time("date")
		if day.Before(from) || day.After(to) {
			continue
		}
		level = Mul(level, Add(One, growth))
		growth = Quo(row.Number("apr"), big.NewRat(365, 1))
		index = append(index, Point{Time: day, Value: level})
	}
	return index
}
