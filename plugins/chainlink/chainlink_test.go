package main

import (
	"context"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/evmtest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

var now = time.Date(2023, 12, 15, 15, 0, 11, 0, time.UTC)

func TestSelectorsAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]evm.Method{"feaf968c": latestRoundData, "313ce567": decimals} {
		if s := m.Selector(); hex.EncodeToString(s[:]) != want {
			t.Errorf("%s has selector %x, want %s", m, s, want)
		}
	}
}

func TestFeedsAreNamedOnce(t *testing.T) {
	t.Parallel()
	pairs, proxies := map[string]bool{}, map[string]bool{}
	for _, f := range feeds {
		if pairs[f.pair()] || proxies[f.proxy.Hex()] || f.maxAge <= 0 {
			t.Errorf("%s at %s is there twice or has no maximum age", f.pair(), f.proxy)
		}
		pairs[f.pair()], proxies[f.proxy.Hex()] = true, true
	}
}

func find(t *testing.T, token sdk.TokenID, quote string) feed {
	t.Helper()
	for _, f := range feeds {
		if f.token == token && f.quote == quote {
			return f
		}
	}
	t.Fatalf("no feed %s/%s", token, quote)
	return feed{}
}

func answer(c *evmtest.Chain, f feed, price *big.Int, scale int, updated time.Time) {
	c.Answer(latestRoundData.At(f.proxy), 9, price, int(updated.Unix()), int(updated.Unix()), 9)
	c.Answer(decimals.At(f.proxy), scale)
}

