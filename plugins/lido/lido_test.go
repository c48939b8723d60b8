package main

import (
	"context"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/internal/evmtest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

func num(s string) *big.Int {
	n, ok := new(big.Int).SetString(strings.ReplaceAll(s, "_", ""), 10)
	if !ok {
		panic(s)
	}
	return n
}

func eth(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), e18) }

// world is what the contracts know at a block; zero fields are taught as such.
type world struct {
	version          era // 1 teaches no version
	pooled, shares   *big.Int
	external, extShr *big.Int // V3 and later
	buffered         *big.Int
	deposited        int64 // validators, none of them on the way
	refSlot          uint64
	queue            *big.Int
	reserve          *big.Int
	router           common.Address
	modules          []module
	fields           int // of a StakingModule
}

func (w world) internal() (ether, shares *big.Int) {
	ether, shares = new(big.Int).Set(w.pooled), new(big.Int).Set(w.shares)
	if w.external != nil {
		ether.Sub(ether, w.external)
		shares.Sub(shares, w.extShr)
	}
	return ether, shares
}

func quo(a, b, c *big.Int) *big.Int {
	x := new(big.Int).Mul(a, b)
	return x.Quo(x, c)
}

// teach lets the contracts answer for w.
func (w world) teach(c *evmtest.Chain) {
	ether, shares := w.internal()
	c.Answer(getTotalPooledEther.At(stETH), w.pooled)
	c.Answer(totalSupply.At(stETH), w.pooled)
	c.Answer(getTotalShares.At(stETH), w.shares)
	c.Answer(getPooledEthByShares.At(stETH, e27), quo(e27, ether, shares))
	c.Answer(getPooledEthByShares.At(stETH, e18), quo(e18, ether, shares))
	c.Answer(stEthPerToken.At(wstETH), quo(e18, ether, shares))
	c.Answer(getBufferedEther.At(stETH), w.buffered)
	staked := new(big.Int).Sub(ether, w.buffered)
	c.Answer(getBeaconStat.At(stETH), big.NewInt(w.deposited), big.NewInt(w.deposited), staked)
	c.Answer(getTotalELRewardsCollected.At(stETH), eth(77))
	c.Answer(getCurrentStakeLimit.At(stETH), eth(150_000))
	c.Answer(isStakingPaused.At(stETH), false)
	c.Answer(isStopped.At(stETH), false)
	c.Answer(getDy.At(curvePool, 1, 0, e18), num("999_312_000_000_000_000"))
	if w.version == v1 {
		c.Answer(getFee.At(stETH), 1000)
		c.Answer(getFeeDistribution.At(stETH), 0, 5000, 5000)
		c.Answer(getLastCompletedEpochID.At(lidoOracle), int(w.refSlot/slotsInEpoch))
		c.Answer(getActiveNodeOperatorsCount.At(curated), 21)
		return
	}
	c.Answer(getContractVersion.At(stETH), int(w.version))
	c.Answer(accountingOracle.At(locator), usualOracle)
	c.Answer(stakingRouter.At(locator), w.router)
	c.Answer(withdrawalQueue.At(locator), usualQueue)
	c.Answer(getLastProcessingRefSlot.At(usualOracle), int(w.refSlot))
	c.Answer(getStakingFeeAggregateDistribution.At(w.router), num("3_612_345_678_901_234_567"), num("6_387_654_321_098_765_432"), e20)
	c.AnswerBytes(getStakingModules.At(w.router), encodeModules(w.fields, w.modules))
	for _, m := range w.modules {
		c.Answer(getStakingModuleSummary.At(w.router, m.id), 10*m.id, 1000, 5)
		c.Answer(getStakingModuleActiveValidatorsCount.At(w.router, m.id), 1000-10*m.id)
		c.Answer(getActiveNodeOperatorsCount.At(m.address), 30+m.id)
	}
	c.Answer(unfinalizedStETH.At(usualQueue), w.queue)
	c.Answer(unfinalizedRequestNumber.At(usualQueue), 13)
	c.Answer(getLockedEtherAmount.At(usualQueue), eth(1234))
	c.Answer(isPaused.At(usualQueue), false)
	c.Answer(isBunkerModeActive.At(usualQueue), false)
	c.Answer(minWithdrawal.At(usualQueue), 100)
	c.Answer(maxWithdrawal.At(usualQueue), eth(1000))
	if w.version >= v3 {
		c.Answer(getExternalEther.At(stETH), w.external)
		c.Answer(getExternalShares.At(stETH), w.extShr)
	}
	if w.version >= srv3 {
		// A tenth of the stake waits for activation, a tenth left after the report.
		tenth := new(big.Int).Quo(staked, big.NewInt(10))
		active := new(big.Int).Sub(staked, new(big.Int).Lsh(tenth, 1))
		c.Answer(getBalanceStats.At(stETH), active, tenth, tenth, 0)
		c.Answer(getDepositsReserve.At(stETH), w.reserve)
	}
}

