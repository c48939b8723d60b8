package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"pgregory.net/rapid"
)

// trouble is one scripted misbehaviour of a node.
type trouble = func(w http.ResponseWriter, r *http.Request, calls []rpc)

func status(code int, header ...string) trouble {
	return func(w http.ResponseWriter, _ *http.Request, _ []rpc) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "<html>sorry</html>")
	}
}

func text(body string) trouble {
	return func(w http.ResponseWriter, _ *http.Request, _ []rpc) { fmt.Fprint(w, body) }
}

func rpcErr(code int, message string) trouble {
	return func(w http.ResponseWriter, _ *http.Request, calls []rpc) {
		writeAnswers(w, calls, len(calls) > 1, always(fmt.Sprintf(`"error":{"code":%d,"message":%q}`, code, message)))
	}
}

func silence(_ http.ResponseWriter, r *http.Request, _ []rpc) { <-r.Context().Done() }

func times(n int, f trouble) []trouble { return slices.Repeat([]trouble{f}, n) }

// misbehaviours are all that must be overcome, with the class they count as.
var misbehaviours = map[string]struct {
	do    trouble
	class string
}{
	"http 500":                 {status(500), "http"},
	"http 502":                 {status(502), "http"},
	"http 403":                 {status(403), "http"},
	"http 401":                 {status(401), "http"},
	"a redirect":               {status(302, "Location", "http://b.example/"), "http"},
	"http 429":                 {status(429), "rate_limit"},
	"garbage":                  {text("<html>I am a proxy</html>"), "body"},
	"a truncated body":         {text(`{"jsonrpc":"2.0","id":1,"resu`), "body"},
	"an empty body":            {text(""), "body"},
	"JSON of another shape":    {text(`"ok"`), "body"},
	"no result and no error":   {text(`{"jsonrpc":"2.0","id":1}`), "body"},
	"somebody else's id":       {text(`{"jsonrpc":"2.0","id":99,"result":"0x2"}`), "body"},
	"an oversize body":         {text(`{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("0", 5000) + `"}`), "oversize"},
	"30 s of silence":          {silence, "timeout"},
	"rate limit in HTTP 200":   {rpcErr(-32005, "daily request count exceeded, request rate limited"), "rate_limit"},
	"rate limit by other code": {rpcErr(-32029, "slow down"), "rate_limit"},
	"rate limit by message":    {rpcErr(-32000, "you exceeded the compute units per second"), "rate_limit"},
	"internal error":           {rpcErr(-32603, "Internal error"), "busy"},
	"a node that is behind":    {rpcErr(-32000, "header not found"), "behind"},
	"a node without archive":   {rpcErr(-32000, "missing trie node 0xabc (path ) state 0xdef is not available"), "no_state"},
}

func TestAMisbehavingEndpointIsOvercome(t *testing.T) {
	t.Parallel()
	for name, tt := range misbehaviours {
		t.Run(name+" fails over to the second endpoint at once", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bad, good := &node{answer: always(`"result":"0x1"`), script: times(99, tt.do)}, &node{answer: always(`"result":"0x2"`)}
				g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a", "b")}, MaxBody: 4000,
					Transport: pool(map[string]*node{"a": bad, "b": good})})
				s := open(t, g, "ethereum", "lido", tick)
				began := time.Now()
				r := ask(t, g, s, "eth_call", `[{},"0x1"]`)
				if string(r.Result) != `"0x2"` {
					t.Fatalf("reply %s %+v", r.Result, r.Error)
				}
				want := time.Duration(0)
				if tt.class == "timeout" {
					want = 30 * time.Second
				}
				if waited := time.Since(began); waited != want {
					t.Errorf("waited %s, want %s", waited, want)
				}
				st := s.Stats()
				if st.Errors[tt.class] != 1 || st.Retries != 1 || !slices.Equal(st.Aliases, []string{"b"}) {
					t.Errorf("stats %+v, want one error of class %s", st, tt.class)
				}
				if s.Err() != nil {
					t.Errorf("Err = %v after the trouble was overcome", s.Err())
				}
			})
		})
	}
}

