package evm_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

const hash = "0x4d1e3c1b5d5a0d0f1f2e3d4c5b6a79881726354443526170fedcba9876543210"

var (
	number = evm.MustMethod("number() returns (uint256)")
	signed = evm.MustMethod("signed() returns (int256)")
	small  = evm.MustMethod("small() returns (uint16)")
	flag   = evm.MustMethod("flag() returns (bool)")
	owner  = evm.MustMethod("owner() returns (address)")
	title  = evm.MustMethod("title() returns (string)")
	two    = evm.MustMethod("two() returns (uint256,uint256)")
)

// node answers JSON-RPC batches with what reply returns for each eth_call: a
// result or error member written as JSON.
func node(t *testing.T, reply func(data string, block json.RawMessage) string) (endpoint string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		var batch []struct {
			ID     json.RawMessage   `json:"id"`
			Method string            `json:"method"`
			Params []json.RawMessage `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Errorf("request is no batch: %v", err)
		}
		var out []string
		for _, m := range batch {
			var msg struct{ To, Data string }
			if err := json.Unmarshal(m.Params[0], &msg); err != nil || m.Method != "eth_call" {
				t.Errorf("unexpected call %s %s: %v", m.Method, m.Params[0], err)
			}
			out = append(out, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, m.ID, reply(msg.Data, m.Params[1])))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "["+strings.Join(out, ",")+"]")
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func dial(t *testing.T, endpoint string) *evm.Client {
	t.Helper()
	c, err := evm.Dial(context.Background(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// readOne makes one call at a block before Multicall3.
func readOne(t *testing.T, call evm.Call, member string) *evm.Snapshot {
	t.Helper()
	endpoint, _ := node(t, func(string, json.RawMessage) string { return member })
	return dial(t, endpoint).Read(context.Background(), []sdk.Anchor{{Height: 12_000_000}}, func(sdk.Anchor) []evm.Call {
		return []evm.Call{call}
	})[0]
}

func result(words ...string) string {
	return `"result":"0x` + strings.Join(words, "") + `"`
}

func word(hexDigits string) string { return strings.Repeat("0", 64-len(hexDigits)) + hexDigits }

func TestAnswersThatDoNotFitTheSignatureAreLayoutErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method evm.Method
		member string
	}{
		"half a word":                      {number, result("00ff")},
		"two words for one":                {number, result(word("1"), word("2"))},
		"one word for two":                 {two, result(word("1"))},
		"a uint16 that is larger":          {small, result(word("10000"))},
		"a flag that is 2":                 {flag, result(word("2"))},
		"a string whose offset is outside": {title, result(word("ff"), word("1"))},
		"a string longer than the answer":  {title, result(word("20"), word("ffff"), word("1"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readOne(t, c.method.At(target), c.member)
			err := s.Get(c.method.At(target)).Err
			if sdk.KindOf(err) != sdk.KindLayout {
				t.Fatalf("kind is %q: %v", sdk.KindOf(err), err)
			}
			rows := s.Rows("x")
			rows.Add(sdk.BackingNative, s.Get(c.method.At(target)).Number(0, 18))
			sink := collect(t, rows)
			if len(sink.obs) != 0 || len(sink.fails) != 1 || sink.fails[0].Kind != sdk.KindLayout {
				t.Errorf("a garbled answer became %v, %v", sink.obs, sink.fails)
			}
		})
	}
}

func TestGoodAnswersAreDecoded(t *testing.T) {
	t.Parallel()
	if n, err := readOne(t, signed.At(target), result(strings.Repeat("f", 64))).Get(signed.At(target)).Int(0); err != nil || n.Int64() != -1 {
		t.Errorf("int256 is %v, %v", n, err)
	}
	if n, err := readOne(t, small.At(target), result(word("3e7"))).Get(small.At(target)).Int(0); err != nil || n.Int64() != 999 {
		t.Errorf("uint16 is %v, %v", n, err)
	}
	if b, err := readOne(t, flag.At(target), result(word("1"))).Get(flag.At(target)).Bool(0); err != nil || !b {
		t.Errorf("bool is %v, %v", b, err)
	}
	if a, err := readOne(t, owner.At(target), result(word("ae7ab96520de3a18e5e111b5eaab095312d7fe84"))).Get(owner.At(target)).Address(0); err != nil || a != target {
		t.Errorf("address is %v, %v", a, err)
	}
	if s, err := readOne(t, title.At(target), result(word("20"), word("3"), "312e34"+strings.Repeat("0", 58))).Get(title.At(target)).Text(0); err != nil || s != "1.4" {
		t.Errorf("string is %q, %v", s, err)
	}
}

func TestWhatTheChainDoesNotAnswerIsUnknownWithAReason(t *testing.T) {
	t.Parallel()
	reason := "08c379a0" + word("20") + word("6") + "504155534544" + strings.Repeat("0", 52)
	for name, c := range map[string]struct{ member, want string }{
		"no code at the address":   {result(), "no contract at block 12000000"},
		"a revert with a reason":   {`"error":{"code":3,"message":"execution reverted: PAUSED","data":"0x` + reason + `"}`, "reverted at block 12000000: PAUSED"},
		"a revert without data":    {`"error":{"code":-32000,"message":"execution reverted"}`, "reverted at block 12000000: no reason given"},
		"a revert of another make": {`"error":{"code":-32015,"message":"VM execution error.","data":"Reverted 0x"}`, ""},
		"a custom error":           {`"error":{"code":3,"message":"execution reverted","data":"0xdeadbeef"}`, "custom error 0xdeadbeef"},
		"the sentinel 2^256-1":     {result(strings.Repeat("f", 64)), "2^256-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readOne(t, number.At(target), c.member)
			if c.want == "" { // not a revert by any word: the block is tried again
				if sdk.KindOf(s.Err) != sdk.KindTransient {
					t.Errorf("kind is %q: %v", sdk.KindOf(s.Err), s.Err)
				}
				return
			}
			rows := s.Rows("x")
			rows.Add(sdk.BackingNative, s.Get(number.At(target)).Number(0, 18))
			sink := collect(t, rows)
			if len(sink.obs) != 1 || sink.obs[0].Value != nil || !strings.Contains(sink.obs[0].Reason, c.want) {
				t.Errorf("got %+v %+v, want no value and %q", sink.obs, sink.fails, c.want)
			}
		})
	}
}

func TestABlockThatCannotBeReadFailsAsAWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		member string
		kind   sdk.Kind
		want   string
	}{
		"a reorganised block":     {`"error":{"code":-32000,"message":"header not found"}`, sdk.KindTransient, "block 12000000"},
		"a hash off the chain":    {`"error":{"code":-32000,"message":"hash 0xab is not currently canonical"}`, sdk.KindTransient, "reorganised"},
		"a pruned state":          {`"error":{"code":-32000,"message":"missing trie node 12ab"}`, sdk.KindTransient, "archive"},
		"a limit inside HTTP 200": {`"error":{"code":-32005,"message":"rate limit exceeded"}`, sdk.KindTransient, "rate limit"},
		"a node without eth_call": {`"error":{"code":-32601,"message":"method not found"}`, sdk.KindConfig, "eth_call"},
		"the gateway's verdict":   {`"error":{"code":-32090,"message":"nothing recorded for this request: reverted","data":{"kind":"no_data"}}`, sdk.KindNoData, "recorded"},
		"a null result":           {`"result":null`, sdk.KindLayout, "null"},
		"a result of other shape": {`"result":{"a":1}`, sdk.KindLayout, "not hexadecimal"},
		"odd hexadecimal":         {`"result":"0x123"`, sdk.KindLayout, "not hexadecimal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readOne(t, number.At(target), c.member)
			if sdk.KindOf(s.Err) != c.kind || !strings.Contains(s.Err.Error(), c.want) {
				t.Errorf("error is %q %v, want %q with %q", sdk.KindOf(s.Err), s.Err, c.kind, c.want)
			}
			if f := s.Failure(); f.Kind != c.kind || f.Token != "" {
				t.Errorf("failure is %+v", f)
			}
			if s.Get(number.At(target)).Err == nil {
				t.Error("a result of a failed block has no error")
			}
		})
	}
}

func TestBlocksTravelTogetherPinnedByHash(t *testing.T) {
	t.Parallel()
	var pins []string
	endpoint, requests := node(t, func(_ string, block json.RawMessage) string {
		pins = append(pins, string(block))
		// (bool,bytes)[] of one success with the word 7
		return result(word("20"), word("1"), word("20"), word("1"), word("40"), word("20"), word("7"))
	})
	anchors := make([]sdk.Anchor, 60)
	for i := range anchors {
		anchors[i] = sdk.Anchor{Height: uint64(20_000_000 + i), Hash: hash}
	}
	anchors[1].Hash = ""
	client := dial(t, endpoint)
	snaps := client.Read(context.Background(), anchors, func(sdk.Anchor) []evm.Call { return []evm.Call{number.At(target)} })
	if requests.Load() != 2 {
		t.Errorf("60 blocks took %d requests, want 2", requests.Load())
	}
	if want := `{"blockHash":"` + hash + `","requireCanonical":true}`; pins[0] != want || pins[1] != `"0x1312d01"` {
		t.Errorf("pins are %s and %s, want %s and a number", pins[0], pins[1], want)
	}
	for i, s := range snaps {
		if n, err := s.Get(number.At(target)).Int(0); err != nil || n.Int64() != 7 || s.Index != i {
			t.Fatalf("snapshot %d: %v, %v", i, n, err)
		}
	}
	client.Extend(context.Background(), snaps, func(*evm.Snapshot) []evm.Call { return []evm.Call{number.At(target)} })
	if requests.Load() != 2 {
		t.Error("asking again for what is there cost a request")
	}
}

func TestTheDigestIsOfTheResultBytesAsTheyCame(t *testing.T) {
	t.Parallel()
	raw := `"0x` + strings.ToUpper(word("ab")) + `"` // upper case must not be normalised away
	s := readOne(t, number.At(target), `"result": `+raw)
	sum := sha256.Sum256([]byte(raw))
	if got, want := s.Get(number.At(target)).Digest, hex.EncodeToString(sum[:]); got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}
}

func TestMulticallThatIsNotThereNamesTheChain(t *testing.T) {
	t.Parallel()
	endpoint, _ := node(t, func(string, json.RawMessage) string { return result() })
	s := dial(t, endpoint).Read(context.Background(), []sdk.Anchor{{Height: 20_000_000}}, func(sdk.Anchor) []evm.Call {
		return []evm.Call{number.At(target)}
	})[0]
	if sdk.KindOf(s.Err) != sdk.KindIdentity {
		t.Errorf("kind is %q: %v", sdk.KindOf(s.Err), s.Err)
	}
}

func TestErrorsDoNotShowTheEndpoint(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := dial(t, server.URL+"/secret-token").Read(context.Background(), []sdk.Anchor{{Height: 5}}, func(sdk.Anchor) []evm.Call {
		return []evm.Call{number.At(target)}
	})[0]
	if sdk.KindOf(s.Err) != sdk.KindTransient || strings.Contains(s.Err.Error(), "secret") {
		t.Errorf("error is %q: %v", sdk.KindOf(s.Err), s.Err)
	}
	if _, err := evm.Dial(context.Background(), "http://secret host/%zz"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("dial error is %v", err)
	}
}

func TestBadTransportFailsEveryBlockOfTheRequest(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"HTTP 429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"a truncated body": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"jsonrpc":"2.0","id":1,"res`)
		},
		"one object for all": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"slow down"}}`)
		},
		"an answer to nothing": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"jsonrpc":"2.0","id":99999,"result":"0x"}]`)
		},
		"no answers": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[]`) },
		"a web page": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			snaps := dial(t, server.URL).Read(context.Background(), []sdk.Anchor{{Height: 20_000_000}, {Height: 20_000_001}}, func(sdk.Anchor) []evm.Call {
				return []evm.Call{number.At(target)}
			})
			for _, s := range snaps {
				if sdk.KindOf(s.Err) != sdk.KindTransient {
					t.Errorf("kind is %q: %v", sdk.KindOf(s.Err), s.Err)
				}
			}
		})
	}
}

func TestACancelledReadSaysSo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := dial(t, "http://127.0.0.1:1").Read(ctx, []sdk.Anchor{{Height: 5}}, func(sdk.Anchor) []evm.Call {
		return []evm.Call{number.At(target)}
	})[0]
	if s.Err == nil || !strings.Contains(s.Err.Error(), "deadline") {
		t.Errorf("error is %v", s.Err)
	}
}

type collected struct {
	obs   []sdk.Observation
	fails []sdk.Failure
}

func (c *collected) Observe(obs ...sdk.Observation) error { c.obs = append(c.obs, obs...); return nil }
func (c *collected) Fail(f sdk.Failure) error             { c.fails = append(c.fails, f); return nil }
func (c *collected) Progress(int, int) error              { return nil }

func collect(t *testing.T, rows *evm.Rows) *collected {
	t.Helper()
	c := &collected{}
	if err := rows.Emit(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestArithmeticKeepsTheEvidence(t *testing.T) {
	t.Parallel()
	n := func(method string, v int64) evm.Number {
		return evm.Number{Value: big.NewInt(v), Decimals: 18, Quality: sdk.QualityOK, Source: sdk.Source{Method: method, Target: "T", Field: "word 0", Digest: "d"}}
	}
	got := n("a()", 10).Minus(n("b()", 4)).Over(n("c()", 8).Minus(n("d()", 5)))
	if got.Err != nil || got.Value.Int64() != 6 || got.Divisor.Int64() != 3 || got.Decimals != 0 {
		t.Fatalf("ratio is %+v", got)
	}
	want := sdk.Source{Method: "(a()-b())/(c()-d())", Target: "T", Field: "word 0", Digest: "d"}
	if diff := cmp.Diff(want, got.Source); diff != "" {
		t.Errorf("evidence differs (-want +got):\n%s", diff)
	}
	if zero := n("a()", 1).Over(n("c()", 0)); sdk.KindOf(zero.Err) != sdk.KindNoData {
		t.Errorf("a zero divisor gives %+v", zero)
	}
	lost := n("a()", 1).Plus(evm.Unknown(sdk.Source{Method: "b()", Target: "U", Field: "word 0"}, "b is unknown"))
	if lost.Err == nil || lost.Err.Error() != "b is unknown" {
		t.Errorf("a sum with an unknown part is %+v", lost)
	}
	if mixed := n("a()", 1).Plus(evm.Number{Value: big.NewInt(1)}); sdk.KindOf(mixed.Err) != sdk.KindInternal {
		t.Errorf("a sum of two scales is %+v", mixed)
	}
}