// encodeModules writes (tuple)[] with the given number of fields; the name is
// field 6, and what was appended over the years is zero.
func encodeModules(fields int, modules []module) []byte {
	word := func(n int64) []byte { return common.LeftPadBytes(big.NewInt(n).Bytes(), 32) }
	tuple := int64(fields+2) * 32 // fields, then the name's length and text
	out := append(word(32), word(int64(len(modules)))...)
	for i := range modules {
		out = append(out, word(int64(len(modules))*32+int64(i)*tuple)...)
	}
	for _, m := range modules {
		out = append(out, word(int64(m.id))...)
		out = append(out, common.LeftPadBytes(m.address[:], 32)...)
		for f := 2; f < fields; f++ {
			if f == 6 {
				out = append(out, word(int64(fields)*32)...)
			} else {
				out = append(out, word(0)...)
			}
		}
		out = append(out, word(4)...)
		out = append(out, common.RightPadBytes([]byte("name"), 32)...)
	}
	return out
}

// vectors are share and ether totals of real reports (Lido SDK's test vectors);
// the validators' part is ours.
var sample = world{
	version: v2, pooled: num("9263068471084128020814862"), shares: num("8066681860242338824295513"),
	buffered: eth(12_000), deposited: 280_000, refSlot: 8_000_000, queue: eth(5_000),
	router: usualRouter, modules: usualModules[:3], fields: 13,
}

func fetch(t *testing.T, endpoint string, anchors ...sdk.Anchor) *evmtest.Sink {
	t.Helper()
	sink := &evmtest.Sink{}
	if err := New().Fetch(context.Background(), sdk.Request{Chain: "ethereum", Anchors: anchors, Endpoint: endpoint, Tokens: []sdk.TokenID{tokenStETH}}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

// one returns the only observation of a metric.
func one(t *testing.T, s *evmtest.Sink, anchor int, token sdk.TokenID, metric sdk.MetricID, labels ...string) sdk.Observation {
	t.Helper()
	found := s.Find(anchor, token, metric, labels...)
	if len(found) != 1 {
		t.Fatalf("anchor %d has %d observations of %s %v; failures: %v", anchor, len(found), metric, labels, s.Failures)
	}
	return found[0]
}

func expect(t *testing.T, o sdk.Observation, want *big.Int, decimals uint8) {
	t.Helper()
	if o.Value == nil || o.Value.Cmp(want) != 0 || o.Decimals != decimals {
		t.Errorf("%s is %v with %d decimals (%s), want %v with %d", o.Metric, o.Value, o.Decimals, o.Reason, want, decimals)
	}
	if o.Source.Method == "" || o.Source.Target == "" || len(o.Source.Digest) != 64 {
		t.Errorf("%s lacks evidence: %+v", o.Metric, o.Source)
	}
}

func after(w world) time.Time { return slotTime(w.refSlot).Add(3 * time.Hour) }

func TestV1BeforeMulticallIsOneBatch(t *testing.T) {
	t.Parallel()
	w := sample
	w.version, w.refSlot = v1, 40_000*slotsInEpoch
	chain := evmtest.Start(t, evmtest.Options{Before: 12_000_000, Time: after(w).Add(-time.Hour)})
	anchor := chain.Mine(after(w))
	w.teach(chain)
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, url, anchor)
	if len(sink.Failures) > 0 || requests.Load() != 1 {
		t.Fatalf("%d requests, failures %v", requests.Load(), sink.Failures)
	}
	rate := one(t, sink, 0, tokenStETH, sdk.ExchangeRateMetric)
	expect(t, rate, w.pooled, 0)
	if rate.Divisor.Cmp(w.shares) != 0 || !rate.RefTime.Equal(slotTime(w.refSlot)) || rate.Quality != sdk.QualityOK {
		t.Errorf("rate is %+v", rate)
	}
	expect(t, one(t, sink, 0, tokenStETH, sdk.FeeRewardBPS), big.NewInt(1000), 0)
	expect(t, one(t, sink, 0, tokenStETH, sdk.FeeRewardInsuranceBPS), big.NewInt(1000*5000), 4)
	expect(t, one(t, sink, 0, tokenStETH, sdk.FeeRewardTreasuryBPS), new(big.Int), 4)
	expect(t, one(t, sink, 0, tokenStETH, sdk.Operators), big.NewInt(21), 0)
	if q := sink.Find(0, tokenStETH, sdk.QueueNative); len(q) != 0 {
		t.Errorf("V1 has no queue, got %+v", q)
	}
}

// Rates that were recorded as getPooledEthByShares(1e27) at these blocks.
func TestKnownRatesOf2022(t *testing.T) {
	t.Parallel()
	rows := []struct {
		time int64
		rate string
	}{
		{1649554219, "1067472418481557458937724253"},
		{1652868548, "1071663732239299774767008133"},
		{1657244554, "1077623031079333642872922972"},
	}
	chain := evmtest.Start(t, evmtest.Options{Before: 14_555_029, Time: time.Unix(rows[0].time-60, 0)})
	var anchors []sdk.Anchor
	for _, row := range rows {
		anchors = append(anchors, chain.Mine(time.Unix(row.time, 0)))
		w := sample
		w.version, w.refSlot, w.buffered = v1, 100_000*slotsInEpoch, eth(7)
		w.pooled, w.shares = num(row.rate), e27
		w.teach(chain)
	}
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, url, anchors...)
	if requests.Load() != 1 {
		t.Errorf("three blocks took %d requests", requests.Load())
	}
	for i, row := range rows {
		rate := one(t, sink, i, tokenStETH, sdk.ExchangeRateMetric)
		if got := quo(rate.Value, e27, rate.Divisor); got.Cmp(num(row.rate)) != 0 || rate.Quality != sdk.QualityOK {
			t.Errorf("rate %d is %s (%s), want %s", i, got, rate.Reason, row.rate)
		}
	}
}

