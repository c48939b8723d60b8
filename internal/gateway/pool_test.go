package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestAnEndpointOfTheWrongChainLeavesThePool(t *testing.T) {
	t.Parallel()
	identity := func(id string) func(rpc) string {
		return func(c rpc) string {
			if c.Method == "eth_chainId" || c.Method == "getGenesisHash" {
				return `"result":"` + id + `"`
			}
			return `"result":"from ` + id + `"`
		}
	}
	evm := func() gateway.Chain { c := ethereum("a", "b"); c.NetworkID = 1; return c }
	solana := func() gateway.Chain {
		c := ethereum("a", "b")
		c.ID, c.Kind, c.Genesis = "solana", gateway.Solana, "5eykt"
		return c
	}
	for name, tt := range map[string]struct {
		chain        gateway.Chain
		wrong, right string
		method       string
	}{
		"evm":    {evm(), "0x38", "0x1", "eth_getCode"},
		"solana": {solana(), "EtWTRA", "5eykt", "getSlot"},
	} {
		t.Run(name+": the other one serves, and the first is asked again later", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bad, good := &node{answer: identity(tt.wrong)}, &node{answer: identity(tt.right)}
				g := start(t, gateway.Options{Chains: []gateway.Chain{tt.chain}, Transport: pool(map[string]*node{"a": bad, "b": good})})
				s := open(t, g, tt.chain.ID, "lido", tick)
				for range 3 {
					if r := ask(t, g, s, tt.method, `["0x1","0x1"]`); string(r.Result) != `"from `+tt.right+`"` {
						t.Fatalf("reply %s %+v", r.Result, r.Error)
					}
				}
				if bad.count() != 1 || good.count() != 4 || g.Metrics()[0].State != "stranger" {
					t.Errorf("wrong endpoint asked %d times, right one %d, state %s", bad.count(), good.count(), g.Metrics()[0].State)
				}
				time.Sleep(11 * time.Minute) // fake time
				bad.answer = identity(tt.right)
				ask(t, g, s, tt.method, `["0x1","0x1"]`)
				if bad.count() != 3 || g.Metrics()[0].State != "closed" {
					t.Errorf("after its correction the first endpoint was asked %d times", bad.count())
				}
			})
		})
		t.Run(name+": alone it is an error of kind identity", func(t *testing.T) {
			t.Parallel()
			bad := &node{answer: identity(tt.wrong)}
			chain := tt.chain
			chain.Endpoints = chain.Endpoints[:1]
			g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": bad})})
			s := open(t, g, chain.ID, "lido", tick)
			for range 2 {
				r := ask(t, g, s, tt.method, `["0x1","0x1"]`)
				if r.kind() != sdk.KindIdentity || !strings.Contains(r.Error.Message, `endpoint "a": serves another chain`) {
					t.Errorf("reply %+v", r.Error)
				}
			}
			if sdk.KindOf(s.Err()) != sdk.KindIdentity || bad.count() != 1 {
				t.Errorf("Err = %v after %d requests", s.Err(), bad.count())
			}
		})
	}
}

func TestArchiveEndpointsComeFirstForOldTicks(t *testing.T) {
	t.Parallel()
	full, archive := &node{answer: always(`"result":"full"`)}, &node{answer: always(`"result":"archive"`)}
	chain := ethereum("a", "b")
	chain.Endpoints[1].Archive = true
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": full, "b": archive}),
		Now: func() time.Time { return tick.Add(20 * time.Minute) }})
	for at, want := range map[time.Time]string{tick: `"full"`, tick.Add(-time.Hour): `"archive"`} {
		if r := ask(t, g, open(t, g, "ethereum", "lido", at), "eth_call", `[{},"0x1"]`); string(r.Result) != want {
			t.Errorf("tick %s was answered by %s, want %s", at, r.Result, want)
		}
	}
}

