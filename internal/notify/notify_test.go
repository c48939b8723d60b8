package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

const key = "T0PSECRET"

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// inbox is a webhook.
type inbox struct {
	mu     sync.Mutex
	status int
	got    []Message
	tries  int
	ids    map[string]int
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tries++
	body, _ := io.ReadAll(r.Body)
	var m Message
	if err := json.Unmarshal(body, &m); err != nil || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Idempotency-Key") != m.ID {
		http.Error(w, "bad message", http.StatusTeapot)
		return
	}
	if i.status != 0 {
		w.WriteHeader(i.status)
		return
	}
	if i.ids == nil {
		i.ids = map[string]int{}
	}
	i.ids[m.ID]++
	i.got = append(i.got, m)
}

func (i *inbox) answer(status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status = status
}

// said lists what arrived, "event subject status".
func (i *inbox) said() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []string{}
	for _, m := range i.got {
		list = append(list, m.Event+" "+m.Subject+" "+m.Status)
	}
	return list
}

var everything = []string{Stale, Failed, Frozen, Depeg, RateDrop, Quarantine, Disagreement}

type setup struct {
	*Notifier
	inbox *inbox
	clock *clock
	store *store.Store
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	box, at := &inbox{}, &clock{at: t0}
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	return &setup{
		Notifier: &Notifier{
			Book: s, Now: at.now, Log: slog.New(slog.DiscardHandler),
			Receivers: []Receiver{{Name: "chat", Webhook: server.URL + "/hook/" + key, Events: everything, DepegBPS: 100}},
		},
		inbox: box, clock: at, store: s,
	}
}

func (s *setup) check(t *testing.T, late ...Finding) {
	t.Helper()
	if err := s.Check(t.Context(), late); err != nil {
		t.Error(err)
	}
}