func TestEveryModernEraIsOneRound(t *testing.T) {
	t.Parallel()
	chain := evmtest.Start(t, evmtest.Options{Before: 24_000_000, Time: after(sample).Add(-time.Hour)})
	worlds := []world{sample, sample, sample}
	worlds[1].version = v3
	worlds[1].external, worlds[1].extShr = num("63068471084128020814862"), num("54922632417386382949513")
	worlds[2] = worlds[1]
	worlds[2].version, worlds[2].modules, worlds[2].fields, worlds[2].reserve = srv3, usualModules, 15, eth(1500)
	var anchors []sdk.Anchor
	for i, w := range worlds {
		anchors = append(anchors, chain.Mine(after(w).Add(time.Duration(i)*time.Minute)))
		w.teach(chain)
	}
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, url, anchors...)
	if len(sink.Failures) > 0 || requests.Load() != 1 {
		t.Fatalf("%d requests, failures %v", requests.Load(), sink.Failures)
	}
	for i, w := range worlds {
		ether, shares := w.internal()
		rate := one(t, sink, i, tokenStETH, sdk.ExchangeRateMetric)
		expect(t, rate, ether, 0)
		if rate.Divisor.Cmp(shares) != 0 || rate.Quality != sdk.QualityOK {
			t.Errorf("rate of %d is %s over %s, %s: %s", w.version, rate.Value, rate.Divisor, rate.Quality, rate.Reason)
		}
		expect(t, one(t, sink, i, tokenStETH, sdk.BackingNative), w.pooled, 18)
		expect(t, one(t, sink, i, tokenStETH, sdk.BackingInternalNative), ether, 18)
		expect(t, one(t, sink, i, tokenStETH, sdk.LSTSupply), w.shares, 18)
		expect(t, one(t, sink, i, tokenStETH, sdk.FeeRewardBPS), num("9_999_999_999_999_999_999"), 16)
		expect(t, one(t, sink, i, tokenStETH, sdk.FeeRewardOperatorsBPS), num("3_612_345_678_901_234_567"), 16)
		expect(t, one(t, sink, i, tokenStETH, sdk.Modules), integer(len(w.modules)), 0)
		expect(t, one(t, sink, i, tokenStETH, sdk.WithdrawMinNative), big.NewInt(100), 18)
		expect(t, one(t, sink, i, tokenStETH, sdk.Price, "quote=ETH", "venue=curve"), num("999_312_000_000_000_000"), 18)
		expect(t, one(t, sink, i, tokenStETH, sdk.ReportHeight), big.NewInt(8_000_000), 0)
	}
	expect(t, one(t, sink, 0, tokenStETH, sdk.Operators), big.NewInt(31+32+33), 0)
	expect(t, one(t, sink, 2, tokenStETH, sdk.Operators), big.NewInt(31+32+33+34), 0)
	expect(t, one(t, sink, 2, tokenStETH, sdk.ValidatorsExited), big.NewInt(100), 0)
	if len(sink.Find(0, tokenStETH, sdk.BackingExternalNative)) != 0 {
		t.Error("V2 has no external ether")
	}
	expect(t, one(t, sink, 1, tokenStETH, sdk.BackingExternalNative), worlds[1].external, 18)
	staked := new(big.Int).Sub(new(big.Int).Sub(worlds[2].pooled, worlds[2].external), worlds[2].buffered)
	tenth := new(big.Int).Quo(staked, big.NewInt(10))
	expect(t, one(t, sink, 2, tokenStETH, sdk.StakingNative), staked.Sub(staked, tenth.Lsh(tenth, 1)), 18)
}

