package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// rateBody is laid out as no encoder of ours would, with a number no float holds.
const rateBody = `{"data": {"apr":2.5447500000000000001},"meta":{ } }`

// rates is an HTTP API in memory with the path /v1/rate.
type rates struct {
	mu     sync.Mutex
	script []func(http.ResponseWriter)
	asked  []string
	auth   string
}

func (a *rates) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI())
	a.auth = r.Header.Get("Authorization")
	var trouble func(http.ResponseWriter)
	if len(a.script) > 0 {
		trouble, a.script = a.script[0], a.script[1:]
	}
	a.mu.Unlock()
	switch {
	case trouble != nil:
		trouble(w)
	case strings.HasSuffix(r.URL.Path, "/v1/rate"):
		fmt.Fprint(w, rateBody)
	case strings.HasSuffix(r.URL.Path, "/v1/price"):
		fmt.Fprint(w, "1.3659716275487495\n")
	default:
		says(http.StatusNotFound, "no such page")(w)
	}
}

func (a *rates) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.asked...)
}

func api(aliases ...string) gateway.Chain {
	c := gateway.Chain{ID: "lido-api", Kind: gateway.API}
	for _, a := range aliases {
		c.Endpoints = append(c.Endpoints, gateway.Endpoint{Alias: a, URL: "http://" + a + ".example/key-1234567/?apikey=secret-of-" + a})
	}
	return c
}

// openAPI starts a session of a plugin that has declared its paths.
func openAPI(t *testing.T, g *gateway.Gateway, at time.Time) *gateway.Session {
	t.Helper()
	s, err := g.Open(t.Context(), gateway.Scope{Chain: "lido-api", Plugin: "claims", Tick: at, Paths: []string{"/v1/rate", "/v1/price"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestAnAPIsAnswerPassesUnchangedWithItsEvidence(t *testing.T) {
	t.Parallel()
	a := &rates{}
	chain := api()
	chain.Endpoints = []gateway.Endpoint{{Alias: "a", URL: serve(t, a) + "/key-1234567?apikey=secret-of-a",
		Headers: map[string]string{"Authorization": "Bearer token-in-a-header"}}}
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}})
	s := openAPI(t, g, tick)
	w := visit(g, s, http.MethodGet, "/v1/rate", "")
	if w.Code != http.StatusOK || w.Body.String() != rateBody || w.Header().Get(gateway.EndpointHeader) != "a" {
		t.Fatalf("status %d from %q: %s", w.Code, w.Header().Get(gateway.EndpointHeader), w.Body)
	}
	sum := sha256.Sum256(w.Body.Bytes())
	if alias, ok := s.Seen(hex.EncodeToString(sum[:])); !ok || alias != "a" {
		t.Errorf("the session does not know the digest: %q", alias)
	}
	if got := a.seen(); len(got) != 1 || got[0] != "GET /key-1234567/v1/rate?apikey=secret-of-a" || a.auth != "Bearer token-in-a-header" {
		t.Errorf("the API was asked %q with %q", got, a.auth)
	}
	// An API may answer with less than an object.
	if w := visit(g, s, http.MethodGet, "/v1/price", ""); w.Code != http.StatusOK || w.Body.String() != "1.3659716275487495" {
		t.Errorf("a number: status %d: %s", w.Code, w.Body)
	}
}

func TestAPluginMayOnlyGetThePathsItsCardDeclares(t *testing.T) {
	t.Parallel()
	for request, allowed := range map[string]bool{
		"GET /v1/rate":                true,
		"GET /v1/rate/":               false,
		"GET /v1/rate?of=somebody":    false,
		"GET /v1/other":               false,
		"GET /v1":                     false,
		"GET ":                        false,
		"GET /v1/../admin":            false,
		"GET /v1/rate/%2e%2e/%2e%2e/": false,
		"GET //v1/rate":               false,
		"POST /v1/rate":               false,
		"DELETE /v1/rate":             false,
		"HEAD /v1/rate":               false,
	} {
		a := &rates{}
		g := start(t, gateway.Options{Chains: []gateway.Chain{api("a")}, Transport: wire{"a.example": a}})
		verb, path, _ := strings.Cut(request, " ")
		w := visit(g, openAPI(t, g, tick), verb, path, "")
		if reached := len(a.seen()) > 0; reached != allowed {
			t.Errorf("%s: reached the API: %v, status %d", request, reached, w.Code)
		}
		if _, message, kind := refusedOr(t, w, allowed); !allowed && (w.Code != http.StatusForbidden || kind != sdk.KindConfig || !strings.Contains(message, `["/v1/rate" "/v1/price"]`)) {
			t.Errorf("%s: status %d, kind %s: %s", request, w.Code, kind, message)
		}
	}
}

func TestTroubleWithAnAPIIsRetriedOrNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second func(http.ResponseWriter) // of endpoint a and b; nil answers well
		kind          sdk.Kind                  // "" if there is an answer in the end
		says          string
	}{
		"it is down, then another":      {says(503, `maintenance`), nil, "", ""},
		"a page instead of an answer":   {says(200, `<html>checking your browser</html>`), nil, "", ""},
		"nothing":                       {says(200, ``), nil, "", ""},
		"a wrong key, then another":     {says(401, `{"message":"who are you, secret-of-a"}`), nil, "", ""},
		"a path that nobody serves":     {says(404, `{"code":404,"message":"no"}`), says(404, ``), sdk.KindConfig, "http 404 (not found): the endpoint's URL has not got this path"},
		"a wrong key everywhere":        {says(401, ``), says(403, `secret-of-b`), sdk.KindTransient, `endpoint "b": http 403`},
		"a redirect, which is no place": {says(302, ``), says(302, ``), sdk.KindConfig, "has not got this path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := &rates{}, &rates{}
				for n, trouble := range map[*rates]func(http.ResponseWriter){a: c.first, b: c.second} {
					if trouble != nil {
						n.script = []func(http.ResponseWriter){trouble}
					}
				}
				g := start(t, gateway.Options{Chains: []gateway.Chain{api("a", "b")}, Transport: wire{"a.example": a, "b.example": b}})
				w := visit(g, openAPI(t, g, tick), http.MethodGet, "/v1/rate", "")
				if strings.Contains(w.Body.String(), "secret-of") || strings.Contains(w.Body.String(), "example") {
					t.Errorf("a secret leaks: %s", w.Body)
				}
				if c.kind == "" {
					if w.Code != http.StatusOK || w.Body.String() != rateBody || w.Header().Get(gateway.EndpointHeader) != "b" {
						t.Errorf("status %d: %s from %q", w.Code, w.Body, w.Header().Get(gateway.EndpointHeader))
					}
					return
				}
				if _, message, kind := refusedAs(t, w); w.Code != http.StatusBadGateway || kind != c.kind || !strings.Contains(message, c.says) {
					t.Errorf("status %d, kind %q: %s", w.Code, kind, message)
				}
			})
		})
	}
}