func (s *setup) exec(t *testing.T, text string, args ...any) {
	t.Helper()
	if _, err := s.store.DB().ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

var late = Finding{Event: Stale, Subject: "state/lido/ethereum", Detail: "the newest complete tick is 10:00"}

func TestAnAlertIsToldOnceWhenItBeginsAndOnceWhenItIsOver(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	for range 3 {
		s.check(t, late)
		s.clock.pass(time.Minute)
	}
	s.check(t)
	s.check(t)
	s.clock.pass(time.Hour)
	s.check(t, late) // another episode
	want := []string{"stale state/lido/ethereum begun", "stale state/lido/ethereum resolved", "stale state/lido/ethereum begun"}
	if diff := cmp.Diff(want, s.inbox.said()); diff != "" {
		t.Error(diff)
	}
	end := s.inbox.got[1]
	if !end.Since.Equal(t0) || end.Resolved == nil || !end.Resolved.Equal(t0.Add(3*time.Minute)) || !strings.HasPrefix(end.Text, "resolved after 3m0s: stale: state/lido/ethereum") {
		t.Errorf("the end is %+v", end)
	}
	if s.inbox.got[0].ID == s.inbox.got[2].ID {
		t.Error("two episodes have one id")
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.check(t, late)
	s.Notifier = &Notifier{Book: s.store, Now: s.clock.now, Log: s.Log, Receivers: s.Receivers}
	s.check(t, late)
	s.check(t)
	if diff := cmp.Diff([]string{"stale state/lido/ethereum begun", "stale state/lido/ethereum resolved"}, s.inbox.said()); diff != "" {
		t.Error(diff)
	}
}

func TestAMessageNotTakenIsToldAgainLaterInOrderAndOnce(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.inbox.answer(http.StatusBadGateway)
	err := s.Check(t.Context(), []Finding{late})
	if err == nil || !strings.Contains(err.Error(), "receiver chat did not take stale") || !strings.Contains(err.Error(), "502") {
		t.Errorf("%v", err)
	}
	// It is over before anybody was told: both messages come, in order.
	s.clock.pass(30 * time.Second)
	if err := s.Check(t.Context(), nil); err != nil {
		t.Errorf("it was tried again too soon: %v", err)
	}
	if s.inbox.tries != 1 {
		t.Errorf("tried %d times", s.inbox.tries)
	}
	s.clock.pass(31 * time.Second)
	if err := s.Retry(t.Context()); err == nil {
		t.Error("the second try did not fail")
	}
	s.inbox.answer(0)
	s.clock.pass(61 * time.Second) // the wait is two minutes now
	if err := s.Retry(t.Context()); err != nil || len(s.inbox.said()) != 0 {
		t.Errorf("%v, said %v", err, s.inbox.said())
	}
	s.clock.pass(time.Minute)
	if err := s.Retry(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Retry(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"stale state/lido/ethereum begun", "stale state/lido/ethereum resolved"}, s.inbox.said()); diff != "" {
		t.Error(diff)
	}
	for id, n := range s.inbox.ids {
		if n != 1 {
			t.Errorf("message %s came %d times", id, n)
		}
	}
}

// forgetful is a book that cannot be written at times.
type forgetful struct {
	*store.Store
	full bool
}

func (f *forgetful) PutAlerts(ctx context.Context, a []store.Alert) error {
	if f.full && len(a) > 0 && (!a[0].ToldBegin.IsZero() || a[0].Attempts > 0) {
		return errors.New("no space left on device")
	}
	return f.Store.PutAlerts(ctx, a)
}

func TestAFullDiskDoesNotMakeAMessageComeTwice(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	book := &forgetful{Store: s.store, full: true}
	s.Book = book
	if err := s.Check(t.Context(), []Finding{late}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
	if err := s.Check(t.Context(), []Finding{late}); err == nil {
		t.Error("noted on a full disk")
	}
	book.full = false
	s.check(t, late)
	s.check(t, late)
	if diff := cmp.Diff([]string{"stale state/lido/ethereum begun"}, s.inbox.said()); diff != "" {
		t.Error(diff)
	}
}

func TestReceiversGetOnlyWhatTheyAskedForAndFailApart(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	other := &inbox{}
	server := httptest.NewServer(other)
	t.Cleanup(server.Close)
	s.inbox.answer(http.StatusInternalServerError)
	s.Receivers = append(s.Receivers, Receiver{Name: "pager", Webhook: server.URL, Events: []string{Failed}})
	failed := Finding{Event: Failed, Subject: "state/x/y", Detail: "d"}
	if err := s.Check(t.Context(), []Finding{late, failed}); err == nil {
		t.Error("the first receiver's failure was not told")
	}
	if diff := cmp.Diff([]string{"failed state/x/y begun"}, other.said()); diff != "" {
		t.Error(diff)
	}
}

func TestNoErrorAndNoRowHoldsTheAddress(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(dead.URL, "http://")
	dead.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer broken.Close()
	redirect := httptest.NewServer(http.RedirectHandler(broken.URL+"/elsewhere/"+key, http.StatusFound))
	defer redirect.Close()
	for _, address := range []string{
		"http://" + host + "/hook/" + key, "http://no-such-host.invalid/" + key, broken.URL + "/" + key, redirect.URL + "/" + key, "http://bad host/" + key, "ftp://x/" + key,
	} {
		s.Receivers = []Receiver{{Name: "chat", Webhook: address, Events: everything}}
		s.clock.pass(3 * time.Hour)
		err := s.Check(t.Context(), []Finding{late})
		if err == nil || strings.Contains(err.Error(), key) || strings.Contains(err.Error(), host) {
			t.Errorf("error: %v", err)
		}
	}
	alerts, err := s.store.Alerts(t.Context())
	if err != nil || len(alerts) != 1 || alerts[0].Error == "" || strings.Contains(alerts[0].Error, key) {
		t.Errorf("%+v, %v", alerts, err)
	}
}

func TestACommandGetsTheMessageOnItsStandardInputAndNoKey(t *testing.T) {
	t.Setenv("LST_TEST_ENDPOINT", key)
	s := newSetup(t)
	out := filepath.Join(t.TempDir(), "out")
	s.Receivers = []Receiver{{Name: "script", Command: []string{"sh", "-c", `cat > "$0"; env >> "$0"`, out}, Events: everything}}
	s.check(t, late)
	text, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(text), `"event":"stale"`) || strings.Contains(string(text), key) {
		t.Errorf("%s %v", text, err)
	}
	s.Receivers[0].Command = []string{"sh", "-c", "exit 7"}
	if err := s.Check(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("%v", err)
	}
	s.clock.pass(time.Hour)
	s.Receivers[0].Command = []string{"no-such-program-here"}
	if err := s.Check(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("%v", err)
	}
}

func TestBackoffDoublesUpToAnHour(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 6: 32 * time.Minute, 7: time.Hour, 70: time.Hour} {
		if got := backoff(n); got != want {
			t.Errorf("after %d failures %s, want %s", n, got, want)
		}
	}
}
