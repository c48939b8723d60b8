package report

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strconv"
)

// Handler serves the page of what collect returns, anew for every request: the
// dashboard. Its policy goes out as a header. When collect fails the reader gets
// 503 and the log the reason, because a reason may name files.
func Handler(collect func(context.Context) (*Data, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		var buf bytes.Buffer
		d, err := collect(r.Context())
		if err == nil {
			err = render(&buf, d, "")
		}
		if err != nil {
			if r.Context().Err() == nil {
				slog.ErrorContext(r.Context(), "dashboard", "error", err)
			}
			h.Set("Retry-After", "30")
			http.Error(w, "The report could not be made just now; the log says why. Try again in half a minute.", http.StatusServiceUnavailable)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(buf.Len()))
		if r.Method == http.MethodGet {
			_, _ = buf.WriteTo(w) // the reader went away: nothing to do about it
		}
	})
}