func TestALoneEndpointIsTriedAgainWithBackoff(t *testing.T) {
	t.Parallel()
	for name, tt := range misbehaviours {
		if slices.Contains([]string{"http 403", "http 401", "a redirect", "an oversize body", "a node without archive"}, name) {
			continue // asking the same endpoint again is pointless: see the next test
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &node{answer: always(`"result":"0x1"`), script: times(3, tt.do)}
				g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, MaxBody: 4000, CallTimeout: time.Hour,
					Transport: pool(map[string]*node{"a": n})})
				s := open(t, g, "ethereum", "lido", tick)
				began := time.Now()
				if r := ask(t, g, s, "eth_call", `[{},"0x1"]`); string(r.Result) != `"0x1"` {
					t.Fatalf("reply %s %+v", r.Result, r.Error)
				}
				// 250 ms, 500 ms and 1 s, each less a quarter at most
				if waited := time.Since(began); waited < 1300*time.Millisecond {
					t.Errorf("waited %s only", waited)
				}
				if st := s.Stats(); st.Errors[tt.class] != 3 || st.Retries != 3 {
					t.Errorf("stats %+v", st)
				}
			})
		})
	}
}

func TestSpentRetriesAreAClearError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do       trouble
		kind     sdk.Kind
		want     string
		requests int
	}{
		"a node that always fails":    {status(503), sdk.KindTransient, `endpoint "a": http 503`, 4},
		"a wrong key":                 {status(401), sdk.KindConfig, "key is missing or wrong", 1},
		"a wrong path":                {status(404), sdk.KindConfig, "not a JSON-RPC server", 1},
		"an answer that is too large": {misbehaviours["an oversize body"].do, sdk.KindConfig, "max_body", 1},
		"no archive":                  {misbehaviours["a node without archive"].do, sdk.KindConfig, "archive endpoint", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &node{answer: always(`"result":"0x1"`), script: times(99, tt.do)}
				g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, MaxBody: 4000, Attempts: 4,
					Transport: pool(map[string]*node{"a": n})})
				s := open(t, g, "ethereum", "lido", tick)
				r := ask(t, g, s, "eth_call", `[{},"0x1"]`)
				if r.Error == nil || r.kind() != tt.kind || !strings.Contains(r.Error.Message, tt.want) {
					t.Fatalf("reply %s %+v", r.Result, r.Error)
				}
				if n.count() != tt.requests {
					t.Errorf("%d requests, want %d", n.count(), tt.requests)
				}
				if err := s.Err(); err == nil || sdk.KindOf(err) != tt.kind {
					t.Errorf("Err = %v", err)
				}
			})
		})
	}
}

func TestDeterministicErrorsPassAndAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, member := range []string{
		`{"code":3,"message":"execution reverted: PAUSED","data":"0x08c379a0"}`,
		`{"code":-32000,"message":"execution reverted"}`,
		`{"code":-32602,"message":"invalid argument 0: hex string has length 3"}`,
		`{"code":-32000,"message":"out of gas"}`,
		`{"code":-32005,"message":"query returned more than 10000 results"}`,
	} {
		n := &node{answer: always(`"error":` + member)}
		g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a", "b")}, Transport: pool(map[string]*node{"a": n, "b": n})})
		s := open(t, g, "ethereum", "lido", tick)
		r := ask(t, g, s, "eth_call", `[{},"0x1"]`)
		got, _ := json.Marshal(r.Error)
		var want, have any
		_ = json.Unmarshal([]byte(member), &want)
		_ = json.Unmarshal(got, &have)
		if n.count() != 1 || r.Error == nil || fmt.Sprint(have.(map[string]any)["message"]) != want.(map[string]any)["message"] {
			t.Errorf("%s: %d requests, reply %s", member, n.count(), got)
		}
		if st := s.Stats(); st.Errors["rpc"] != 1 || s.Err() != nil {
			t.Errorf("%s: stats %+v, Err %v", member, st, s.Err())
		}
	}
}

