package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers /healthz, /readyz and /metrics, and hands everything else to the
// dashboard.
func (d *Daemon) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", d.healthz)
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
	}))
	dashboard := d.opts.Dashboard
	if dashboard == nil {
		dashboard = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				http.NotFound(w, r)
				return
			}
			answer(w, http.StatusOK, "lst-pipeline %s\n\n/healthz  does the process live and write\n/readyz   has every required job its newest tick\n/metrics  for Prometheus\n", d.opts.Version)
		})
	}
	mux.Handle("/", dashboard)
	return mux
}

// serveHTTP answers on ln until the returned function is called.
func (d *Daemon) serveHTTP(ln net.Listener) (stop func()) {
	server := &http.Server{
		Handler:           d.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("health, metrics and dashboard are not answered any more", "error", err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), httpStop)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // a slow reader has had its time
		}
		<-ended
	}
}

// healthz says whether the process lives and the writer works. It answers from
// memory, so that it answers while the database is busy.
func (d *Daemon) healthz(w http.ResponseWriter, _ *http.Request) {
	state := d.writer.Load()
	switch since := d.sinceBeat(); {
	case since > d.silence():
		answer(w, http.StatusServiceUnavailable, "the planner has given no sign of life for %s\n", since.Round(time.Second))
	case state == nil:
		answer(w, http.StatusOK, "ok, the writer has not been tried yet\n")
	case state.err != nil:
		answer(w, http.StatusServiceUnavailable, "the warehouse cannot be written: %v\n", state.err)
	default:
		answer(w, http.StatusOK, "ok\n")
	}
}

// readyz says whether every required series has its newest tick or is within the
// period in which it may still come, and whether the next one can be stored.
func (d *Daemon) readyz(w http.ResponseWriter, r *http.Request) {
	if state := d.writer.Load(); state != nil && state.err != nil {
		answer(w, http.StatusServiceUnavailable, "the warehouse cannot be written: %v\n", state.err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	all, err := Coverage(ctx, d.opts.Warehouse, d.gen.Load().specs(), time.Now().UTC())
	if err != nil {
		answer(w, http.StatusServiceUnavailable, "the ledger cannot be read: %v\n", err)
		return
	}
	late := Late(all)
	if len(late) == 0 {
		answer(w, http.StatusOK, "ready\n")
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d required series lag\n", len(late))
	for _, s := range late {
		fmt.Fprintf(&b, "%s: newest complete tick %s, expected %s", s, moment(s.Newest), moment(s.Expected))
		if s.Error != "" {
			fmt.Fprintf(&b, ": %s", s.Error)
		}
		b.WriteByte('\n')
	}
	answer(w, http.StatusServiceUnavailable, "%s", b.String())
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}

func answer(w http.ResponseWriter, code int, format string, args ...any) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	fmt.Fprintf(w, format, args...)
}
