package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// A beacon node speaks HTTP with paths instead of JSON-RPC. Here such a request is
// a call like any other: its method is "GET /eth/v1/…" or "POST /eth/v1/…", its
// params are the body, its result is the body of an answer with status 200, and an
// error has the status as its code. So budgets, retries, recordings and digests
// work as they do for JSON-RPC.

const (
	beaconGenesis   = "GET /eth/v1/beacon/genesis"
	beaconHeaders   = "GET /eth/v1/beacon/headers/"
	beaconFinalized = beaconHeaders + "finalized"
)

// beaconReads are the requests a plugin may make: what is on the chain, not what
// the node knows of its peers, and no work for validators.
var beaconReads = regexp.MustCompile(`^(GET /eth/v[1-9]/(beacon|config)(/[A-Za-z0-9_]+)+|` +
	`POST /eth/v1/beacon/rewards/attestations/[0-9]{1,20})$`)

// beaconPinned are those whose answer never changes once it is final.
var beaconPinned = regexp.MustCompile(`^(GET /eth/v1/beacon/genesis|` +
	`GET /eth/v1/beacon/headers/(0x[0-9a-fA-F]{64}|[0-9]+)|POST /eth/v1/beacon/rewards/attestations/[0-9]+)$`)

// beaconRequest makes the HTTP request of a call.
func (e *endpoint) beaconRequest(ctx context.Context, c call) (*http.Request, error) {
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

// beaconAnswer reads the answer to a call. Not found is an answer where a slot has
// no block, and a lack of old states everywhere else.
func (e *endpoint) beaconAnswer(c call, status int, body []byte) ([]answer, *trouble) {
	body = bytes.TrimSpace(body)
	if status == http.StatusOK {
		if !json.Valid(body) || body[0] != '{' {
			return nil, &trouble{class: classBody, kind: sdk.KindTransient, fault: true, text: errNotJSON.Error()}
		}
		return []answer{{result: body}}, nil
	}
	var said struct {
		Code    json.RawMessage `json:"code"` // some clients write it as a string
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil || said.Code == nil {
		return nil, httpTrouble(Beacon, status)
	}
	said.Message = e.chain.secrets.text(shorten(said.Message, 160))
	switch {
	case status == http.StatusBadRequest, status == http.StatusNotFound && strings.HasPrefix(c.method, beaconHeaders):
		return []answer{{err: &rpcError{Code: int64(status), Message: said.Message}}}, nil
	case status == http.StatusNotFound:
		return nil, &trouble{class: classNoState, kind: sdk.KindConfig, ruleOut: true,
			text: fmt.Sprintf("http 404: %s: this needs a beacon node that keeps old states", said.Message)}
	}
	t := httpTrouble(Beacon, status)
	if said.Message != "" {
		t.text += ": " + said.Message
	}
	return nil, t
}

// serveBeacon answers one request of a plugin whose path, after the session's
// token, is rest.
func (g *Gateway) serveBeacon(w http.ResponseWriter, r *http.Request, s *Session, rest string) {
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
			refuseBeacon(w, http.StatusBadRequest, sdk.KindInternal, "the body is not JSON")
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
		refuseBeacon(w, status, sdk.KindOf(reply.fail), reply.fail.Error())
	case reply.rpc != nil:
		w.Header().Set(EndpointHeader, reply.alias)
		refuseBeacon(w, int(reply.rpc.Code), "", reply.rpc.Message)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(EndpointHeader, reply.alias)
		_, _ = w.Write(reply.result) // the plugin has gone: nobody to tell
	}
}

// refuseBeacon writes an error in the shape of the Beacon API. The gateway's own
// have a kind.
func refuseBeacon(w http.ResponseWriter, status int, kind sdk.Kind, message string) {
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
