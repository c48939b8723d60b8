package main

import (
	"context"
	"encoding/csv"
	"errors"
	"io/fs"
	"math/big"
	"os"
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

func quo(a, b, c *big.Int) *big.Int {
	x := new(big.Int).Mul(a, b)
	return x.Quo(x, c)
}

// world is what the contracts know at a block.
type world struct {
	block, time            int64 // of the report
	total, staking, supply *big.Int
	supplyNow              *big.Int
	pool, node, collateral *big.Int
	saturn                 bool
	at                     places
}

// The state of the network at block 24879811 (2026-04-14), as the protocol's own
// software recorded it. Counts are ours.
var april2026 = world{
	block: 24876097, time: 1776146507,
	total: num("393070246092667017109023"), staking: num("340571417532849325110122"),
	// The recording gives the rate 1.161361759810098 and not the supply; this one
	// has that rate.
	supply: num("338456336083375564426994"), supplyNow: num("338360158912466277545855"),
	pool: num("24931958235492440846"), node: eth(7944),
	collateral: num("2224148175222317944602"),
	saturn:     true, at: usual,
}

func (w world) teach(c *evmtest.Chain) {
	for k, v := range map[[32]byte]*big.Int{
		keyTotalETH: w.total, keyStakingETH: w.staking, keyRETHSupply: w.supply,
		keyReportBlock: big.NewInt(w.block), keyReportTime: big.NewInt(w.time),
		keyNodes: big.NewInt(4000), keyMinipools: big.NewInt(41000), keyStaking: big.NewInt(20000),
		keyFinalised: big.NewInt(19000), keyMegapool: big.NewInt(0), keyNodeBalance: w.node,
		keyMinimum: num("10_000_000_000_000_000"), keyPoolMaximum: eth(18_000), keyDepositFee: num("500_000_000_000_000"),
	} {
		c.Answer(getUint.At(storage, k), v)
	}
	if w.saturn {
		c.Answer(getUint.At(storage, keyMegapool), 1500)
		c.Answer(getCurrentNodeShare.At(w.at.revenues), num("50_000_000_000_000_000"))
		c.Answer(getCurrentVoterShare.At(w.at.revenues), num("90_000_000_000_000_000"))
		c.Answer(getCurrentProtocolDAOShare.At(w.at.revenues), 0)
	} else {
		c.Answer(getNodeFee.At(w.at.fees), num("140_000_000_000_000_000"))
	}
	c.Answer(getBool.At(storage, keyEnabled), true)
	c.Answer(getAddress.At(storage, keyDepositPool), w.at.depositPool)
	c.Answer(getAddress.At(storage, keyNetworkFees), w.at.fees)
	c.Answer(getAddress.At(storage, keyRevenues), w.at.revenues)
	c.Answer(getMaximumDepositAmount.At(w.at.depositPool), eth(9_000))
	c.Answer(balanceOf.At(vault, "rocketDepositPool"), w.pool)
	c.Answer(totalSupply.At(rETH), w.supplyNow)
	rate := e18
	if w.supply.Sign() > 0 {
		rate = quo(w.total, e18, w.supply)
	}
	c.Answer(getExchangeRate.At(rETH), rate)
	c.Answer(getTotalCollateral.At(rETH), w.collateral)
	c.Answer(token0.At(wethPool), rETH)
	c.Answer(slot0.At(wethPool), new(big.Int).Lsh(big.NewInt(17), 92), 1200, 1, 1, 1, 0, true) // 17/16 × 2^96
}

func fetch(t *testing.T, endpoint string, anchors ...sdk.Anchor) *evmtest.Sink {
	t.Helper()
	sink := &evmtest.Sink{}
	if err := New().Fetch(context.Background(), sdk.Request{Chain: "ethereum", Anchors: anchors, Endpoint: endpoint}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func one(t *testing.T, s *evmtest.Sink, anchor int, metric sdk.MetricID, labels ...string) sdk.Observation {
	t.Helper()
	found := s.Find(anchor, tokenRETH, metric, labels...)
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

func TestTheNetworkOfApril2026IsOneRound(t *testing.T) {
	t.Parallel()
	w := april2026
	chain := evmtest.Start(t, evmtest.Options{Before: 24_879_810, Time: time.Unix(1776191000, 0)})
	anchor := chain.Mine(time.Unix(1776191099, 0))
	w.teach(chain)
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, url, anchor)
	if len(sink.Failures) > 0 || requests.Load() != 1 {
		t.Fatalf("%d requests, failures %v", requests.Load(), sink.Failures)
	}
	rate := one(t, sink, 0, sdk.ExchangeRateMetric)
	expect(t, rate, w.total, 0)
	if got := quo(rate.Value, e18, rate.Divisor).String(); !strings.HasPrefix(got, "116136175981009") || rate.Quality != sdk.QualityOK {
		t.Errorf("rate is %s, %s", got, rate.Reason)
	}
	if !rate.RefTime.Equal(time.Unix(w.time, 0)) {
		t.Errorf("rate is dated %s", rate.RefTime)
	}
	expect(t, one(t, sink, 0, sdk.BackingNative), w.total, 18)
	expect(t, one(t, sink, 0, sdk.StakingNative), w.staking, 18)
	expect(t, one(t, sink, 0, sdk.LSTSupply), w.supplyNow, 18)
	expect(t, one(t, sink, 0, sdk.LSTSupplyReported), w.supply, 18)
	expect(t, one(t, sink, 0, sdk.InstantCapacityNative), w.collateral, 18)
	expect(t, one(t, sink, 0, sdk.FeeRewardBPS), num("140_000_000_000_000_000"), 14)
	expect(t, one(t, sink, 0, sdk.FeeRewardHoldersBPS), num("90_000_000_000_000_000"), 14)
	expect(t, one(t, sink, 0, sdk.FeeDepositBPS), num("500_000_000_000_000"), 14)
	expect(t, one(t, sink, 0, sdk.Validators), big.NewInt(42500), 0)
	expect(t, one(t, sink, 0, sdk.DepositCapacityNative), eth(9000), 18)
	expect(t, one(t, sink, 0, sdk.DepositsPaused), new(big.Int), 0)
	if idle := one(t, sink, 0, sdk.BufferNative); idle.Value != nil || !strings.Contains(idle.Reason, "-7919068041764507559154") {
		t.Errorf("a negative user balance became %+v", idle)
	}
	if active := one(t, sink, 0, sdk.ValidatorsActive); active.Value != nil || !strings.Contains(active.Reason, "20000 minipools") {
		t.Errorf("active validators are %+v", active)
	}
	price := one(t, sink, 0, sdk.Price, "venue=uniswap", "quote=ETH")
	if got := new(big.Rat).SetFrac(price.Value, price.Divisor); got.Cmp(big.NewRat(17*17, 16*16)) != 0 {
		t.Errorf("price is %s", got)
	}
	expect(t, one(t, sink, 0, sdk.ExitQuote, "size_native=1000", "wait_s=0", "route=instant"), eth(1000), 18)
	if q := one(t, sink, 0, sdk.ExitQuote, "size_native=10000"); q.Value != nil || !strings.Contains(q.Reason, "above the collateral") {
		t.Errorf("10,000 ETH cannot leave at once: %+v", q)
	}
}

// Reports that were recorded on mainnet: totals, and the rate getEthValue(1e27)
// or getExchangeRate gave for them where that was recorded too.
func TestKnownReports(t *testing.T) {
	t.Parallel()
	rows := []struct {
		block                  int64
		total, staking, supply string
		scale                  *big.Int
		rate                   string
	}{
		{14549760, "83343548602375869389327", "79871580165883227329711", "81638224845736368116790", num("1000000000000000000000000000"), "1020888790267817335872958447"},
		{14803200, "89326400640788669400734", "85585467336858115179844", "87142655985939028993930", num("1000000000000000000000000000"), "1025059422737838059736779106"},
		{15096960, "99022207418105224031455", "98770620752648361572154", "96121588712189775785983", num("1000000000000000000000000000"), "1030176558094566769975853933"},
		{17000000, "226695601883000662978057", "200000000000000000000000", "213303646396357607098785", e18, "1062783528143528905"},
	}
	chain := evmtest.Start(t, evmtest.Options{Before: 15_200_000, Time: time.Unix(1659000000, 0)})
	var anchors []sdk.Anchor
	for i, row := range rows {
		anchors = append(anchors, chain.Mine(time.Unix(1659000012+int64(i)*12, 0)))
		w := april2026
		w.block, w.time = row.block, 0
		w.total, w.staking, w.supply = num(row.total), num(row.staking), num(row.supply)
		w.teach(chain)
	}
	sink := fetch(t, chain.URL(), anchors...)
	for i, row := range rows {
		rate := one(t, sink, i, sdk.ExchangeRateMetric)
		if got := quo(rate.Value, row.scale, rate.Divisor); got.Cmp(num(row.rate)) != 0 || rate.Quality != sdk.QualityOK || !rate.RefTime.IsZero() {
			t.Errorf("rate of block %d is %s (%s), want %s", row.block, got, rate.Reason, row.rate)
		}
		expect(t, one(t, sink, i, sdk.ReportHeight), big.NewInt(row.block), 0)
	}
}

func TestRecordedReportHistory(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../shared/data/history/rocketpool_balances.csv")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recorded reports are not beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	chain := evmtest.Start(t, evmtest.Options{Before: 19_000_000, Time: time.Unix(1704100000, 0)})
	var anchors []sdk.Anchor
	var rows [][]string
	for i, r := range records[1:] {
		if i%50 != 0 || r[4] == "0" { // every fiftieth is enough for the code
			continue
		}
		rows = append(rows, r)
		anchors = append(anchors, chain.Mine(time.Unix(1704100000+12*int64(len(rows)), 0)))
		w := april2026
		w.block, w.time, w.total, w.staking, w.supply = num(r[0]).Int64(), 0, num(r[2]), num(r[3]), num(r[4])
		w.teach(chain)
	}
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, url, anchors...)
	if len(rows) < 15 || requests.Load() != 1 {
		t.Errorf("%d reports in %d requests", len(rows), requests.Load())
	}
	for i, r := range rows {
		rate := one(t, sink, i, sdk.ExchangeRateMetric)
		if rate.Value.String() != r[2] || rate.Divisor.String() != r[4] || rate.Quality != sdk.QualityOK {
			t.Errorf("report %s: %s over %s: %s", r[0], rate.Value, rate.Divisor, rate.Reason)
		}
		expect(t, one(t, sink, i, sdk.StakingNative), num(r[3]), 18)
	}
}

func TestOlderContractsAreFoundInASecondRound(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]uint64{"with Multicall3": 16_000_000, "without Multicall3": 14_000_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := april2026
			w.saturn, w.time, w.pool, w.node = false, 0, eth(900), eth(0)
			w.at = places{
				depositPool: evm.MustAddress("0x2cac916b2A963Bf162f076C0a8a4a8200BCFBfb4"),
				fees:        evm.MustAddress("0x138313f102cE9a0662F826fCA977E3ab4D6e5539"),
			}
			chain := evmtest.Start(t, evmtest.Options{Before: before, Time: time.Unix(1650000000, 0)})
			anchor := chain.Mine(time.Unix(1650000012, 0))
			w.teach(chain)
			chain.Forget(getMaximumDepositAmount.At(w.at.depositPool)) // absent before v1.2
			url, requests := evmtest.Count(t, chain.URL())
			sink := fetch(t, url, anchor)
			if len(sink.Failures) > 0 || requests.Load() != 2 {
				t.Fatalf("%d requests, failures %v", requests.Load(), sink.Failures)
			}
			fee := one(t, sink, 0, sdk.FeeRewardBPS)
			expect(t, fee, num("140_000_000_000_000_000"), 14)
			if fee.Quality != sdk.QualityEstimated || !strings.Contains(fee.Reason, "new minipool") {
				t.Errorf("fee is %s: %s", fee.Quality, fee.Reason)
			}
			expect(t, one(t, sink, 0, sdk.DepositCapacityNative), eth(18_000-900), 18)
			expect(t, one(t, sink, 0, sdk.BufferNative), eth(900), 18)
			expect(t, one(t, sink, 0, sdk.Validators), big.NewInt(41000), 0)
			expect(t, one(t, sink, 0, sdk.ValidatorsActive), big.NewInt(20000), 0)
			expect(t, one(t, sink, 0, sdk.GrossStakeNative), eth(20000*32), 18)
		})
	}
}

