package main

import (
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

func TestAnExecutionNodeLeavesTheRateUnknown(t *testing.T) {
	t.Parallel()
	sink := &solanatest.Sink{}
	err := New().Fetch(t.Context(), sdk.Request{Chain: "ethereum", Anchors: make([]sdk.Anchor, 2)}, sink)
	rows := sink.Rows(ethStaking)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, o := range rows {
		if o.Value != nil || o.Anchor != i || o.Metric != sdk.BenchmarkAPR || o.Source.Method == "" || o.Source.Target == "" ||
			!strings.Contains(o.Reason, "ethereum-beacon") {
			t.Errorf("row %d is %+v", i, o)
		}
	}
}

func TestAMomentHasEitherARateOrARowThatSaysItIsUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		chain  sdk.ChainID
		option string
		kind   sdk.Kind
		says   string
	}{
		"the beacon chain is read":                              {"ethereum", "ethereum-beacon", "", ""},
		"the job does not say so":                               {"ethereum-beacon", "", sdk.KindConfig, "options: { network: { beacon: ethereum-beacon } }"},
		"a beacon chain of another name on the execution chain": {"ethereum", "beacon", sdk.KindConfig, `is "beacon"`},
		"a beacon chain of another name":                        {"ethereum-beacon", "holesky", sdk.KindConfig, `is "holesky"`},
	} {
		sink := &solanatest.Sink{}
		req := sdk.Request{Chain: c.chain, Anchors: make([]sdk.Anchor, 1), Options: map[string]string{"beacon": c.option}}
		err := New().Fetch(t.Context(), req, sink)
		if sdk.KindOf(err) != c.kind || err != nil && !strings.Contains(err.Error(), c.says) || len(sink.Rows("")) > 0 {
			t.Errorf("%s: %v and %d rows", name, err, len(sink.Rows("")))
		}
	}
}

func TestOtherChainsAndTokensAreNotRead(t *testing.T) {
	t.Parallel()
	if err := New().Fetch(t.Context(), sdk.Request{Chain: "polygon"}, nil); sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("another chain: %v", err)
	}
	for _, chain := range []sdk.ChainID{solana.Chain, execution, beacon} {
		req := sdk.Request{Chain: chain, Tokens: []sdk.TokenID{"msol"}, Options: map[string]string{"beacon": "ethereum-beacon"}}
		if err := New().Fetch(t.Context(), req, nil); err != nil {
			t.Errorf("another token on %s: %v", chain, err)
		}
	}
}

func TestTheCardOwnsTheBenchmarks(t *testing.T) {
	t.Parallel()
	d := New().Describe()
	if d.Name != "network" || len(d.Tokens) != 2 {
		t.Fatalf("%s has %d tokens", d.Name, len(d.Tokens))
	}
	for _, token := range d.Tokens {
		if token.Accrual != sdk.Benchmark {
			t.Errorf("%s is a %s", token.ID, token.Accrual)
		}
	}
}
