package report

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheDashboardSendsItsPolicyAndKeepsReasonsToItself(t *testing.T) {
	t.Parallel()
	h := Handler(func(context.Context) (*Data, error) { return seeded(t), nil })
	got := httptest.NewRecorder()
	h.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/", nil))
	if got.Code != http.StatusOK || got.Header().Get("Content-Security-Policy") != policy+"; frame-ancestors 'none'" {
		t.Errorf("status %d, policy %q", got.Code, got.Header().Get("Content-Security-Policy"))
	}
	if !strings.Contains(got.Body.String(), `<figure id="health"`) || strings.Contains(got.Body.String(), "http-equiv") {
		t.Error("want the health grid, and the policy only as a header")
	}
	head := httptest.NewRecorder()
	h.ServeHTTP(head, httptest.NewRequest(http.MethodHead, "/", nil))
	if head.Body.Len() != 0 || head.Header().Get("Content-Length") != got.Header().Get("Content-Length") {
		t.Error("HEAD gives the headers of GET and no body")
	}
	post := httptest.NewRecorder()
	h.ServeHTTP(post, httptest.NewRequest(http.MethodPost, "/", nil))
	if post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST gives %d", post.Code)
	}
	failing := Handler(func(context.Context) (*Data, error) { return nil, errors.New("open /srv/secret.duckdb: busy") })
	bad := httptest.NewRecorder()
	failing.ServeHTTP(bad, httptest.NewRequest(http.MethodGet, "/", nil))
	if bad.Code != http.StatusServiceUnavailable || strings.Contains(bad.Body.String(), "secret") || bad.Header().Get("Retry-After") == "" {
		t.Errorf("status %d: %s", bad.Code, bad.Body.String())
	}
}