func fetch(t *testing.T, req sdk.Request) *evmtest.Sink {
	t.Helper()
	sink := &evmtest.Sink{}
	req.Chain = "ethereum"
	if err := New().Fetch(context.Background(), req, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func one(t *testing.T, s *evmtest.Sink, anchor int, token sdk.TokenID, quote string) sdk.Observation {
	t.Helper()
	found := s.Find(anchor, token, sdk.Price, "quote="+quote, "venue=chainlink")
	if len(found) != 1 {
		t.Fatalf("%d prices of %s in %s; failures %v", len(found), token, quote, s.Failures)
	}
	return found[0]
}

func TestPricesOfSeveralBlocksInOneRequest(t *testing.T) {
	t.Parallel()
	chain := evmtest.Start(t, evmtest.Options{Before: 18_790_000, Time: now.Add(-time.Minute)})
	eth, cbeth, steth := find(t, "ETH", "USD"), find(t, "cbeth", "ETH"), find(t, "steth", "ETH")
	first := chain.Mine(now)
	answer(chain, eth, big.NewInt(227412345678), 8, now.Add(-20*time.Minute))
	// The answer is one recorded on mainnet; the round is ours.
	answer(chain, cbeth, big.NewInt(1016673090498616300), 18, now.Add(-23*time.Hour))
	answer(chain, steth, big.NewInt(999300000000000000), 18, now.Add(-25*time.Hour))
	second := chain.Mine(now.Add(12 * time.Second))
	answer(chain, eth, big.NewInt(227500000000), 8, now)
	url, requests := evmtest.Count(t, chain.URL())
	sink := fetch(t, sdk.Request{Anchors: []sdk.Anchor{first, second}, Endpoint: url})
	if requests.Load() != 1 || len(sink.Failures) > 0 {
		t.Fatalf("%d requests, failures %v", requests.Load(), sink.Failures)
	}
	got := one(t, sink, 0, "ETH", "USD")
	if got.Value.Int64() != 227412345678 || got.Decimals != 8 || got.Quality != sdk.QualityOK || !got.RefTime.Equal(now.Add(-20*time.Minute)) {
		t.Errorf("ETH/USD is %+v", got)
	}
	if got.Source.Target != eth.proxy.Hex() || got.Source.Field != "word 1" || len(got.Source.Digest) != 64 {
		t.Errorf("evidence is %+v", got.Source)
	}
	if v := one(t, sink, 1, "ETH", "USD").Value.Int64(); v != 227500000000 {
		t.Errorf("the second block has %d", v)
	}
	if got := one(t, sink, 0, "cbeth", "ETH"); got.Value.Int64() != 1016673090498616300 || got.Decimals != 18 || got.Quality != sdk.QualityOK {
		t.Errorf("cbETH/ETH is %+v", got)
	}
	if got := one(t, sink, 0, "steth", "ETH"); got.Quality != sdk.QualityStale || got.Value == nil || !strings.Contains(got.Reason, "25h0m0s") {
		t.Errorf("an old price is %s: %s", got.Quality, got.Reason)
	}
	// Nobody taught SOL: no feed, no number.
	if got := one(t, sink, 0, "SOL", "USD"); got.Value != nil || !strings.Contains(got.Reason, "no contract") {
		t.Errorf("an absent feed is %+v", got)
	}
	if len(sink.Find(0, "weeth", sdk.Price)) != 0 {
		t.Error("an extra feed was read unasked")
	}
}

func TestAnswersThatAreNoPrice(t *testing.T) {
	t.Parallel()
	eth := find(t, "ETH", "USD")
	for name, c := range map[string]struct {
		teach   func(*evmtest.Chain)
		quality sdk.Quality
		value   bool
		reason  string
	}{
		"zero":          {func(c *evmtest.Chain) { answer(c, eth, new(big.Int), 8, now) }, sdk.QualityOK, false, "no price"},
		"negative":      {func(c *evmtest.Chain) { answer(c, eth, big.NewInt(-5), 8, now) }, sdk.QualityOK, false, "-5"},
		"never updated": {func(c *evmtest.Chain) { answer(c, eth, big.NewInt(5), 8, time.Unix(0, 0)) }, sdk.QualityOK, false, "no round"},
		"from the future": {func(c *evmtest.Chain) { answer(c, eth, big.NewInt(5), 8, now.Add(time.Hour)) },
			sdk.QualitySuspect, true, "after the block"},
		"reverted": {func(c *evmtest.Chain) {
			answer(c, eth, big.NewInt(5), 8, now)
			c.RevertWith(latestRoundData.At(eth.proxy), "No data present")
		}, sdk.QualityOK, false, "No data present"},
		"without decimals": {func(c *evmtest.Chain) {
			answer(c, eth, big.NewInt(5), 8, now)
			c.Forget(decimals.At(eth.proxy))
		}, sdk.QualityOK, false, "decimals() reverted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain := evmtest.Start(t, evmtest.Options{Before: 18_790_000, Time: now.Add(-time.Minute)})
			anchor := chain.Mine(now)
			c.teach(chain)
			got := one(t, fetch(t, sdk.Request{Anchors: []sdk.Anchor{anchor}, Endpoint: chain.URL(), Tokens: []sdk.TokenID{"ETH"}}), 0, "ETH", "USD")
			if (got.Value != nil) != c.value || got.Quality != c.quality || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestADeprecatedFeedIsStaleHoweverFresh(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 6, 1, 15, 0, 0, 0, time.UTC)
	chain := evmtest.Start(t, evmtest.Options{Before: 25_000_000, Time: when.Add(-time.Minute)})
	anchor := chain.Mine(when)
	answer(chain, find(t, "reth", "ETH"), big.NewInt(1161000000000000000), 18, when.Add(-time.Hour))
	answer(chain, find(t, "weeth", "ETH"), big.NewInt(1090000000000000000), 18, when.Add(-2*time.Hour))
	req := sdk.Request{Anchors: []sdk.Anchor{anchor}, Endpoint: chain.URL()}
	if got := one(t, fetch(t, req), 0, "reth", "ETH"); got.Quality != sdk.QualityStale || !strings.Contains(got.Reason, "deprecated since 2026-03-11") {
		t.Errorf("quality is %s: %s", got.Quality, got.Reason)
	}
	req.Options = map[string]string{"deprecated_after.reth/ETH": "", "also": "weeth, ezeth", "max_age.weeth/ETH": "1h"}
	sink := fetch(t, req)
	if got := one(t, sink, 0, "reth", "ETH"); got.Quality != sdk.QualityOK {
		t.Errorf("with the option it is %s: %s", got.Quality, got.Reason)
	}
	if got := one(t, sink, 0, "weeth", "ETH"); got.Quality != sdk.QualityStale {
		t.Errorf("with a shorter age it is %s", got.Quality)
	}
}

func TestMistakesInOptionsAreNamed(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"max_age.reth/EUR":          "1h",
		"max_age.reth/ETH":          "an hour",
		"deprecated_after.reth/ETH": "spring",
		"colour.reth/ETH":           "red",
		"also":                      "steth",
		"maxage":                    "1h",
	} {
		err := New().Fetch(context.Background(), sdk.Request{Options: map[string]string{key: value}}, &evmtest.Sink{})
		if sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}
