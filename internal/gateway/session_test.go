package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestResultBytesPassUnchangedAndAreSeen(t *testing.T) {
	t.Parallel()
	// Spaces, an escaped slash, HTML characters and an integer beyond 2^64 are
	// all things a decoder would rewrite.
	const result = `{ "a" : 1.50, "b":"<\/&>", "n": 18446744073709552000 }`
	n := &node{answer: always(`"result":` + result)}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
	s := open(t, g, "ethereum", "lido", tick)

	w := post(g, s, `{"jsonrpc":"2.0","id":"x\u0031","method":"eth_call","params":[{},"0x1"]}`)
	want := `{"jsonrpc":"2.0","id":"x\u0031","result":` + result + `}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if got := w.Header().Get(gateway.EndpointHeader); got != "a" {
		t.Errorf("endpoint header = %q, want a", got)
	}
	sum := sha256.Sum256([]byte(result))
	if alias, ok := s.Seen(hex.EncodeToString(sum[:])); !ok || alias != "a" {
		t.Errorf("Seen = %q, %v; want a, true", alias, ok)
	}
	other := sha256.Sum256([]byte("never sent"))
	for _, digest := range []string{hex.EncodeToString(other[:]), "", "zz"} {
		if _, ok := s.Seen(digest); ok {
			t.Errorf("Seen(%q) = true for a result that never passed", digest)
		}
	}
}

func TestBatchKeepsItsOrderAndIsSplitForTheEndpoint(t *testing.T) {
	t.Parallel()
	n := &node{answer: echo}
	chain := ethereum("a")
	chain.Endpoints[0].MaxBatch = 10
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": n})})
	s := open(t, g, "ethereum", "lido", tick)

	var calls []string
	for i := range 25 {
		calls = append(calls, fmt.Sprintf(`{"jsonrpc":"2.0","id":"id-%d","method":"eth_getBalance","params":["0x%02x","0x1"]}`, i, i))
	}
	w := post(g, s, "["+strings.Join(calls, ",")+"]")
	var replies []reply
	if err := json.Unmarshal(w.Body.Bytes(), &replies); err != nil {
		t.Fatal(err)
	}
	if len(replies) != 25 {
		t.Fatalf("%d replies, want 25", len(replies))
	}
	for i, r := range replies {
		if string(r.ID) != fmt.Sprintf(`"id-%d"`, i) || string(r.Result) != fmt.Sprintf(`"0x%02x"`, i) {
			t.Errorf("reply %d is %s = %s", i, r.ID, r.Result)
		}
	}
	if n.count() != 3 {
		t.Errorf("%d upstream requests, want 3", n.count())
	}
	want := gateway.SessionStats{Requests: 3, Calls: 25, Aliases: []string{"a"}, Errors: map[string]uint64{}}
	got := s.Stats()
	if got.Bytes == 0 {
		t.Error("no bytes counted")
	}
	got.Bytes = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestOnlyReadsPass(t *testing.T) {
	t.Parallel()
	n := &node{answer: always(`"result":"0x1"`)}
	solana := gateway.Chain{ID: "solana", Kind: gateway.Solana, Endpoints: []gateway.Endpoint{{Alias: "s", URL: "http://s.example"}}}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a"), solana}, Transport: pool(map[string]*node{"a": n, "s": n})})
	for _, tt := range []struct {
		chain  sdk.ChainID
		method string
		pass   bool
	}{
		{"ethereum", "eth_call", true},
		{"ethereum", "eth_getProof", true},
		{"ethereum", "eth_sendRawTransaction", false},
		{"ethereum", "eth_accounts", false},
		{"ethereum", "debug_traceTransaction", false},
		{"ethereum", "admin_addPeer", false},
		{"ethereum", "getMultipleAccounts", false},
		{"solana", "getMultipleAccounts", true},
		{"solana", "getSlot", true},
		{"solana", "sendTransaction", false},
		{"solana", "requestAirdrop", false},
		{"solana", "get", false},
		{"solana", "eth_call", false},
	} {
		s := open(t, g, tt.chain, "lido", tick)
		before := n.count()
		r := ask(t, g, s, tt.method, `[]`)
		if passed := r.Error == nil; passed != tt.pass {
			t.Errorf("%s on %s: passed = %v, want %v", tt.method, tt.chain, passed, tt.pass)
		}
		if !tt.pass && (r.Error.Code != -32601 || r.kind() != sdk.KindConfig || n.count() != before) {
			t.Errorf("%s on %s: error %+v, %d requests upstream", tt.method, tt.chain, r.Error, n.count()-before)
		}
	}
}

func TestBadRequestsAreRefusedClearly(t *testing.T) {
	t.Parallel()
	n := &node{answer: always(`"result":"0x1"`)}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n}), MaxBody: 200})
	s := open(t, g, "ethereum", "lido", tick)
	for name, tt := range map[string]struct {
		body   string
		status int
		code   int64
	}{
		"not JSON":        {`{"jsonrpc"`, 200, -32700},
		"an empty body":   {``, 200, -32700},
		"an empty batch":  {`[]`, 200, -32600},
		"a bare string":   {`"eth_call"`, 200, -32600},
		"a body too long": {`{"method":"` + strings.Repeat("x", 300) + `"}`, 413, -32600},
	} {
		w := post(g, s, tt.body)
		var r reply
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.Error == nil {
			t.Errorf("%s: body %q", name, w.Body)
			continue
		}
		if w.Code != tt.status || r.Error.Code != tt.code {
			t.Errorf("%s: status %d code %d, want %d %d", name, w.Code, r.Error.Code, tt.status, tt.code)
		}
	}
	if n.count() != 0 {
		t.Errorf("%d requests went upstream", n.count())
	}
}

func TestSessionsOnTheRealListener(t *testing.T) {
	t.Parallel()
	n := &node{answer: echo}
	g, err := gateway.New(gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(url string) (int, string) {
		res, err := client.Post(url, "application/json", strings.NewReader(`{"id":7,"method":"eth_getCode","params":["0xab","latest"]}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	s := open(t, g, "ethereum", "lido", tick)
	twin := open(t, g, "ethereum", "lido", tick)
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") || len(s.URL()) < 64+20 || s.URL() == twin.URL() {
		t.Errorf("URLs %q and %q: want two unguessable loopback addresses", s.URL(), twin.URL())
	}
	if code, body := send(s.URL()); code != 200 || body != `{"jsonrpc":"2.0","id":7,"result":"0xab"}` {
		t.Errorf("open session: %d %s", code, body)
	}
	s.Close()
	for name, url := range map[string]string{
		"a closed session": s.URL(),
		"no token":         s.URL()[:strings.LastIndex(s.URL(), "/")+1],
		"a wrong token":    strings.Replace(twin.URL(), twin.URL()[len(twin.URL())-4:], "zzzz", 1),
	} {
		if code, body := send(url); code != 404 || !strings.Contains(body, "unknown or closed") {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	if res, err := client.Get(twin.URL()); err != nil || res.StatusCode != 405 {
		t.Errorf("GET: %v %v", res, err)
	} else {
		res.Body.Close()
	}
	if n.count() != 1 {
		t.Errorf("%d requests upstream, want 1", n.count())
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Open(t.Context(), gateway.Scope{Chain: "ethereum", Plugin: "lido", Tick: tick}); err == nil {
		t.Error("a closed gateway opened a session")
	}
}

func TestCloseEndsARequestUnderWay(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	n := &node{answer: echo, script: []func(http.ResponseWriter, *http.Request, []rpc){
		func(_ http.ResponseWriter, r *http.Request, _ []rpc) { close(arrived); <-r.Context().Done() },
	}}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
	s := open(t, g, "ethereum", "lido", tick)
	done := make(chan reply)
	go func() { done <- ask(t, g, s, "eth_chainId", `[]`) }()
	<-arrived
	s.Close()
	if r := <-done; r.kind() != sdk.KindTransient || !strings.Contains(r.Error.Message, "task ended") {
		t.Errorf("reply %+v", r.Error)
	}
	if s.Err() != nil {
		t.Errorf("Err = %v; the end of the task is no trouble of the gateway", s.Err())
	}
}

func TestManySessionsAtOnce(t *testing.T) {
	t.Parallel()
	n := &node{answer: echo}
	chain := ethereum("a", "b")
	chain.Endpoints[0].MaxBatch = 3
	dir := t.TempDir()
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": n, "b": n}), Record: dir})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := open(t, g, "ethereum", fmt.Sprintf("plugin%d", i%3), tick)
			defer s.Close()
			for k := range 20 {
				var calls []string
				for j := range 7 {
					calls = append(calls, fmt.Sprintf(`{"id":%d,"method":"eth_getCode","params":["0x%02x%02x%02x","0x1"]}`, j, i, k, j))
				}
				body := post(g, s, "["+strings.Join(calls, ",")+"]").Body.Bytes()
				if bytes.Contains(body, []byte(`"error"`)) || !bytes.Contains(body, fmt.Appendf(nil, `"0x%02x%02x06"`, i, k)) {
					t.Errorf("session %d request %d: %s", i, k, body)
				}
				g.Metrics()
				s.Stats()
			}
		})
	}
	wg.Wait()
}

func TestOptionsWithMistakesNameThemAll(t *testing.T) {
	t.Parallel()
	_, err := gateway.New(gateway.Options{Record: "x", Replay: "y"})
	if sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("record and replay together: %v", err)
	}
	_, err = gateway.New(gateway.Options{Chains: []gateway.Chain{
		{ID: "../up", Kind: "evm"},
		{ID: "a", Kind: "utxo"},
		{ID: "s", Kind: "solana", Verify: 2},
		{ID: "a", Kind: "evm", Verify: 2, Endpoints: []gateway.Endpoint{{Alias: "k", URL: "wss://secret.example/key-123456"}}},
	}})
	if sdk.KindOf(err) != sdk.KindConfig {
		t.Fatalf("kind of %v", err)
	}
	for _, want := range []string{`"../up"`, `kind "utxo"`, "named twice", "second endpoint", `endpoint "k"`, "chain s: verify 2 is for chains of kind evm"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret.example") {
		t.Errorf("the error shows the URL: %v", err)
	}
}
