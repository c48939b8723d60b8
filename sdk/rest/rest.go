// Package rest asks the gateway for what has paths instead of JSON-RPC: the Beacon
// API, and HTTP APIs.
//
// It gives back the bytes of the answer with their digest, which an observation names
// as its evidence, and decodes nothing. Errors carry an sdk.Kind and never the
// gateway's address.
package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// maxAnswer bounds one answer. The largest that is asked for, a beacon node's ideal
// rewards of every balance up to 2048 ether, is 300 kB.
const maxAnswer = 8 << 20

// Answer is the body of an answer with status 200.
type Answer struct {
	Method string // what was asked: "GET /v1/rate"
	Body   []byte
}

// Source is the evidence of a value that was decoded from a field of the answer.
func (a Answer) Source(target, field string) sdk.Source {
	sum := sha256.Sum256(a.Body)
	return sdk.Source{Method: a.Method, Target: target, Field: field, Digest: hex.EncodeToString(sum[:])}
}

// Get asks for a path below the endpoint of a request.
func Get(ctx context.Context, endpoint, path string) (Answer, error) {
	return ask(ctx, http.MethodGet, endpoint, path, "")
}

// Post asks with a body of JSON.
func Post(ctx context.Context, endpoint, path, body string) (Answer, error) {
	return ask(ctx, http.MethodPost, endpoint, path, body)
}

func ask(ctx context.Context, verb, endpoint, path, body string) (Answer, error) {
	a := Answer{Method: verb + " " + path}
	req, err := http.NewRequestWithContext(ctx, verb, endpoint+path, strings.NewReader(body))
	if err != nil {
		return a, sdk.Errorf(sdk.KindConfig, "%s: the endpoint is not a URL", a.Method)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		var u *url.Error // holds the session's token
		if errors.As(err, &u) {
			err = u.Err
		}
		return a, sdk.Errorf(sdk.KindTransient, "%s: no answer: %w", a.Method, err)
	}
	defer res.Body.Close()
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return a, sdk.Errorf(sdk.KindTransient, "%s: the answer broke off: %w", a.Method, err)
	case len(a.Body) > maxAnswer:
		return a, sdk.Errorf(sdk.KindLayout, "%s: the answer is larger than %d bytes", a.Method, maxAnswer)
	case res.StatusCode != http.StatusOK:
		return a, refusal(a.Method, res.StatusCode, a.Body)
	}
	return a, nil
}

// refusal reads an error. The gateway's own say their kind.
func refusal(method string, status int, raw []byte) error {
	var e struct {
		Message string   `json:"message"`
		Kind    sdk.Kind `json:"kind"`
	}
	_ = json.Unmarshal(raw, &e) // whatever else it is, the status remains
	if e.Kind == "" {
		e.Kind = sdk.KindTransient
		if status/100 == 4 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
			e.Kind = sdk.KindConfig
		}
	}
	return sdk.Errorf(e.Kind, "%s: status %d: %.200s", method, status, e.Message)
}
