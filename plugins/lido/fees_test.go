package main

import (
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/evmtest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// lidoAt reads stETH from chaintest's node at some moments.
func lidoAt(t *testing.T, change func(*chaintest.Ethereum), moments ...time.Time) *evmtest.Sink {
	t.Helper()
	node := chaintest.NewEthereum()
	node.TeachLido()
	if change != nil {
		change(node)
	}
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	endpoint, requests := evmtest.Count(t, server.URL)
	var anchors []sdk.Anchor
	for _, m := range moments {
		b := chaintest.BlockAt(m)
		anchors = append(anchors, sdk.Anchor{Chain: "ethereum", Height: b.Number, Hash: b.Hash(), Time: b.Time})
	}
	sink := fetch(t, endpoint, anchors...)
	if len(sink.Failures) > 0 || requests.Load() != 1 {
		t.Fatalf("%d requests, failures %v", requests.Load(), sink.Failures)
	}
	return sink
}

func TestFeeSharesAreThoseOfTheNewestReportAndOfItsBlock(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)
	sink := lidoAt(t, nil, day.Add(time.Hour), day.Add(23*time.Hour), day.Add(25*time.Hour))
	first, same, next := one(t, sink, 0, tokenStETH, sdk.FeeShares), one(t, sink, 1, tokenStETH, sdk.FeeShares), one(t, sink, 2, tokenStETH, sdk.FeeShares)
	// A day earns 700 ETH, of which the minted shares are worth 70 at the new rate.
	rate := one(t, sink, 0, tokenStETH, sdk.ExchangeRateMetric)
	worth := new(big.Int).Mul(first.Value, rate.Value)
	worth.Quo(worth, rate.Divisor)
	if off := new(big.Int).Sub(eth(70), worth); off.CmpAbs(big.NewInt(10)) > 0 {
		t.Errorf("the fee is worth %s wei, want 70 ETH", worth)
	}
	block := chaintest.BlockAt(day.Add(11 * time.Second))
	want := sdk.Position{Height: block.Number, Hash: block.Hash(), Time: block.Time}
	if first.At == nil || *first.At != want || first.Value.Cmp(same.Value) != 0 || same.At == nil || *same.At != want {
		t.Errorf("one hour after the report: %+v, 22 hours later: %+v; want both at %+v", first, same, want)
	}
	if first.RefTime != slotTime(uint64(day.Unix()-genesis)/secondsInSlot) || first.Labels[sdk.LabelPeriod] != "86400" {
		t.Errorf("it describes %s and %s seconds before", first.RefTime, first.Labels[sdk.LabelPeriod])
	}
	if next.At == nil || next.At.Time.Sub(first.At.Time) != 24*time.Hour || next.Value.Cmp(first.Value) == 0 {
		t.Errorf("the next report is %+v", next)
	}
}

func TestFeeSharesNobodyCanTellAreUnknownWithTheReason(t *testing.T) {
	t.Parallel()
	noon := time.Date(2024, 9, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		change func(*chaintest.Ethereum)
		want   string
	}{
		{"a node that refuses the search", func(e *chaintest.Ethereum) {
			e.ServeLogs(chaintest.LogServing{Refusal: "block range too large"})
		}, "did not search the 8400 blocks up to it for TokenRebased(uint256,uint256,uint256,uint256,uint256,uint256,uint256): block range too large"},
		{"a node whose logs are behind its state", func(e *chaintest.Ethereum) {
			e.Answer(getLastProcessingRefSlot.At(usualOracle), int(noon.Unix()-genesis)/secondsInSlot)
		}, "the newest report logged describes 2024-08-31T23:59:59Z, the oracle's last one 2024-09-01T11:59:59Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sink := lidoAt(t, c.change, noon.Add(time.Hour))
			if o := one(t, sink, 0, tokenStETH, sdk.FeeShares); o.Value != nil || o.At != nil || !strings.Contains(o.Reason, c.want) {
				t.Errorf("got %+v, want %q", o, c.want)
			}
			if rate := one(t, sink, 0, tokenStETH, sdk.ExchangeRateMetric); rate.Value == nil {
				t.Errorf("the rate is unknown: %s", rate.Reason)
			}
		})
	}
}
