package transforms_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

var (
	noon   = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	day    = 24 * time.Hour
	tokens = map[sdk.TokenID]sdk.Token{
		"aeth":        {ID: "aeth", Protocol: "a", Chain: "ethereum", Underlying: "ETH", Accrual: sdk.ExchangeRate},
		"bsol":        {ID: "bsol", Protocol: "b", Chain: "solana", Underlying: "SOL", Accrual: sdk.ExchangeRate},
		"sol-staking": {ID: "sol-staking", Protocol: "b", Chain: "solana", Underlying: "SOL", Accrual: sdk.Benchmark},
	}
	ethereum = sdk.Anchor{Chain: "ethereum", Height: 100, Hash: "0xabc", Time: noon, Tick: noon.Add(5 * time.Second), Finality: sdk.Finalized}
	solana   = sdk.Anchor{Chain: "solana", Height: 900, Time: noon, Tick: noon, Finality: sdk.Finalized, Epoch: 7, EpochStart: noon.Add(-day)}
)

// read is an observation of aeth in wei with evidence.
func read(metric sdk.MetricID, value string, change ...func(*sdk.Observation)) sdk.Observation {
	o := sdk.Observation{
		Token: "aeth", Metric: metric, Value: integer(value), Decimals: 18,
		Source: sdk.Source{Method: "total()", Target: "0x1", Field: "word 0"},
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func integer(s string) *big.Int {
	if s == "" {
		return nil
	}
	i, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic("not an integer: " + s)
	}
	return i
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("not a rational: " + s)
	}
	return r
}

func eth(whole string) string { return whole + strings.Repeat("0", 18) }

func normalise(obs ...sdk.Observation) transforms.Output {
	return transforms.Normalise(transforms.Input{Anchors: []sdk.Anchor{ethereum}, Observations: obs, Tokens: tokens})
}

func find(t *testing.T, out transforms.Output, metric sdk.MetricID) transforms.MetricFact {
	t.Helper()
	var found []transforms.MetricFact
	for _, f := range out.Metrics {
		if f.Metric == metric {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("want one fact of %s, got %d; rejects: %+v", metric, len(found), out.Rejects)
	}
	return found[0]
}

var ratByValue = cmp.Comparer(func(x, y *big.Rat) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.Cmp(y) == 0
})

func TestAReadingBecomesAnExactFactWithItsEvidence(t *testing.T) {
	t.Parallel()
	out := normalise(read(sdk.BackingNative, "123456789012345678901"))
	want := transforms.MetricFact{
		Metric: sdk.BackingNative, Token: "aeth", TS: noon, Value: rat("123.456789012345678901"), Uncertainty: new(big.Rat),
		Height: 100, Quality: sdk.QualityOK, Basis: sdk.OnChain, Finality: sdk.Finalized, Obs: []int{0},
		Transform: transforms.ScaleTransform,
	}
	if diff := cmp.Diff([]transforms.MetricFact{want}, out.Metrics, ratByValue); diff != "" {
		t.Error(diff)
	}
	if len(out.Rejects) != 0 {
		t.Errorf("rejects: %+v", out.Rejects)
	}
}

func TestARatioStaysExact(t *testing.T) {
	t.Parallel()
	// rETH's balance report of block 13343040: 16.00024532445 ETH for 16 rETH.
	out := normalise(read(sdk.ExchangeRateMetric, "16000245324450000000", func(o *sdk.Observation) {
		o.Divisor, o.Decimals = integer("16000000000000000000"), 0
	}))
	f := find(t, out, sdk.ExchangeRateMetric)
	if want := rat("16000245324450000000/16000000000000000000"); f.Value.Cmp(want) != 0 {
		t.Errorf("got %s, want %s", f.Value, want)
	}
}