func TestExitQuotesOfTheQueue(t *testing.T) {
	t.Parallel()
	chain := evmtest.Start(t, evmtest.Options{Before: 24_000_000, Time: after(sample).Add(-time.Hour)})
	first := chain.Mine(after(sample))
	sample.teach(chain)
	second := chain.Mine(after(sample).Add(time.Minute))
	chain.Answer(isBunkerModeActive.At(usualQueue), true)
	third := chain.Mine(after(sample).Add(2 * time.Minute))
	chain.Answer(isPaused.At(usualQueue), true)
	sink := fetch(t, chain.URL(), first, second, third)

	// 12,000 idle, 5,000 waiting: 1,000 more are covered, 10,000 are not.
	covered := one(t, sink, 0, tokenStETH, sdk.ExitQuote, "size_native=1000", "route=queue")
	expect(t, covered, eth(1000), 18)
	if covered.Labels[sdk.LabelWait] != "75600" || covered.Quality != sdk.QualityEstimated {
		t.Errorf("three hours after a report the next is in 21 h: %v %s", covered.Labels, covered.Quality)
	}
	large := one(t, sink, 0, tokenStETH, sdk.ExitQuote, "size_native=10000")
	if _, known := large.Labels[sdk.LabelWait]; known || large.Value.Cmp(eth(10_000)) != 0 {
		t.Errorf("uncovered size: %+v", large)
	}
	if _, known := one(t, sink, 1, tokenStETH, sdk.ExitQuote, "size_native=1").Labels[sdk.LabelWait]; known {
		t.Error("the wait in bunker mode is not known")
	}
	if q := one(t, sink, 2, tokenStETH, sdk.ExitQuote, "size_native=1"); q.Value != nil || q.Reason != "withdrawals are paused" {
		t.Errorf("paused: %+v", q)
	}
}

func TestTheLocatorDecidesWhereThingsAre(t *testing.T) {
	t.Parallel()
	chain := evmtest.Start(t, evmtest.Options{Before: 24_000_000, Time: after(sample).Add(-time.Hour)})
	anchor := chain.Mine(after(sample))
	sample.teach(chain) // the old router still answers
	moved := sample
	moved.router = evm.MustAddress("0x23ED611be0e1a820978875C0122F92260804cdDf")
	moved.modules = []module{{1, curated}, {9, evm.MustAddress("0xE76c52750019b80B43E36DF30bf4060EB73F573a")}}
	moved.teach(chain)
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, url, anchor)
	if requests.Load() > 3 || len(sink.Failures) > 0 {
		t.Errorf("%d requests, failures %v", requests.Load(), sink.Failures)
	}
	expect(t, one(t, sink, 0, tokenStETH, sdk.Operators), big.NewInt(31+39), 0)
	if m := one(t, sink, 0, tokenStETH, sdk.FeeRewardBPS); m.Source.Target != moved.router.Hex() {
		t.Errorf("the fee was read at %s", m.Source.Target)
	}
}