func TestStrangeStates(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, w world) (*evmtest.Chain, sdk.Anchor) {
		chain := evmtest.Start(t, evmtest.Options{Before: 24_879_810, Time: time.Unix(1776191000, 0)})
		anchor := chain.Mine(time.Unix(1776191099, 0))
		w.teach(chain)
		return chain, anchor
	}
	t.Run("before the first report everything it tells is unknown", func(t *testing.T) {
		t.Parallel()
		w := april2026
		w.block, w.time, w.total, w.staking, w.supply = 0, 0, new(big.Int), new(big.Int), new(big.Int)
		chain, anchor := start(t, w)
		sink := fetch(t, chain.URL(), anchor)
		for _, m := range []sdk.MetricID{sdk.BackingNative, sdk.ExchangeRateMetric, sdk.ReportHeight} {
			if o := one(t, sink, 0, m); o.Value != nil || !strings.Contains(o.Reason, "no report") {
				t.Errorf("%s is %+v", m, o)
			}
		}
	})
	t.Run("a report of no supply is one to one", func(t *testing.T) {
		t.Parallel()
		w := april2026
		w.supply = new(big.Int)
		chain, anchor := start(t, w)
		expect(t, one(t, fetch(t, chain.URL(), anchor), 0, sdk.ExchangeRateMetric), e18, 18)
	})
	t.Run("a rate that the report does not give is suspect", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t, april2026)
		chain.Answer(getExchangeRate.At(rETH), e18)
		if o := one(t, fetch(t, chain.URL(), anchor), 0, sdk.ExchangeRateMetric); o.Quality != sdk.QualitySuspect || !strings.Contains(o.Reason, "getExchangeRate") {
			t.Errorf("quality is %s: %s", o.Quality, o.Reason)
		}
	})
	t.Run("a pool of other tokens is an error of identity", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t, april2026)
		chain.Answer(token0.At(wethPool), vault)
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Find(0, tokenRETH, sdk.Price)) != 0 || len(sink.Failures) != 1 || sink.Failures[0].Kind != sdk.KindIdentity {
			t.Errorf("failures are %v", sink.Failures)
		}
	})
	t.Run("a capacity of 2^256-1 is no amount", func(t *testing.T) {
		t.Parallel()
		chain, anchor := start(t, april2026)
		chain.Answer(getMaximumDepositAmount.At(usual.depositPool), big.NewInt(-1))
		if o := one(t, fetch(t, chain.URL(), anchor), 0, sdk.DepositCapacityNative); o.Value != nil || !strings.Contains(o.Reason, "2^256-1") {
			t.Errorf("capacity is %+v", o)
		}
	})
	t.Run("before its deployment there is no data", func(t *testing.T) {
		t.Parallel()
		chain := evmtest.Start(t, evmtest.Options{Before: 13_000_000, Time: time.Unix(1620000000, 0)})
		anchor := chain.Mine(time.Unix(1620000012, 0))
		sink := fetch(t, chain.URL(), anchor)
		if len(sink.Observations) != 0 || len(sink.Failures) != 1 || sink.Failures[0].Kind != sdk.KindNoData {
			t.Errorf("got %v", sink.Failures)
		}
	})
}

func TestEveryMetricEmittedIsDeclared(t *testing.T) {
	t.Parallel()
	declared := map[sdk.MetricID]bool{}
	for _, m := range New().Describe().Metrics {
		declared[m] = true
	}
	chain := evmtest.Start(t, evmtest.Options{Before: 24_879_810, Time: time.Unix(1776191000, 0)})
	anchor := chain.Mine(time.Unix(1776191099, 0))
	april2026.teach(chain)
	sink := fetch(t, chain.URL(), anchor)
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
	if (places{}) == usual || usual.revenues == (common.Address{}) {
		t.Error("the usual places are not set")
	}
}