func TestUnknownStaysUnknownWithItsReason(t *testing.T) {
	t.Parallel()
	out := normalise(read(sdk.LSTSupply, "", func(o *sdk.Observation) { o.Reason = "the node answered null" }), read(sdk.ExchangeRateMetric, eth("1")))
	f := find(t, out, sdk.LSTSupply)
	if f.Value != nil || f.Reason != "the node answered null" {
		t.Errorf("got %v, %q", f.Value, f.Reason)
	}
	tvl := find(t, out, sdk.TVLNative)
	if tvl.Value != nil || tvl.Reason != "lst_supply is unknown: the node answered null" {
		t.Errorf("derived: got %v, %q", tvl.Value, tvl.Reason)
	}
}

func TestUncertaintyIsOneUnitInTheLastPrintedPlace(t *testing.T) {
	t.Parallel()
	published := func(o *sdk.Observation) { o.Basis, o.Decimals = sdk.Published, 4 }
	for _, tt := range []struct {
		name string
		obs  sdk.Observation
		want string
	}{
		{"a printed rate is uncertain by its last place", read(sdk.ExchangeRateMetric, "11216", published), "1/10000"},
		{"an integer read on chain is exact", read(sdk.ExchangeRateMetric, eth("1")), "0"},
		{"a ratio of two published integers is exact", read(sdk.ExchangeRateMetric, "11216", published, func(o *sdk.Observation) {
			o.Decimals, o.Divisor = 0, integer("10000")
		}), "0"},
		{"a printed flag is exact", read(sdk.BunkerMode, "1", func(o *sdk.Observation) { o.Basis, o.Decimals = sdk.Published, 0 }), "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if f := find(t, normalise(tt.obs), tt.obs.Metric); f.Uncertainty.Cmp(rat(tt.want)) != 0 {
				t.Errorf("got %s, want %s", f.Uncertainty, tt.want)
			}
		})
	}
}