func TestSolanaCodesDecideWhereToAskNext(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code  int
		moves bool
	}{
		"an unhealthy node":               {-32005, true},
		"a node behind the context slot":  {-32016, true},
		"a block that is not there yet":   {-32004, true},
		"a skipped slot is an answer":     {-32007, false},
		"history cleaned up is an answer": {-32001, false},
		"a rate limit":                    {-32429, true},
		"storage out of reach":            {-32019, true},
		"a node without the index":        {-32010, true},
		"rewards being paid is an answer": {-32017, false},
		"invalid params are the plugin's": {-32602, false},
	} {
		bad, good := &node{answer: echo, script: times(9, rpcErr(tt.code, "no"))}, &node{answer: always(`"result":1`)}
		chain := gateway.Chain{ID: "solana", Kind: gateway.Solana, Endpoints: []gateway.Endpoint{
			{Alias: "a", URL: "http://a.example"}, {Alias: "b", URL: "http://b.example"}}}
		g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": bad, "b": good})})
		s := open(t, g, "solana", "marinade", tick)
		r := ask(t, g, s, "getSlot", `[]`)
		if moved := r.Error == nil; moved != tt.moves {
			t.Errorf("%s: moved on = %v, want %v", name, moved, tt.moves)
		}
	}
}

func TestBatchTroubleTouchesOnlyTheCallsItHits(t *testing.T) {
	t.Parallel()
	reordered := func(w http.ResponseWriter, _ *http.Request, calls []rpc) {
		slices.Reverse(calls)
		writeAnswers(w, calls, true, echo)
	}
	missing := func(w http.ResponseWriter, _ *http.Request, calls []rpc) {
		writeAnswers(w, slices.Delete(slices.Clone(calls), 1, 2), true, echo)
	}
	oneLimited := func(w http.ResponseWriter, _ *http.Request, calls []rpc) {
		writeAnswers(w, calls, true, func(c rpc) string {
			if string(c.ID) == "2" {
				return `"error":{"code":429,"message":"too many requests"}`
			}
			return echo(c)
		})
	}
	doubled := func(w http.ResponseWriter, _ *http.Request, calls []rpc) {
		writeAnswers(w, append(calls, calls[0]), true, always(`"result":"0xbad"`))
	}
	for name, tt := range map[string]struct {
		do           trouble
		again, total int // requests and calls upstream
	}{
		"answers in another order":            {reordered, 1, 4},
		"one answer missing":                  {missing, 2, 5},
		"one call rate limited":               {oneLimited, 2, 5},
		"one error object for the whole":      {text(`{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"limit exceeded"}}`), 2, 8},
		"two answers to one call":             {doubled, 2, 8},
		"a result object instead of an array": {text(`{"jsonrpc":"2.0","id":1,"result":"0x00"}`), 2, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &node{answer: echo, script: []trouble{tt.do}}
				g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
				s := open(t, g, "ethereum", "lido", tick)
				var calls, want []string
				for i := range 4 {
					calls = append(calls, fmt.Sprintf(`{"id":%d,"method":"eth_getCode","params":["0x0%d","0x1"]}`, i+10, i))
					want = append(want, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":"0x0%d"}`, i+10, i))
				}
				got := post(g, s, "["+strings.Join(calls, ",")+"]").Body.String()
				if got != "["+strings.Join(want, ",")+"]" {
					t.Errorf("reply %s", got)
				}
				if n.count() != tt.again || n.asked() != tt.total {
					t.Errorf("%d requests with %d calls, want %d with %d", n.count(), n.asked(), tt.again, tt.total)
				}
			})
		})
	}
}

