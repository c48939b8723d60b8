package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rpc is a call as a fake node sees it.
type rpc struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// node is a JSON-RPC server in memory. It answers calls with answer, unless one
// of the scripted troubles is still to come.
type node struct {
	answer func(c rpc) string // the whole `"result":...` or `"error":...` member

	mu       sync.Mutex
	script   []func(w http.ResponseWriter, r *http.Request, calls []rpc)
	requests [][]rpc
	headers  []http.Header
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	calls, batch := decodeCalls(body)
	n.mu.Lock()
	n.requests = append(n.requests, calls)
	n.headers = append(n.headers, r.Header.Clone())
	var trouble func(http.ResponseWriter, *http.Request, []rpc)
	if len(n.script) > 0 {
		trouble, n.script = n.script[0], n.script[1:]
	}
	n.mu.Unlock()
	if trouble != nil {
		trouble(w, r, calls)
		return
	}
	writeAnswers(w, calls, batch, n.answer)
}

func decodeCalls(body []byte) (calls []rpc, batch bool) {
	if batch = bytes.HasPrefix(body, []byte("[")); batch {
		_ = json.Unmarshal(body, &calls)
	} else {
		calls = make([]rpc, 1)
		_ = json.Unmarshal(body, &calls[0])
	}
	return calls, batch
}

func writeAnswers(w io.Writer, calls []rpc, batch bool, answer func(rpc) string) {
	parts := make([]string, len(calls))
	for i, c := range calls {
		parts[i] = fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, c.ID, answer(c))
	}
	if batch {
		fmt.Fprintf(w, "[%s]", strings.Join(parts, ","))
	} else {
		fmt.Fprint(w, parts[0])
	}
}

// count is how many HTTP requests came in.
func (n *node) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.requests)
}

// asked is how many calls came in.
func (n *node) asked() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	total := 0
	for _, r := range n.requests {
		total += len(r)
	}
	return total
}

// always answers every call with the same member.
func always(member string) func(rpc) string { return func(rpc) string { return member } }

// echo answers with the first parameter.
func echo(c rpc) string {
	var params []json.RawMessage
	if json.Unmarshal(c.Params, &params) != nil || len(params) == 0 {
		return `"result":null`
	}
	return `"result":` + string(params[0])
}

// wire is a transport without sockets: host name → server. Requests end when
// their context does, as on a network.
type wire map[string]http.Handler

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := w[r.URL.Hostname()]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("no route to %s", r.URL)}
	}
	done := make(chan *http.Response, 1)
	go func() {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		done <- rec.Result()
	}()
	select {
	case res := <-done:
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// deaf is a listener nobody can reach, for gateways used through ServeHTTP.
type deaf struct {
	once sync.Once
	shut chan struct{}
}

func newDeaf() *deaf { return &deaf{shut: make(chan struct{})} }

func (d *deaf) Accept() (net.Conn, error) { <-d.shut; return nil, net.ErrClosed }
func (d *deaf) Close() error              { d.once.Do(func() { close(d.shut) }); return nil }
func (d *deaf) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// start makes a gateway and closes it with the test.
func start(t *testing.T, o gateway.Options) *gateway.Gateway {
	t.Helper()
	if o.Listener == nil {
		o.Listener = newDeaf()
	}
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// ethereum is a chain of endpoints a, b, c … at hosts of the same name.
func ethereum(aliases ...string) gateway.Chain {
	c := gateway.Chain{ID: "ethereum", Kind: gateway.EVM}
	for _, a := range aliases {
		c.Endpoints = append(c.Endpoints, gateway.Endpoint{Alias: a, URL: "http://" + a + ".example/rpc"})
	}
	return c
}

// pool wires nodes to the hosts of ethereum().
func pool(nodes map[string]*node) wire {
	w := wire{}
	for alias, n := range nodes {
		w[alias+".example"] = n
	}
	return w
}

var tick = time.Date(2023, 12, 15, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, g *gateway.Gateway, chain sdk.ChainID, plugin string, at time.Time) *gateway.Session {
	t.Helper()
	s, err := g.Open(context.Background(), gateway.Scope{Chain: chain, Plugin: plugin, Tick: at})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// reply is a JSON-RPC response as a plugin reads it.
type reply struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int64           `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

func (r reply) kind() sdk.Kind {
	var data struct{ Kind sdk.Kind }
	if r.Error != nil {
		_ = json.Unmarshal(r.Error.Data, &data)
	}
	return data.Kind
}

// post sends a body to a session through the handler, without a socket.
func post(g *gateway.Gateway, s *gateway.Session, body string) *httptest.ResponseRecorder {
	return postContext(context.Background(), g, s, body)
}

func postContext(ctx context.Context, g *gateway.Gateway, s *gateway.Session, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, s.URL(), strings.NewReader(body)))
	return w
}

// ask sends one call and reads the response.
func ask(t *testing.T, g *gateway.Gateway, s *gateway.Session, method, params string) reply {
	t.Helper()
	w := post(g, s, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params))
	var r reply
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	return r
}

// serve puts a handler on a real socket.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return server.URL
}
