package explain

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// derive says how the fact was computed and computes it again from what is stored.
func (e *Evidence) derive() {
	by := map[sdk.MetricID]*big.Rat{}
	for _, o := range e.Observations {
		by[o.Metric] = o.quantity()
	}
	for _, f := range e.Inputs { // published or older inputs have no observation here
		if v, ok := new(big.Rat).SetString(f.Value); ok && by[f.Metric] == nil && f.Value != "" {
			by[f.Metric] = v
		}
	}
	var again *big.Rat
	say := func(format string, args ...any) { e.Derivation = append(e.Derivation, fmt.Sprintf(format, args...)) }
	multiply := func(a, b sdk.MetricID) {
		if by[a] != nil && by[b] != nil {
			again = new(big.Rat).Mul(by[a], by[b])
			say("= %s × %s", decimal(by[a]), decimal(by[b]))
		}
	}
	switch name(e.Fact.Transform) {
	case "tvl_native":
		say("lst_supply × exchange_rate, both at the same moment")
		multiply(sdk.LSTSupply, sdk.ExchangeRateMetric)
	case "utilisation":
		say("staking_native ÷ backing_native, both at the same moment")
		if s, b := by[sdk.StakingNative], by[sdk.BackingNative]; s != nil && b != nil && b.Sign() != 0 {
			again = new(big.Rat).Quo(s, b)
			say("= %s ÷ %s", decimal(s), decimal(b))
		}
	default:
		say("value ÷ divisor ÷ 10^decimals of the observation")
		switch name(e.Fact.Transform) {
		case "manual-release":
			say("the checks refused it, and a person released it: %s", strings.TrimPrefix(e.Fact.Reason, "released: "))
		case "manual-dismiss":
			say("the checks held it, and a person dismissed it: %s", strings.TrimPrefix(e.Fact.Reason, "dismissed: "))
		}
		if len(e.Observations) > 0 {
			o := e.Observations[0]
			if again = o.quantity(); again != nil {
				parts := []string{o.Value}
				if o.Divisor != "" {
					parts = append(parts, o.Divisor)
				}
				if o.Decimals > 0 {
					parts = append(parts, fmt.Sprintf("10^%d", o.Decimals))
				}
				say("= %s", strings.Join(parts, " ÷ "))
			}
		}
	}
	if again == nil {
		if e.Fact.Value == "" {
			say("unknown: %s", e.Fact.Reason)
		}
		return
	}
	text := decimal(again)
	agrees := e.agrees(again, text)
	e.Agrees = &agrees
	say("= %s, rounded half-even to 18 decimals", text)
	if agrees {
		say("computed again from the stored observations: the same")
	} else {
		say("computed again from the stored observations: NOT the same, %s is stored", e.Fact.Value)
	}
}

// agrees compares a value that was computed again with the stored one. Where an
// input is itself rounded, so is the result: then 15 digits have to agree.
func (e *Evidence) agrees(again *big.Rat, text string) bool {
	if text == e.Fact.Value {
		return true
	}
	stored, ok := new(big.Rat).SetString(e.Fact.Value)
	if !ok || e.Fact.Exact && len(e.Inputs) == 0 {
		return false
	}
	off := new(big.Rat).Sub(again, stored)
	limit := new(big.Rat).Mul(again, big.NewRat(1, 1_000_000_000_000_000))
	return off.Abs(off).Cmp(limit.Abs(limit)) <= 0
}

// decimal is r rounded half-even to 18 decimals, without trailing zeros.
func decimal(r *big.Rat) string {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	num := new(big.Int).Mul(r.Num(), scale)
	q, rem := new(big.Int).QuoRem(num, r.Denom(), new(big.Int))
	twice := rem.Abs(rem).Lsh(rem, 1)
	if c := twice.Cmp(r.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(r.Sign())))
	}
	return trim(new(big.Rat).SetFrac(q, scale).FloatString(18))
}
