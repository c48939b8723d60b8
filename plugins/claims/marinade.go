package main

import (
	"encoding/json"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// yearSeconds is the year of Marinade's APY and of the pipeline's rate engine: 365 days.
const yearSeconds = 31_536_000

// decodeMarinade reads an APY, a fraction, with the two prices of mSOL it is made of.
func decodeMarinade(raw []byte) (claim, error) {
	var answer struct {
		Value      json.Number `json:"value"`
		EndTime    time.Time   `json:"end_time"`
		EndPrice   json.Number `json:"end_price"`
		StartTime  time.Time   `json:"start_time"`
		StartPrice json.Number `json:"start_price"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return claim{}, sdk.Errorf(sdk.KindLayout, "the answer has an unknown shape: %w", err)
	}
	value, decimals, ok := decimal(answer.Value)
	apy, _ := ratio(answer.Value)
	from, isFrom := ratio(answer.StartPrice)
	to, isTo := ratio(answer.EndPrice)
	seconds := int64(answer.EndTime.Sub(answer.StartTime) / time.Second)
	if !ok || !isFrom || !isTo || from.Sign() <= 0 || seconds <= 0 {
		return claim{}, sdk.Errorf(sdk.KindLayout, "it is no rate with two prices and their times: %.200s", raw)
	}
	if !compounds(apy, simple(from, to, seconds)) {
		return claim{}, sdk.Errorf(sdk.KindLayout, "its value %s is not the APY of its own prices, from %s to %s in %d days",
			answer.Value, answer.StartPrice, answer.EndPrice, seconds/86_400)
	}
	return claim{value, decimals, answer.EndTime.UTC().Truncate(time.Second)}, nil
}

// simple is the yearly rate of a growth without compounding.
func simple(from, to *big.Rat, seconds int64) *big.Rat {
	apr := new(big.Rat).Quo(to, from)
	apr.Sub(apr, big.NewRat(1, 1))
	return apr.Mul(apr, big.NewRat(yearSeconds, seconds))
}

// compounds reports whether a rate is the APY of an APR, and not in another unit nor
// the APR itself. Compounding adds about half the square of the rate.
func compounds(apy, apr *big.Rat) bool {
	half := new(big.Rat).Mul(apr, apr)
	half.Quo(half, big.NewRat(2, 1))
	off := new(big.Rat).Sub(apy, apr)
	off.Sub(off, half)
	slack := half.Quo(half, big.NewRat(2, 1))
	slack.Add(slack, big.NewRat(1, 1_000_000))
	return off.Abs(off).Cmp(slack) <= 0
}