func TestTheAnchorOfAnAPIIsTheMomentItIsAsked(t *testing.T) {
	t.Parallel()
	now := tick.Add(3*time.Minute + 700*time.Millisecond)
	a := &rates{}
	g := start(t, gateway.Options{Chains: []gateway.Chain{api("a")}, Transport: wire{"a.example": a}, Now: func() time.Time { return now }})
	ticks := []time.Time{tick, tick.Add(-time.Hour), tick.Add(time.Hour)}
	anchors, errs := g.Anchors(t.Context(), "lido-api", ticks)
	want := sdk.Anchor{Chain: "lido-api", Time: tick.Add(3 * time.Minute), Finality: sdk.Finalized, Tick: tick}
	if errs[0] != nil || anchors[0] != want {
		t.Errorf("got %+v, %v, want %+v", anchors[0], errs[0], want)
	}
	if sdk.KindOf(errs[1]) != sdk.KindUnrecoverable || !strings.Contains(fmt.Sprint(errs[1]), "its past cannot be read: the tick is 1h3m0s ago") {
		t.Errorf("a past tick: %v", errs[1])
	}
	if sdk.KindOf(errs[2]) != sdk.KindTransient {
		t.Errorf("a tick to come: %v", errs[2])
	}
	now = now.Add(2 * time.Minute) // another plugin of the tick
	if again, err := g.Anchor(t.Context(), "lido-api", tick); err != nil || again != want {
		t.Errorf("asked again %+v, %v, want %+v", again, err, want)
	}
	if got := a.seen(); len(got) != 0 {
		t.Errorf("the API was asked %q for it", got)
	}
}

func TestARecordingOfAnAPIAnswersWithoutANetwork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := tick.Add(3 * time.Minute)
	g := start(t, gateway.Options{Chains: []gateway.Chain{api("a")}, Transport: wire{"a.example": &rates{}}, Record: dir, Now: func() time.Time { return now }})
	first, err := g.Anchor(t.Context(), "lido-api", tick)
	if err != nil {
		t.Fatal(err)
	}
	s := openAPI(t, g, tick)
	if w := visit(g, s, http.MethodGet, "/v1/rate", ""); w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	s.Close()
	raw, err := os.ReadFile(filepath.Join(dir, "lido-api", "2023-12-15T12-00-00Z", "claims.json"))
	if err != nil || strings.Contains(string(raw), "secret-of") || strings.Contains(string(raw), "example") || !strings.Contains(string(raw), `"endpoint": "a"`) {
		t.Errorf("%v: the recording holds %s", err, raw)
	}

	again := start(t, gateway.Options{Chains: []gateway.Chain{{ID: "lido-api", Kind: gateway.API}}, Replay: dir})
	second, err := again.Anchor(t.Context(), "lido-api", tick)
	if err != nil || first != second {
		t.Errorf("replayed anchor %+v, %v; want %+v", second, err, first)
	}
	rs := openAPI(t, again, tick)
	// The space between is gone, the number is as it was written.
	w := visit(again, rs, http.MethodGet, "/v1/rate", "")
	if want := `{"data":{"apr":2.5447500000000000001},"meta":{}}`; w.Body.String() != want {
		t.Errorf("replayed %s, want %s", w.Body, want)
	}
	sum := sha256.Sum256(w.Body.Bytes())
	if alias, ok := rs.Seen(hex.EncodeToString(sum[:])); !ok || alias != "a" {
		t.Errorf("the replaying session does not know the digest: %q", alias)
	}
	_, message, kind := refusedAs(t, visit(again, rs, http.MethodGet, "/v1/price", ""))
	if kind != sdk.KindConfig || !strings.Contains(message, "record it first") {
		t.Errorf("an unrecorded request: kind %s, %s", kind, message)
	}
	if _, err := again.Anchor(t.Context(), "lido-api", tick.Add(time.Hour)); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), "record it first") {
		t.Errorf("an unrecorded tick: %v", err)
	}
	ticks, err := again.RecordedTicks("lido-api", "claims")
	if err != nil || len(ticks) != 1 || !ticks[0].Equal(tick) {
		t.Errorf("recorded ticks %v, %v", ticks, err)
	}
}