func TestImpossibleObservationsAreRefused(t *testing.T) {
	t.Parallel()
	set := func(f func(*sdk.Observation)) func(*sdk.Observation) { return f }
	price := func(o *sdk.Observation) {
		o.Labels = map[string]string{sdk.LabelQuote: "USD", sdk.LabelVenue: "chainlink"}
	}
	quote := func(size string) func(*sdk.Observation) {
		return func(o *sdk.Observation) {
			o.Labels = map[string]string{sdk.LabelRoute: "queue", sdk.LabelSize: size}
		}
	}
	plain := set(func(o *sdk.Observation) { o.Decimals = 0 })
	for _, tt := range []struct {
		name, check, reason string
		obs                 sdk.Observation
	}{
		{"a metric nobody defined", "metric", "not in the catalogue", read("colour", "1")},
		{"a derived metric from a plugin", "metric", "derived by the host", read(sdk.TVLNative, "1")},
		{"a token no plugin declares", "token", `"zeth" is declared by no plugin`, read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Token = "zeth" }))},
		{"an asset outside a price", "token", "declared by no plugin", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Token = "ETH" }))},
		{"a token of another chain", "chain", `lives on "solana", but was read on "ethereum"`, read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Token = "bsol" }))},
		{"an anchor nobody asked for", "anchor", "anchor 1 was not asked for; the request has 1", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Anchor = 1 }))},
		{"no method", "evidence", "names no method", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Source.Method = "" }))},
		{"no target", "evidence", "names no target", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Source.Target = "" }))},
		{"a digest the gateway never saw", "evidence", "no result with digest ff", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Source.Digest = "ff" }))},
		{"unknown without a reason", "unknown", "no reason is given", read(sdk.BackingNative, "")},
		{"a quality nobody defined", "quality", `"great"`, read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Quality = "great" }))},
		{"a derived basis from a plugin", "basis", `"derived"`, read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Basis = transforms.BasisDerived }))},
		{"a price without a venue", "labels", `needs the label "venue"`, read(sdk.Price, "1", set(func(o *sdk.Observation) { o.Labels = map[string]string{"quote": "USD"} }))},
		{"a price of zero", "bounds", "no price", read(sdk.Price, "0", price)},
		{"a quote for an exponent", "labels", "not a positive amount", read(sdk.ExitQuote, "1", quote("1e999999999"))},
		{"a quote for nothing", "labels", "not a positive amount", read(sdk.ExitQuote, "1", quote("0"))},
		{"a period that is no number", "labels", `period_s is "a day"`, read(sdk.FeeShares, "1", set(func(o *sdk.Observation) {
			o.RefTime, o.Labels = noon, map[string]string{sdk.LabelPeriod: "a day"}
		}))},
		{"a period without an end", "labels", "no reference time says until when", read(sdk.FeeShares, "1", set(func(o *sdk.Observation) {
			o.Labels = map[string]string{sdk.LabelPeriod: "86400"}
		}))},
		{"an operator's stake without the operator", "labels", `"operator"`, read(sdk.OperatorStake, "1")},
		{"a time after the anchor's block", "time", "after the anchor's 2024-03-01T12:00:00Z", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.At = &sdk.Position{Time: noon.Add(time.Second)} }))},
		{"a reference time in the future", "time", "its reference time 2024-03-02T12:00:00Z is after", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.RefTime = noon.Add(day) }))},
		{"the start of Unix time", "time", "before any chain", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.At = &sdk.Position{Time: time.Unix(0, 0)} }))},
		{"a division by zero", "number", "divisor is 0", read(sdk.ExchangeRateMetric, "1", set(func(o *sdk.Observation) { o.Divisor = integer("0") }))},
		{"a negative divisor", "number", "-3 is negative", read(sdk.ExchangeRateMetric, "1", set(func(o *sdk.Observation) { o.Divisor = integer("-3") }))},
		{"more than 256 bits", "number", "has 257 bits", read(sdk.BackingNative, new(big.Int).Lsh(big.NewInt(1), 256).String())},
		{"more decimals than digits", "number", "78 decimals", read(sdk.BackingNative, "1", set(func(o *sdk.Observation) { o.Decimals = 78 }))},
		{"the largest uint256", "sentinel", "2^256−1", read(sdk.DepositCapacityNative, "115792089237316195423570985008687907853269984665640564039457584007913129639935")},
		{"the largest uint64", "sentinel", "2^64−1", read(sdk.DepositCapacityNative, "18446744073709551615")},
		{"a negative backing", "negative", "backing_native is -1; it cannot be negative", read(sdk.BackingNative, "-"+eth("1"))},
		{"more ether than there is", "bounds", "more than any chain's whole supply", read(sdk.BackingNative, eth("1000000000001"))},
		{"an inverted rate", "bounds", "upside down", read(sdk.ExchangeRateMetric, "499999999999999999")},
		{"a rate in the wrong unit", "bounds", "exchange_rate is 101, outside 0.5 to 100", read(sdk.ExchangeRateMetric, eth("101"))},
		{"a rate of zero", "bounds", "exchange_rate is 0", read(sdk.ExchangeRateMetric, "0")},
		{"a fee above everything", "bounds", "10001", read(sdk.FeeRewardBPS, "10001", plain)},
		{"a flag of two", "bounds", "a flag is 0 or 1", read(sdk.BunkerMode, "2", plain)},
		{"half a validator", "bounds", "counts whole things", read(sdk.Validators, "15", set(func(o *sdk.Observation) { o.Decimals = 1 }))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{tt.obs},
				SeenDigest: func(string) bool { return false },
			})
			if len(out.Metrics)+len(out.Prices)+len(out.ExitQuotes)+len(out.OperatorStakes) != 0 {
				t.Fatalf("kept as a fact: %+v", out)
			}
			if len(out.Rejects) != 1 {
				t.Fatalf("want one reject, got %+v", out.Rejects)
			}
			r := out.Rejects[0]
			if r.Check != tt.check || !strings.Contains(r.Reason, tt.reason) {
				t.Errorf("got check %q, reason %q; want %q, %q", r.Check, r.Reason, tt.check, tt.reason)
			}
			if r.Obs != 0 || r.Token != tt.obs.Token || r.Metric != tt.obs.Metric {
				t.Errorf("the reject does not name its observation: %+v", r)
			}
		})
	}
}

func TestPossibleObservationsAreKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		obs  sdk.Observation
	}{
		{"a rate at the lower bound", read(sdk.ExchangeRateMetric, "500000000000000000")},
		{"a fee of everything", read(sdk.FeeRewardBPS, "10000", func(o *sdk.Observation) { o.Decimals = 0 })},
		{"a negative benchmark", read(sdk.BenchmarkAPR, "-"+eth("0")+"1")},
		{"a negative claim", read(sdk.APRClaimed, "-"+eth("0")+"1")},
		{"what an API says of a token of a chain", read(sdk.APYClaimed, "1", func(o *sdk.Observation) { o.Token, o.Basis = "bsol", sdk.API })},
		{"a benchmark read on another chain than its token's", read(sdk.BenchmarkAPR, "1", func(o *sdk.Observation) { o.Token = "sol-staking" })},
		{"a duration", read(sdk.SlotSeconds, "2", func(o *sdk.Observation) { o.Decimals = 1 })},
		{"a supply of zero that was never more", read(sdk.LSTSupply, "0")},
		{"an empty digest, because the client cannot tell", read(sdk.BackingNative, "1")},
		{"the height of an asset's chain", read(sdk.ChainHeight, "18765432", func(o *sdk.Observation) { o.Token, o.Decimals = "ETH", 0 })},
		{"an earlier position", read(sdk.BackingNative, "1", func(o *sdk.Observation) { o.At = &sdk.Position{Time: noon.Add(-day), Height: 3} })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{tt.obs},
				SeenDigest: func(string) bool { return false },
			})
			if len(out.Rejects) != 0 {
				t.Errorf("refused: %+v", out.Rejects)
			}
		})
	}
}

func TestAReadingNearAnAnchorWithoutABlockMayBeALittleLater(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) transforms.Output {
		return transforms.Normalise(transforms.Input{Anchors: []sdk.Anchor{solana}, Tokens: tokens, Observations: []sdk.Observation{
			read(sdk.BackingNative, "5", func(o *sdk.Observation) {
				o.Token, o.Decimals, o.At = "bsol", 9, &sdk.Position{Height: 950, Time: noon.Add(d), Epoch: 7}
			}),
		}})
	}
	if out := at(10 * time.Minute); len(out.Rejects) != 0 || !out.Metrics[0].TS.Equal(noon.Add(10*time.Minute)) || out.Metrics[0].Height != 950 {
		t.Errorf("ten minutes later: %+v", out)
	}
	if out := at(16 * time.Minute); len(out.Rejects) != 1 || out.Rejects[0].Check != "time" {
		t.Errorf("sixteen minutes later: %+v", out)
	}
}

func TestAReportIsDatedByItselfAndSaysWhatTimeItIsOf(t *testing.T) {
	t.Parallel()
	block := sdk.Position{Height: 90, Hash: "0xdef", Time: noon.Add(-2 * time.Minute)}
	f := find(t, normalise(read(sdk.FeeShares, eth("5"), func(o *sdk.Observation) {
		o.At, o.RefTime, o.Labels = &block, noon.Add(-time.Hour), map[string]string{sdk.LabelPeriod: "86400"}
	})), sdk.FeeShares)
	if !f.TS.Equal(block.Time) || f.Height != 90 || !f.RefTS.Equal(noon.Add(-time.Hour)) || !f.PeriodStart.Equal(noon.Add(-25*time.Hour)) {
		t.Errorf("at %s of height %d, from %s to %s", f.TS, f.Height, f.PeriodStart, f.RefTS)
	}
}