func TestContradictionsMakeTheRateSuspect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		teach func(*evmtest.Chain)
		want  string
	}{
		"another total supply":           {func(c *evmtest.Chain) { c.Answer(totalSupply.At(stETH), eth(1)) }, "totalSupply"},
		"another rate of wstETH":         {func(c *evmtest.Chain) { c.Answer(stEthPerToken.At(wstETH), e18) }, "wstETH"},
		"another conversion":             {func(c *evmtest.Chain) { c.Answer(getPooledEthByShares.At(stETH, e27), e27) }, "converts at another rate"},
		"a buffer that does not add up":  {func(c *evmtest.Chain) { c.Answer(getBufferedEther.At(stETH), eth(3)) }, "add up"},
		"validators that do not add up":  {func(c *evmtest.Chain) { c.Answer(getBeaconStat.At(stETH), 9, 5, 1) }, "add up"},
		"shares that do not fit the sum": {func(c *evmtest.Chain) { c.Answer(getTotalShares.At(stETH), eth(5)) }, "converts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain := evmtest.Start(t, evmtest.Options{Before: 24_000_000, Time: after(sample).Add(-time.Hour)})
			anchor := chain.Mine(after(sample))
			sample.teach(chain)
			c.teach(chain)
			rate := one(t, fetch(t, chain.URL(), anchor), 0, tokenStETH, sdk.ExchangeRateMetric)
			if rate.Quality != sdk.QualitySuspect || !strings.Contains(rate.Reason, c.want) {
				t.Errorf("quality is %s: %s", rate.Quality, rate.Reason)
			}
		})
	}
}

func TestStrangeStates(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*evmtest.Chain, sdk.Anchor) {
		chain := evmtest.Start(t, evmtest.Options{Before: 24_000_000, Time: after(sample).Add(-time.Hour)})
		anchor := chain.Mine(after(sample))
		sample.teach(chain)
		return chain, anchor
	}
	t.Run("a limit of 2^256-1 is no amount", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t)
		chain.Answer(getCurrentStakeLimit.At(stETH), big.NewInt(-1))
		sink := fetch(t, chain.URL(), anchor)
		if c := one(t, sink, 0, tokenStETH, sdk.DepositCapacityNative); c.Value != nil || !strings.Contains(c.Reason, "no limit") {
			t.Errorf("capacity is %+v", c)
		}
		expect(t, one(t, sink, 0, tokenStETH, sdk.DepositUnlimited), big.NewInt(1), 0)
	})
	t.Run("a version nobody knows is an error of layout", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t)
		chain.Answer(getContractVersion.At(stETH), 5)
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Observations) != 0 || len(sink.Failures) != 1 || sink.Failures[0].Kind != sdk.KindLayout {
			t.Errorf("got %d observations, %v", len(sink.Observations), sink.Failures)
		}
	})
	t.Run("a module of 11 fields costs only what needs it", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t)
		chain.AnswerBytes(getStakingModules.At(usualRouter), encodeModules(11, usualModules))
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Find(0, tokenStETH, sdk.Operators)) != 0 || len(sink.Failures) != 4 || sink.Failures[0].Kind != sdk.KindLayout {
			t.Errorf("failures are %v", sink.Failures)
		}
		one(t, sink, 0, tokenStETH, sdk.ExchangeRateMetric)
	})
	t.Run("a fee of another precision is an error of layout", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t)
		chain.Answer(getStakingFeeAggregateDistribution.At(usualRouter), e18, e18, e18)
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Find(0, tokenStETH, sdk.FeeRewardBPS)) != 0 || len(sink.Failures) != 3 {
			t.Errorf("failures are %v", sink.Failures)
		}
	})
	t.Run("a getter that reverts is unknown with the contract's words", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t)
		chain.RevertWith(getTotalELRewardsCollected.At(stETH), "NOT_YET")
		o := one(t, fetch(t, chain.URL(), anchor), 0, tokenStETH, sdk.ELRewardsCumulative)
		if o.Value != nil || !strings.Contains(o.Reason, "reverted at block 24000001: NOT_YET") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("a block that was reorganised away fails by name", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t)
		anchor.Hash = "0x" + strings.Repeat("ab", 32)
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Observations) != 0 || len(sink.Failures) != 1 || sink.Failures[0].Kind != sdk.KindTransient || !strings.Contains(sink.Failures[0].Message, "24000001") {
			t.Errorf("got %v", sink.Failures)
		}
	})
	t.Run("before its deployment there is no data", func(t *testing.T) {
		t.Parallel()
		chain := evmtest.Start(t, evmtest.Options{Before: 11_000_000, Time: time.Date(2020, 10, 1, 0, 0, 0, 0, time.UTC)})
		anchor := chain.Mine(time.Date(2020, 10, 1, 1, 0, 0, 0, time.UTC))
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Failures) != 1 || sink.Failures[0].Kind != sdk.KindNoData || sink.Failures[0].Token != tokenStETH {
			t.Errorf("got %v", sink.Failures)
		}
	})
}

