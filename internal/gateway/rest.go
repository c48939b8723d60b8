package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// A beacon node and an HTTP API have paths instead of JSON-RPC. Here such a request is
// a call like any other: its method is "GET /eth/v1/…" or "POST /eth/v1/…", its
// params are the body, its result is the body of an answer with status 200, and an
// error has the status as its code. So budgets, retries, recordings and digests
// work as they do for JSON-RPC.

// isREST reports whether a kind of chain has paths.
func isREST(kind string) bool { return kind == Beacon || kind == API }

// restRequest makes the HTTP request of a call.
func (e *endpoint) restRequest(ctx context.Context, c call) (*http.Request, error) {
	verb, path, _ := strings.Cut(c.method, " ")
	base, err := url.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	var body []byte
	if verb == http.MethodPost {
		body = c.params
	}
	return http.NewRequestWithContext(ctx, verb, base.JoinPath(path).String(), bytes.NewReader(body))
}

// restAnswer reads the answer to a call.
func (e *endpoint) restAnswer(c call, status int, body []byte) ([]answer, *trouble) {
	body = bytes.TrimSpace(body)
	switch {
	case status == http.StatusOK && json.Valid(body) && (e.chain.Kind == API || body[0] == '{'):
		return []answer{{result: body}}, nil
	case status == http.StatusOK:
		return nil, &trouble{class: classBody, kind: sdk.KindTransient, fault: true, text: errNotJSON.Error()}
	case e.chain.Kind == Beacon:
		return e.beaconTrouble(c, status, body)
	}
	return nil, httpTrouble(API, status)
}

// serveREST answers one request of a plugin whose path, after the session's
// token, is rest.
func (g *Gateway) serveREST(w http.ResponseWriter, r *http.Request, s *Session, rest string) {
	body, ok := g.readBody(w, r)
	if !ok {
		return
	}
	c := call{method: r.Method + " /" + rest}
	if r.URL.RawQuery != "" {
		c.method += "?" + r.URL.RawQuery // no read that is let through has one
	}
	if len(body) > 0 {
		if !json.Valid(body) {
			refuseREST(w, http.StatusBadRequest, sdk.KindInternal, "the body is not JSON")
			return
		}
		c.params = body
	}
	reply := s.do(r.Context(), []call{c})[0]
	switch {
	case reply.fail != nil:
		status := http.StatusBadGateway
		if gatewayError(reply.fail).Code == codeRefused {
			status = http.StatusForbidden
		}
		refuseREST(w, status, sdk.KindOf(reply.fail), reply.fail.Error())
	case reply.rpc != nil:
		w.Header().Set(EndpointHeader, reply.alias)
		refuseREST(w, int(reply.rpc.Code), "", reply.rpc.Message)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(EndpointHeader, reply.alias)
		_, _ = w.Write(reply.result) // the plugin has gone: nobody to tell
	}
}

// refuseREST writes an error in the shape of the Beacon API. The gateway's own
// have a kind.
func refuseREST(w http.ResponseWriter, status int, kind sdk.Kind, message string) {
	if http.StatusText(status) == "" { // out of a recording
		status = http.StatusBadGateway
	}
	body, _ := json.Marshal(struct { // cannot fail
		Code    int      `json:"code"`
		Message string   `json:"message"`
		Kind    sdk.Kind `json:"kind,omitempty"`
	}{status, message, kind})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