func TestASecondEndpointVerifiesPinnedReads(t *testing.T) {
	t.Parallel()
	const (
		block = `"result":{"number":"0x1","hash":"0xAA","timestamp":"0x5"%s}`
		log   = `"result":[{"address":"0x12","blockHash":"0xAA","data":"0x0%s","logIndex":"0x0","topics":["0xEE"]%s}]`
		proof = `"result":{"balance":"0x1","storageProof":[{"key":"0x0","value":"0x%s","proof":[]}]}`
	)
	for name, tt := range map[string]struct {
		method, params, a, b string
		kind                 sdk.Kind
		requests             int // of the second endpoint
	}{
		"equal calls pass":                {"eth_call", `[{},"0x1"]`, `"result":"0xAB"`, `"result":"0xab"`, "", 1},
		"blocks are compared by hash":     {"eth_getBlockByNumber", `["0x1",false]`, fmt.Sprintf(block, ""), fmt.Sprintf(block, `,"size":"0x1"`), "", 1},
		"calls that differ are refused":   {"eth_call", `[{},"0x1"]`, `"result":"0x01"`, `"result":"0x02"`, gateway.KindDisagreement, 1},
		"a revert against a result too":   {"eth_call", `[{},{"blockHash":"0x12"}]`, `"result":"0x01"`, `"error":{"code":3,"message":"execution reverted"}`, gateway.KindDisagreement, 1},
		"a tag is not pinned":             {"eth_call", `[{},"latest"]`, `"result":"0x01"`, `"result":"0x02"`, "", 0},
		"a block that differs is refused": {"eth_getBlockByNumber", `["0x1",false]`, fmt.Sprintf(block, ""), `"result":{"hash":"0xBB"}`, gateway.KindDisagreement, 1},
		"a block one lacks is refused":    {"eth_getBlockByNumber", `["0x1",false]`, fmt.Sprintf(block, ""), `"result":null`, gateway.KindDisagreement, 1},
		"a block neither has is no block": {"eth_getBlockByNumber", `["0x1",false]`, `"result":null`, `"result":null`, "", 1},
		"a balance that differs":          {"eth_getBalance", `["0x12","0x1"]`, `"result":"0x1"`, `"result":"0x2"`, gateway.KindDisagreement, 1},
		"a word of storage that differs":  {"eth_getStorageAt", `["0x12","0x0","0x1"]`, `"result":"0x01"`, `"result":"0x02"`, gateway.KindDisagreement, 1},
		"zeros before a word are nothing": {"eth_getStorageAt", `["0x12","0x0","0x1"]`, `"result":"0x000A"`, `"result":"0xa"`, "", 1},
		"code that differs":               {"eth_getCode", `["0x12","0x1"]`, `"result":"0x60"`, `"result":"0x"`, gateway.KindDisagreement, 1},
		"a nonce that differs":            {"eth_getTransactionCount", `["0x12","0x1"]`, `"result":"0x1"`, `"result":"0x2"`, gateway.KindDisagreement, 1},
		"a log one lacks":                 {"eth_getLogs", `[{"fromBlock":"0x1","toBlock":"0x2"}]`, fmt.Sprintf(log, "1", ""), `"result":[]`, gateway.KindDisagreement, 1},
		"a log whose data differs":        {"eth_getLogs", `[{"blockHash":"0x1"}]`, fmt.Sprintf(log, "1", ""), fmt.Sprintf(log, "2", ""), gateway.KindDisagreement, 1},
		"what a client adds to a log":     {"eth_getLogs", `[{"fromBlock":"0x1","toBlock":"0x2"}]`, fmt.Sprintf(log, "1", ""), fmt.Sprintf(log, "1", `,"blockTimestamp":"0x5"`), "", 1},
		"logs up to now are not pinned":   {"eth_getLogs", `[{"fromBlock":"0x1","toBlock":"latest"}]`, fmt.Sprintf(log, "1", ""), `"result":[]`, "", 0},
		"a proof of another value":        {"eth_getProof", `["0x12",["0x0"],"0x1"]`, fmt.Sprintf(proof, "1"), fmt.Sprintf(proof, "2"), gateway.KindDisagreement, 1},
		"an equal proof":                  {"eth_getProof", `["0x12",["0x0"],"0x1"]`, fmt.Sprintf(proof, "1"), fmt.Sprintf(proof, "01"), "", 1},
		"a receipt that differs":          {"eth_getTransactionReceipt", `["0x1"]`, `"result":{"status":"0x1"}`, `"result":{"status":"0x0"}`, gateway.KindDisagreement, 1},
		"receipts of a block that differ": {"eth_getBlockReceipts", `["0x1"]`, `"result":[{"status":"0x1"}]`, `"result":[{"status":"0x0"}]`, gateway.KindDisagreement, 1},
		"a transaction that differs":      {"eth_getTransactionByHash", `["0x1"]`, `"result":{"value":"0x1"}`, `"result":{"value":"0x2"}`, gateway.KindDisagreement, 1},
		"fees that differ":                {"eth_feeHistory", `["0x1","0x1",[]]`, `"result":{"baseFeePerGas":["0x1"]}`, `"result":{"baseFeePerGas":["0x2"]}`, gateway.KindDisagreement, 1},
		"a header that differs":           {"eth_getHeaderByNumber", `["0x1"]`, `"result":{"hash":"0xAA"}`, `"result":{"hash":"0xBB"}`, gateway.KindDisagreement, 1},
		"no second opinion is an error":   {"eth_call", `[{},"0x1"]`, `"result":"0x01"`, `"error":{"code":-32000,"message":"missing trie node"}`, sdk.KindConfig, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := &node{answer: always(tt.a)}, &node{answer: always(tt.b)}
			chain := ethereum("a", "b")
			chain.Verify = 2
			g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": a, "b": b})})
			s := open(t, g, "ethereum", "lido", tick)
			r := ask(t, g, s, tt.method, tt.params)
			if r.kind() != tt.kind || sdk.KindOf(s.Err()) != tt.kind {
				t.Errorf("reply %s %+v, Err %v", r.Result, r.Error, s.Err())
			}
			if b.count() != tt.requests {
				t.Errorf("the second endpoint was asked %d times, want %d", b.count(), tt.requests)
			}
		})
	}
}
