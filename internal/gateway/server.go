package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// EndpointHeader carries the aliases of the endpoints an answer came from.
const EndpointHeader = "X-Endpoint-Alias"

// serve starts the loopback listener.
func (g *Gateway) serve(ln net.Listener) {
	g.server = &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(g.serving)
		if err := g.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("the gateway's loopback listener failed", slog.Any("error", err))
		}
	}()
}

// ServeHTTP answers JSON-RPC for the session the path names, or, if that is of a
// beacon chain or an API, what has paths below it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	g.mu.Lock()
	s := g.sessions[token]
	g.mu.Unlock()
	if s == nil || rest != "" && !isREST(s.chain.Kind) || !s.enter() {
		refuse(w, http.StatusNotFound, &rpcError{Code: codeGateway, Message: "this session is unknown or closed"})
		return
	}
	defer s.calls.Done()
	if isREST(s.chain.Kind) {
		g.serveREST(w, r, s, rest)
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, &rpcError{Code: codeInvalid, Message: "JSON-RPC needs POST"})
		return
	}
	body, ok := g.readBody(w, r)
	if !ok {
		return
	}
	items, batch, bad := parseRequest(body)
	if bad != nil {
		refuse(w, http.StatusOK, bad)
		return
	}
	calls := make([]call, len(items))
	for i, it := range items {
		calls[i] = call{method: it.Method, params: it.Params}
	}
	replies := s.do(r.Context(), calls)

	var out bytes.Buffer
	var aliases []string
	if batch {
		out.WriteByte('[')
	}
	for i, reply := range replies {
		if i > 0 {
			out.WriteByte(',')
		}
		writeReply(&out, items[i].ID, reply)
		if reply.alias != "" && !slices.Contains(aliases, reply.alias) {
			aliases = append(aliases, reply.alias)
		}
	}
	if batch {
		out.WriteByte(']')
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(EndpointHeader, strings.Join(aliases, ","))
	_, _ = w.Write(out.Bytes()) // the plugin has gone: nobody to tell
}

// readBody reads the body of a request. When it cannot, it has answered.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.opts.MaxBody))
	if err == nil {
		return body, true
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, &rpcError{Code: codeInvalid,
			Message: fmt.Sprintf("the request is larger than %d bytes (max_body)", g.opts.MaxBody)})
	} // else the plugin has gone
	return nil, false
}

// refuse answers a request that never became calls.
func refuse(w http.ResponseWriter, status int, e *rpcError) {
	e.Data = []byte(`{"kind":"` + string(sdk.KindInternal) + `"}`)
	var out bytes.Buffer
	out.WriteString(`{"jsonrpc":"2.0","id":null`)
	writeError(&out, e)
	out.WriteByte('}')
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}
