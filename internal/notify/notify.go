package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// Book is where the state of alerts is kept and the warehouse is asked: a
// *store.Store.
type Book interface {
	query.Source
	Alerts(ctx context.Context) ([]store.Alert, error)
	PutAlerts(ctx context.Context, alerts []store.Alert) error
}

// Receiver is who is told: a webhook or a command.
type Receiver struct {
	Name    string
	Webhook string   // an address that gets a JSON POST; a secret
	Command []string // program and arguments; JSON on its standard input
	Events  []string
	// DepegBPS is the discount in basis points at which a depeg begins; it is over
	// above half of that, so that a price that dithers is one episode.
	DepegBPS float64
}

// Notifier keeps receivers informed. It is safe for concurrent use; calls queue.
type Notifier struct {
	Book      Book
	Receivers []Receiver
	Log       *slog.Logger     // nil: slog.Default
	Now       func() time.Time // nil: time.Now

	mu sync.Mutex
	// sent are the messages that were taken but could not be noted.
	sent map[string]time.Time
}

func named(name string, value any) sql.NamedArg { return sql.Named(name, value) }

func (n *Notifier) now() time.Time {
	if n.Now != nil {
		return n.Now().UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

func (n *Notifier) log() *slog.Logger {
	if n.Log != nil {
		return n.Log
	}
	return slog.Default()
}

// Check finds out what has begun and what is over, notes it, and tells it. late are
// the findings of the schedule (event Stale), which the warehouse does not know.
// The error is about the warehouse, or names the receivers that took nothing; they
// are told again later.
func (n *Notifier) Check(ctx context.Context, late []Finding) error {
	if len(n.Receivers) == 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	found, err := look(ctx, n.Book, now)
	if err != nil {
		return fmt.Errorf("check alerts: %w", err)
	}
	found.wrong = append(found.wrong, late...)
	known, err := n.Book.Alerts(ctx)
	if err != nil {
		return fmt.Errorf("check alerts: %w", err)
	}
	var changed []store.Alert
	for _, r := range n.Receivers {
		changed = append(changed, r.compare(known, found, now)...)
	}
	if err := n.Book.PutAlerts(ctx, changed); err != nil {
		return fmt.Errorf("check alerts: %w", err)
	}
	return n.deliver(ctx)
}

// Retry tells again what was not taken, where it is time for it.
func (n *Notifier) Retry(ctx context.Context) error {
	if len(n.Receivers) == 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.deliver(ctx)
}

// compare returns the episodes that begin and that end for one receiver.
func (r Receiver) compare(known []store.Alert, found seen, now time.Time) []store.Alert {
	open := map[[2]string]store.Alert{}
	for _, a := range known {
		if a.Receiver == r.Name && a.Resolved.IsZero() {
			open[[2]string{a.Event, a.Subject}] = a
		}
	}
	wrong := slices.Clip(found.wrong)
	unknown := maps.Clone(found.unsure) // neither on nor over: so are depegs without a price now
	for id := range open {
		if id[0] == Depeg {
			unknown[id] = true
		}
	}
	for _, p := range found.prices {
		id := [2]string{Depeg, p.token}
		delete(unknown, id)
		limit := -r.DepegBPS
		if _, on := open[id]; on {
			limit /= 2
		}
		if p.bps < limit {
			wrong = append(wrong, Finding{Depeg, p.token, fmt.Sprintf("%s pays %.1f bps less than the redemption value (threshold %g bps, price of %s)",
				p.venue, -p.bps, r.DepegBPS, p.at.UTC().Format(time.RFC3339))})
		}
	}
	var changed []store.Alert
	firing := map[[2]string]bool{}
	for _, f := range wrong {
		id := [2]string{f.Event, f.Subject}
		if firing[id] || !slices.Contains(r.Events, f.Event) {
			continue
		}
		firing[id] = true
		if _, on := open[id]; !on {
			changed = append(changed, store.Alert{Receiver: r.Name, Event: f.Event, Subject: f.Subject, Since: now, Detail: f.Detail})
		}
	}
	for _, a := range known { // in order, unlike open
		id := [2]string{a.Event, a.Subject}
		if _, on := open[id]; on && a.Receiver == r.Name && a.Resolved.IsZero() && !firing[id] && !unknown[id] {
			a.Resolved = now
			changed = append(changed, a)
		}
	}
	return changed
}

// deliver tells each receiver what it has not been told, in order. After a failure
// the receiver is left alone until the message's next try.
func (n *Notifier) deliver(ctx context.Context) error {
	pending, err := n.Book.Alerts(ctx)
	if err != nil {
		return fmt.Errorf("tell alerts: %w", err)
	}
	var failed []error
	for _, r := range n.Receivers {
		if err := n.deliverTo(ctx, r, pending); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (n *Notifier) deliverTo(ctx context.Context, r Receiver, pending []store.Alert) error {
	for _, a := range pending {
		if a.Receiver != r.Name {
			continue
		}
		for _, end := range []bool{false, true} {
			done := a.ToldBegin
			if end {
				done = a.ToldEnd
			}
			if !done.IsZero() || end && a.Resolved.IsZero() {
				continue
			}
			if a.NextTry.After(n.now()) {
				return nil // later messages wait, or they would come out of order
			}
			if err := n.tell(ctx, r, &a, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell sends one message and notes what came of it.
func (n *Notifier) tell(ctx context.Context, r Receiver, a *store.Alert, end bool) error {
	m := message(*a, end)
	at, already := n.sent[m.ID]
	var failure error
	if !already {
		if failure = r.send(ctx, m); failure != nil && ctx.Err() != nil {
			return ctx.Err() // we stop: not the receiver's failure
		}
		at = n.now()
	}
	if failure != nil {
		a.Attempts++
		a.NextTry, a.Error = at.Add(backoff(a.Attempts)), failure.Error()
	} else {
		a.Attempts, a.NextTry, a.Error = 0, time.Time{}, ""
		if end {
			a.ToldEnd = at
		} else {
			a.ToldBegin = at
		}
		n.log().Info("alert told", "receiver", r.Name, "event", a.Event, "subject", a.Subject, "status", m.Status)
	}
	// What was sent is noted even when we are being stopped.
	if err := n.Book.PutAlerts(context.WithoutCancel(ctx), []store.Alert{*a}); err != nil {
		if failure == nil {
			if n.sent == nil {
				n.sent = map[string]time.Time{}
			}
			n.sent[m.ID] = at
		}
		return fmt.Errorf("note that %s was told: %w", r.Name, err)
	}
	delete(n.sent, m.ID)
	if failure != nil {
		return fmt.Errorf("receiver %s did not take %s of %s (try %d, next at %s): %w", r.Name, a.Event, a.Subject, a.Attempts, a.NextTry.Format(time.RFC3339), failure)
	}
	return nil
}

// backoff is the wait after the n-th failure: a minute, doubled up to an hour.
func backoff(n int) time.Duration { return min(time.Minute<<min(n-1, 6), time.Hour) }