func TestStMATIC(t *testing.T) {
	t.Parallel()
	chain := evmtest.Start(t, evmtest.Options{Before: 19_000_000, Time: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)})
	first := chain.Mine(time.Date(2024, 3, 1, 1, 0, 0, 0, time.UTC))
	pooled, shares := eth(113_000), eth(100_000)
	chain.Answer(getTotalPooledMatic.At(stMATIC), pooled)
	chain.Answer(totalSupply.At(stMATIC), shares)
	chain.Answer(convertStMaticToMatic.At(stMATIC, e18), num("1_130_000_000_000_000_000"), shares, pooled)
	chain.Answer(protocolFee.At(stMATIC), 10)
	chain.Answer(entityFees.At(stMATIC), 25, 50, 25)
	chain.Answer(paused.At(stMATIC), true)
	second := chain.Mine(time.Date(2024, 3, 1, 2, 0, 0, 0, time.UTC))
	chain.RevertWith(convertStMaticToMatic.At(stMATIC, e18), "Pausable: paused")
	sink := &evmtest.Sink{}
	req := sdk.Request{Chain: "ethereum", Anchors: []sdk.Anchor{first, second}, Endpoint: chain.URL(), Tokens: []sdk.TokenID{tokenStMATIC}}
	if err := New().Fetch(context.Background(), req, sink); err != nil || len(sink.Failures) > 0 {
		t.Fatal(err, sink.Failures)
	}
	rate := one(t, sink, 0, tokenStMATIC, sdk.ExchangeRateMetric)
	expect(t, rate, pooled, 0)
	if rate.Divisor.Cmp(shares) != 0 || rate.Quality != sdk.QualityOK {
		t.Errorf("rate is %+v", rate)
	}
	expect(t, one(t, sink, 0, tokenStMATIC, sdk.FeeRewardBPS), big.NewInt(1000), 0)
	expect(t, one(t, sink, 0, tokenStMATIC, sdk.FeeRewardOperatorsBPS), big.NewInt(500), 0)
	expect(t, one(t, sink, 0, tokenStMATIC, sdk.ProtocolPaused), big.NewInt(1), 0)
	for i, metric := range []sdk.MetricID{sdk.StakingNative, sdk.ExchangeRateMetric} {
		if o := one(t, sink, i, tokenStMATIC, metric); o.Value != nil || !strings.Contains(o.Reason, "reverted") {
			t.Errorf("%s: %+v", metric, o)
		}
	}
	if len(sink.Find(0, tokenStETH, sdk.BackingNative)) != 0 {
		t.Error("a token that was not asked for was read")
	}
}

func TestEveryMetricEmittedIsDeclared(t *testing.T) {
	t.Parallel()
	declared := map[sdk.MetricID]bool{}
	for _, m := range New().Describe().Metrics {
		declared[m] = true
	}
	chain := evmtest.Start(t, evmtest.Options{Before: 24_000_000, Time: after(sample).Add(-time.Hour)})
	anchor := chain.Mine(after(sample))
	w := sample
	w.version, w.reserve = srv3, eth(1500)
	w.external, w.extShr = num("63068471084128020814862"), num("54922632417386382949513")
	w.teach(chain)
	sink := &evmtest.Sink{}
	if err := New().Fetch(context.Background(), sdk.Request{Chain: "ethereum", Anchors: []sdk.Anchor{anchor}, Endpoint: chain.URL()}, sink); err != nil {
		t.Fatal(err)
	}
	seen := map[sdk.MetricID]bool{}
	for _, o := range sink.Observations {
		seen[o.Metric] = true
		if !declared[o.Metric] {
			t.Errorf("%s is emitted and not declared", o.Metric)
		}
	}
	for m := range declared {
		if !seen[m] {
			t.Errorf("%s is declared and never emitted", m)
		}
	}
}