func TestPricesQuotesAndOperatorsHaveTheirOwnFacts(t *testing.T) {
	t.Parallel()
	updated := noon.Add(-time.Hour)
	out := normalise(
		read(sdk.Price, "340012345678", func(o *sdk.Observation) {
			o.Token, o.Decimals, o.RefTime = "ETH", 8, updated
			o.Labels = map[string]string{sdk.LabelQuote: "USD", sdk.LabelVenue: "chainlink"}
		}),
		read(sdk.ExitQuote, eth("99"), func(o *sdk.Observation) {
			o.Labels = map[string]string{sdk.LabelRoute: "instant", sdk.LabelSize: "100", sdk.LabelWait: "0"}
		}),
		read(sdk.ExitQuote, "", func(o *sdk.Observation) {
			o.Reason = "more than the pool holds"
			o.Labels = map[string]string{sdk.LabelRoute: "instant", sdk.LabelSize: "10000"}
		}),
		read(sdk.OperatorStake, eth("32"), func(o *sdk.Observation) { o.Labels = map[string]string{sdk.LabelOperator: "op1"} }),
	)
	zero := time.Duration(0)
	want := transforms.Output{
		Prices: []transforms.PriceFact{{
			Base: "ETH", Quote: "USD", Venue: "chainlink", TS: noon, RefTS: updated, Price: rat("3400.12345678"), Height: 100,
			Quality: sdk.QualityOK, Basis: sdk.OnChain, Obs: []int{0}, Transform: transforms.PriceTransform,
		}},
		ExitQuotes: []transforms.ExitQuote{{
			Token: "aeth", TS: noon, Route: "instant", Size: rat("100"), Out: rat("99"), Wait: &zero, Height: 100,
			Quality: sdk.QualityOK, Basis: sdk.OnChain, Obs: []int{1}, Transform: transforms.ExitQuoteTransform,
		}, {
			Token: "aeth", TS: noon, Route: "instant", Size: rat("10000"), Height: 100, Reason: "more than the pool holds",
			Quality: sdk.QualityOK, Basis: sdk.OnChain, Obs: []int{2}, Transform: transforms.ExitQuoteTransform,
		}},
		OperatorStakes: []transforms.OperatorStake{{
			Protocol: "a", Operator: "op1", TS: noon, Stake: rat("32"), Obs: []int{3}, Transform: transforms.OperatorTransform,
		}},
	}
	if diff := cmp.Diff(want, out, ratByValue); diff != "" {
		t.Error(diff)
	}
}

func TestEpochsComeFromAnchorsAndPositionsAndTheEarliestStartCounts(t *testing.T) {
	t.Parallel()
	out := transforms.Normalise(transforms.Input{Anchors: []sdk.Anchor{solana}, Tokens: tokens, Observations: []sdk.Observation{
		read(sdk.BackingNative, "5", func(o *sdk.Observation) {
			o.Token, o.At = "bsol", &sdk.Position{Time: noon, Epoch: 7, EpochStart: noon.Add(-day - time.Second)}
		}),
		read(sdk.LSTSupply, "5", func(o *sdk.Observation) {
			o.Token, o.Basis, o.At = "bsol", sdk.Published, &sdk.Position{Time: noon.Add(-3 * day), Epoch: 6, EpochStart: noon.Add(-3 * day)}
		}),
	}})
	want := []transforms.Epoch{
		{Chain: "solana", Epoch: 6, Start: noon.Add(-3 * day), Basis: sdk.Published},
		{Chain: "solana", Epoch: 7, Start: noon.Add(-day - time.Second), Basis: sdk.OnChain},
	}
	if diff := cmp.Diff(want, out.Epochs); diff != "" {
		t.Error(diff)
	}
}

func TestAnEstimatedPositionIsNoObservedBoundary(t *testing.T) {
	t.Parallel()
	out := transforms.Normalise(transforms.Input{
		Anchors: []sdk.Anchor{solana}, Tokens: tokens, Session: transforms.SessionQuality{Quality: sdk.QualityEstimated, Note: "dated by its epoch"},
		Observations: []sdk.Observation{read(sdk.BackingNative, "5", func(o *sdk.Observation) { o.Token = "bsol" })},
	})
	if len(out.Epochs) != 0 || len(out.Metrics) != 1 || out.Metrics[0].Quality != sdk.QualityEstimated {
		t.Errorf("got %+v", out)
	}
}