func TestATooLargeBatchIsHalvedAndRemembered(t *testing.T) {
	t.Parallel()
	n := &node{}
	n.answer = echo
	limit := func(w http.ResponseWriter, _ *http.Request, calls []rpc) {
		if len(calls) > 5 {
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}`)
			return
		}
		writeAnswers(w, calls, len(calls) > 1, echo)
	}
	n.script = times(99, limit)
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
	s := open(t, g, "ethereum", "lido", tick)
	var calls []string
	for i := range 20 {
		calls = append(calls, fmt.Sprintf(`{"id":%d,"method":"eth_getCode","params":["0x%02x","0x1"]}`, i, i))
	}
	batch := "[" + strings.Join(calls, ",") + "]"
	if got := post(g, s, batch).Body.String(); strings.Contains(got, "error") || !strings.Contains(got, `"0x13"`) {
		t.Fatalf("reply %s", got)
	}
	if n.count() != 6 { // 20 and 10 refused, then 4 × 5
		t.Errorf("%d requests, want 6", n.count())
	}
	post(g, s, batch)
	if n.count() != 10 {
		t.Errorf("%d requests after the second batch, want 10: the limit was not remembered", n.count())
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]func() string{
		"in seconds":      func() string { return "40" },
		"as an HTTP date": func() string { return time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &node{answer: always(`"result":"0x1"`), script: []trouble{status(429, "Retry-After", value())}}
				g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
				s := open(t, g, "ethereum", "lido", tick)
				began := time.Now()
				if r := ask(t, g, s, "eth_chainId", `[]`); string(r.Result) != `"0x1"` {
					t.Fatalf("reply %+v", r.Error)
				}
				if waited := time.Since(began).Round(time.Second); waited != 40*time.Second {
					t.Errorf("waited %s, want 40 s", waited)
				}
			})
		})
	}
	t.Run("but not beyond the time for the call", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			n := &node{answer: echo, script: times(9, status(429, "Retry-After", "3600"))}
			g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
			s := open(t, g, "ethereum", "lido", tick)
			began := time.Now()
			r := ask(t, g, s, "eth_chainId", `[]`)
			if r.kind() != sdk.KindTransient || !strings.Contains(r.Error.Message, "left alone") {
				t.Errorf("reply %+v", r.Error)
			}
			if waited := time.Since(began); waited > time.Second {
				t.Errorf("waited %s for what cannot come in time", waited)
			}
		})
	})
}

func TestTheDeadlineOfTheCallerBoundsAllRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{answer: echo, script: times(99, silence)}
		g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
		s := open(t, g, "ethereum", "lido", tick)
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		began := time.Now()
		body := postContext(ctx, g, s, `{"id":1,"method":"eth_chainId"}`).Body.String()
		if !strings.Contains(body, "time for this call is over") || !strings.Contains(body, "no answer in time") {
			t.Errorf("reply %s", body)
		}
		if waited := time.Since(began); waited != 45*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestACircuitBreakerSparesADeadEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead, good := &node{answer: echo, script: times(999, status(500))}, &node{answer: echo}
		g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a", "b")}, Transport: pool(map[string]*node{"a": dead, "b": good})})
		s := open(t, g, "ethereum", "lido", tick)
		for range 50 {
			ask(t, g, s, "eth_getCode", `["0x01","0x1"]`)
		}
		if dead.count() != 5 || good.count() != 50 {
			t.Errorf("dead endpoint asked %d times, good one %d; want 5 and 50", dead.count(), good.count())
		}
		if st := g.Metrics()[0].State; st != "open" {
			t.Errorf("state %q, want open", st)
		}
		time.Sleep(11 * time.Second) // fake time
		dead.mu.Lock()
		dead.script = nil
		dead.mu.Unlock()
		for range 5 {
			ask(t, g, s, "eth_getCode", `["0x01","0x1"]`)
		}
		if dead.count() != 10 || g.Metrics()[0].State != "closed" {
			t.Errorf("after it came back it was asked %d times more, state %q", dead.count()-5, g.Metrics()[0].State)
		}
	})
}

func TestTheBudgetIsSharedByAllSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{answer: echo}
		chain := ethereum("a")
		chain.Endpoints[0].RatePerSecond, chain.Endpoints[0].Burst = 2, 4
		g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": n})})
		began := time.Now()
		done := make(chan struct{})
		for _, plugin := range []string{"lido", "rocketpool"} {
			s := open(t, g, "ethereum", plugin, tick)
			go func() {
				for range 5 { // a batch spends a token a call
					post(g, s, `[{"id":1,"method":"eth_getCode","params":["0x01","0x1"]},{"id":2,"method":"eth_getCode","params":["0x02","0x1"]}]`)
				}
				done <- struct{}{}
			}()
		}
		<-done
		<-done
		// 20 calls: 4 at once, 16 at 2 a second
		if waited := time.Since(began).Round(time.Second); waited != 8*time.Second {
			t.Errorf("took %s, want 8 s", waited)
		}
		m := g.Metrics()[0]
		if m.Calls != 20 || m.Requests != 10 || m.Unlimited || m.BudgetLeft > 1 {
			t.Errorf("metrics %+v", m)
		}
	})
}

func TestATruncatedBodyOnARealSocketIsRetried(t *testing.T) {
	t.Parallel()
	n := &node{answer: always(`"result":"0x1"`), script: []trouble{
		func(w http.ResponseWriter, _ *http.Request, _ []rpc) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":"0x`)
		},
		func(http.ResponseWriter, *http.Request, []rpc) { panic(http.ErrAbortHandler) },
	}}
	url := serve(t, n)
	g := start(t, gateway.Options{Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
		Chains: []gateway.Chain{{ID: "ethereum", Kind: gateway.EVM, Endpoints: []gateway.Endpoint{{Alias: "a", URL: url}}}}})
	s := open(t, g, "ethereum", "lido", tick)
	if r := ask(t, g, s, "eth_chainId", `[]`); string(r.Result) != `"0x1"` {
		t.Fatalf("reply %+v", r.Error)
	}
	if st := s.Stats(); st.Errors["body"] != 1 || st.Errors["transport"] != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestAChainWithoutEndpointsSaysSo(t *testing.T) {
	t.Parallel()
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum()}})
	s := open(t, g, "ethereum", "lido", tick)
	r := ask(t, g, s, "eth_chainId", `[]`)
	if r.kind() != sdk.KindConfig || !strings.Contains(r.Error.Message, "chain ethereum: no endpoint is configured") {
		t.Errorf("reply %+v", r.Error)
	}
}

