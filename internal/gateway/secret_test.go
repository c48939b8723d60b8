package gateway_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
)

// TestNoSecretLeavesTheGateway sends every kind of trouble through a gateway
// whose endpoint's URL and headers are full of secrets, with servers that echo
// them, and looks for them in everything that comes out.
func TestNoSecretLeavesTheGateway(t *testing.T) {
	t.Parallel()
	var (
		host   = "very-private.provider.example"
		key    = "Kf83jd72hDk29dkLq0"
		query  = "q9Zx77Lm41"
		bearer = "eyJhbGciOi.J9secretToken"
		user   = "customer77"
		pass   = "hunter2hunter2"
		basic  = base64.StdEncoding.EncodeToString([]byte(user + ":" + pass))
		full   = "http://" + user + ":" + pass + "@" + host + "/v2/" + key + "?apikey=" + query
	)
	secrets := []string{host, key, query, bearer, user, pass, basic}
	everything := strings.ReplaceAll(strings.Join(append(secrets, full, "/v2/"+key+"?apikey="+query), " "), `"`, "")

	for name, do := range map[string]trouble{
		"a result that echoes":          text(`{"jsonrpc":"2.0","id":1,"result":"` + everything + `"}`),
		"a deterministic error":         text(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"` + everything + `","data":"` + everything + `"}}`),
		"an error with escaped slashes": text(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"` + strings.ReplaceAll(everything, "/", `\/`) + `"}}`),
		"an error that is retried":      rpcErr(-32005, "limit exceeded for "+everything),
		"an error that is a string":     text(`{"jsonrpc":"2.0","id":1,"error":"` + everything + `"}`),
		"an HTTP error with an echo":    func(w http.ResponseWriter, _ *http.Request, _ []rpc) { w.WriteHeader(500); fmt.Fprint(w, everything) },
		"a refusal with an echo":        func(w http.ResponseWriter, _ *http.Request, _ []rpc) { w.WriteHeader(401); fmt.Fprint(w, everything) },
		"a JSON-RPC error behind a 400": func(w http.ResponseWriter, _ *http.Request, _ []rpc) {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"id":1,"error":{"code":-32602,"message":"`+everything+`"}}`)
		},
		"garbage with an echo":         text(everything),
		"the wrong chain with an echo": text(`{"jsonrpc":"2.0","id":1,"result":"` + everything + `"}`),
		"a redirect to itself":         status(302, "Location", full),
		"an unreachable host":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var logs bytes.Buffer
				dir := t.TempDir()
				w := wire{}
				if do != nil {
					w[host] = &node{answer: echo, script: times(99, do)}
				}
				chain := gateway.Chain{ID: "ethereum", Kind: gateway.EVM, Endpoints: []gateway.Endpoint{{
					Alias: "main", URL: full, Headers: map[string]string{"Authorization": "Bearer " + bearer}}}}
				if strings.HasPrefix(name, "the wrong chain") {
					chain.NetworkID = 1
				}
				g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: w, Record: dir, Attempts: 2, Backoff: 1, MaxBackoff: 2,
					Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				s := open(t, g, "ethereum", "lido", tick)
				res := post(g, s, `{"id":1,"method":"eth_call","params":[{},"0x1"]}`)
				s.Close()
				_, anchorErr := g.Anchor(t.Context(), "ethereum", tick)

				out := fmt.Sprint(res.Body, res.Header(), s.Err(), anchorErr, s.Stats(), g.Metrics(), s.URL(), logs.String())
				err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					raw, err := os.ReadFile(path)
					out += path + string(raw)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, secret := range secrets {
					if strings.Contains(out, secret) {
						t.Errorf("%q came out in:\n%s", secret, out)
					}
				}
				if !strings.Contains(out, "main") {
					t.Errorf("the alias is nowhere in:\n%s", out)
				}
			})
		})
	}
}

func TestHeadersReachTheEndpoint(t *testing.T) {
	t.Parallel()
	n := &node{answer: echo}
	chain := ethereum("a")
	chain.Endpoints[0].Headers = map[string]string{"X-Api-Key": "k-123456789"}
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: pool(map[string]*node{"a": n})})
	ask(t, g, open(t, g, "ethereum", "lido", tick), "eth_chainId", `[]`)
	if got := n.headers[0].Get("X-Api-Key"); got != "k-123456789" {
		t.Errorf("the endpoint got key %q", got)
	}
}

func TestAShortSecretDoesNotSpoilData(t *testing.T) {
	t.Parallel()
	const result = `"0x00000000000000000000000000000000000000000000abcd0000000000001234"`
	n := &node{answer: always(`"result":` + result)}
	chain := gateway.Chain{ID: "ethereum", Kind: gateway.EVM, Endpoints: []gateway.Endpoint{{Alias: "a", URL: "http://abcd:1234@node.example/deadbeef"}}}
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: wire{"node.example": n}})
	if r := ask(t, g, open(t, g, "ethereum", "lido", tick), "eth_call", `[{},"0x1"]`); string(r.Result) != result {
		t.Errorf("result %s", r.Result)
	}
}
