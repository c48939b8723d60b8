package transforms

import (
	"cmp"
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

var pow10 = func() (p [maxDecimals + 1]*big.Int) {
	p[0] = big.NewInt(1)
	for i := 1; i < len(p); i++ {
		p[i] = new(big.Int).Mul(p[i-1], big.NewInt(10))
	}
	return p
}()

// amount is Value ÷ Divisor ÷ 10^Decimals in the metric's unit. The observation
// must have a value and be well formed.
func amount(o *sdk.Observation) *big.Rat {
	den := pow10[o.Decimals]
	if o.Divisor != nil {
		den = new(big.Int).Mul(den, o.Divisor)
	}
	return new(big.Rat).SetFrac(o.Value, den)
}

// uncertainty is the half-width around a value: nothing for integers read from a
// chain and for ratios of two such integers, one unit in the last printed place
// for a number somebody else printed.
func uncertainty(r *row) *big.Rat {
	printed := r.o.Basis == sdk.Published || r.o.Basis == sdk.API
	countable := r.def.Unit == "flag" || r.def.Unit == "count" || r.def.Unit == "height"
	if r.o.Value == nil || !printed || countable || isRatio(r.o) {
		return new(big.Rat)
	}
	return new(big.Rat).SetFrac(pow10[0], pow10[r.o.Decimals])
}

func isRatio(o *sdk.Observation) bool {
	return o.Divisor != nil && o.Divisor.Cmp(pow10[0]) != 0
}

// scale makes one fact of every row.
func scale(b *batch) {
	for i := range b.rows {
		r := &b.rows[i]
		q, why := r.quality(b.in.Session)
		var value *big.Rat
		if r.o.Value != nil {
			value = amount(r.o)
		}
		obs := []int{r.obs}
		ts, basis := r.at.Time.UTC(), cmp.Or(r.o.Basis, sdk.OnChain)
		switch r.o.Metric {
		case sdk.Price:
			b.out.Prices = append(b.out.Prices, PriceFact{
				Base: r.o.Token, Quote: r.o.Labels[sdk.LabelQuote], Venue: r.o.Labels[sdk.LabelVenue],
				TS: ts, RefTS: utc(r.o.RefTime), Price: value, Height: r.at.Height,
				Quality: q, Reason: why, Basis: basis, Obs: obs, Transform: PriceTransform,
			})
		case sdk.ExitQuote:
			size, _ := parseDecimal(r.o.Labels[sdk.LabelSize])
			b.out.ExitQuotes = append(b.out.ExitQuotes, ExitQuote{
				Token: r.o.Token, TS: ts, Route: r.o.Labels[sdk.LabelRoute], Size: size, Out: value,
				Wait: seconds(r.o.Labels, sdk.LabelWait), Height: r.at.Height,
				Quality: q, Reason: why, Basis: basis, Obs: obs, Transform: ExitQuoteTransform,
			})
		case sdk.OperatorStake:
			b.out.OperatorStakes = append(b.out.OperatorStakes, OperatorStake{
				Protocol: r.token.Protocol, Operator: r.o.Labels[sdk.LabelOperator], TS: ts,
				Stake: value, Obs: obs, Transform: OperatorTransform,
			})
		default:
			fact := MetricFact{
				Metric: r.o.Metric, Token: r.o.Token, TS: ts, RefTS: utc(r.o.RefTime), RefEpoch: r.o.RefEpoch,
				Value: value, Uncertainty: uncertainty(r), Height: r.at.Height, Epoch: r.at.Epoch,
				Quality: q, Reason: why, Basis: basis, Obs: obs, Transform: ScaleTransform,
			}
			if period := seconds(r.o.Labels, sdk.LabelPeriod); period != nil {
				fact.PeriodStart = fact.RefTS.Add(-*period)
			}
			// Only a reading of a chain can still be reorganised away.
			if basis == sdk.OnChain {
				fact.Finality = r.anchor.Finality
			}
			b.coarseRate(r, &fact)
			b.out.Metrics = append(b.out.Metrics, fact)
		}
	}
}

// utc leaves a zero time zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// Plain decimal only: big.Rat would also take fractions and exponents, and an
// exponent from a stranger can ask for gigabytes.
var plainDecimal = regexp.MustCompile(`^[0-9]{1,30}(\.[0-9]{1,30})?$`)

func parseDecimal(s string) (*big.Rat, bool) {
	if !plainDecimal.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

const maxSpan = 100 * 365 * 24 * time.Hour

func parseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > uint64(maxSpan/time.Second) {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// seconds is the span of time in a label; nil: none is given.
func seconds(labels map[string]string, name string) *time.Duration {
	span, ok := parseSeconds(labels[name])
	if !ok {
		return nil
	}
	return &span
}