func TestWhateverAnEndpointSendsThePluginGetsJSONRPC(t *testing.T) {
	t.Parallel()
	const good = `[{"jsonrpc":"2.0","id":1,"result":"0x01"},{"jsonrpc":"2.0","id":2,"error":{"code":3,"message":"x"}}]`
	rapid.Check(t, func(rt *rapid.T) {
		body := []byte(good)
		for range rapid.IntRange(0, 6).Draw(rt, "edits") {
			at := rapid.IntRange(0, len(body)-1).Draw(rt, "at")
			switch rapid.IntRange(0, 2).Draw(rt, "edit") {
			case 0:
				body[at] = rapid.Byte().Draw(rt, "byte")
			case 1:
				body = append(body[:at], body[min(len(body), at+rapid.IntRange(1, 9).Draw(rt, "cut")):]...)
			case 2:
				body = append(body[:at:at], append([]byte(rapid.SampledFrom([]string{"null", "{}", "[]", `"`, "1e999", "\x00"}).Draw(rt, "put")), body[at:]...)...)
			}
			if len(body) == 0 {
				body = []byte(" ")
			}
		}
		n := &node{script: times(9, text(string(body)))}
		g, err := gateway.New(gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n}),
			Listener: newDeaf(), Attempts: 1})
		if err != nil {
			rt.Fatal(err)
		}
		defer g.Close()
		s, err := g.Open(t.Context(), gateway.Scope{Chain: "ethereum", Plugin: "lido", Tick: tick})
		if err != nil {
			rt.Fatal(err)
		}
		out := post(g, s, `[{"id":"x","method":"eth_chainId"},{"id":"y","method":"eth_chainId"}]`).Body.Bytes()
		var replies []reply
		if err := json.Unmarshal(out, &replies); err != nil || len(replies) != 2 {
			rt.Fatalf("%q became %q: %v", body, out, err)
		}
		for i, r := range replies {
			if string(r.ID) != []string{`"x"`, `"y"`}[i] || (r.Result == nil) == (r.Error == nil) {
				rt.Fatalf("%q became %q", body, out)
			}
		}
	})
}
