package rest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/rest"
)

func TestAnAnswerIsItsOwnEvidence(t *testing.T) {
	t.Parallel()
	const body = `{"apr": 2.50,  "of":"a day"}`
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		asked += fmt.Sprintf("%s %s %s;", r.Method, r.URL.Path, sent)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	a, err := rest.Get(t.Context(), server.URL+"/token", "/v1/apr")
	if err != nil || string(a.Body) != body {
		t.Fatalf("%s, %v", a.Body, err)
	}
	if _, err := rest.Post(t.Context(), server.URL+"/token", "/v1/list", `["0"]`); err != nil {
		t.Fatal(err)
	}
	if asked != `GET /token/v1/apr ;POST /token/v1/list ["0"];` {
		t.Errorf("it asked %s", asked)
	}
	sum := sha256.Sum256([]byte(body))
	want := sdk.Source{Method: "GET /v1/apr", Target: "some-api", Field: "apr", Digest: hex.EncodeToString(sum[:])}
	if got := a.Source("some-api", "apr"); got != want {
		t.Errorf("the evidence is %+v, want %+v", got, want)
	}
}

func TestWhatIsNoAnswerHasAKindAndHidesTheEndpoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   sdk.Kind
		says   string
	}{
		"the gateway names the kind": {502, `{"code":502,"message":"not recorded","kind":"unrecoverable"}`, sdk.KindUnrecoverable, "not recorded"},
		"a path nobody serves":       {404, `nothing here`, sdk.KindConfig, "status 404"},
		"asked too often":            {429, ``, sdk.KindTransient, "status 429"},
		"more than anybody needs":    {200, strings.Repeat(" ", 8<<20+1), sdk.KindLayout, "larger than"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		_, err := rest.Get(t.Context(), server.URL+"/token", "/v1/apr")
		server.Close()
		if sdk.KindOf(err) != c.kind || !strings.Contains(err.Error(), "GET /v1/apr: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		_, err = rest.Get(t.Context(), server.URL+"/token", "/v1/apr") // nobody listens
		if sdk.KindOf(err) != sdk.KindTransient || strings.Contains(err.Error(), "token") {
			t.Errorf("%s, nobody listens: %v", name, err)
		}
	}
}
