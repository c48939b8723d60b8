package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"golang.org/x/sync/errgroup"
)

// This file is the only one that knows failsafe. It owns who is asked next and
// when; endpoint.go owns one exchange.

// parallelChunks is how many HTTP requests one large batch may have under way.
const parallelChunks = 4

func newBreaker() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(5, 10).
		WithSuccessThreshold(1).
		WithDelay(10 * time.Second).
		Build()
}

// newRetry builds the policy of a chain: exponential backoff with jitter, but
// none while another endpoint is ready.
func newRetry(o Options) failsafe.Executor[any] {
	return failsafe.With(failsafe.Policy[any](retrypolicy.NewBuilder[any]().
		WithMaxAttempts(o.Attempts).
		WithBackoff(o.Backoff, o.MaxBackoff).
		WithJitterFactor(0.25).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[any]) time.Duration {
			if a, ok := errors.AsType[*attemptError](exec.LastError()); ok && a.immediate {
				return 0
			}
			return -1 // the backoff above
		}).
		AbortIf(func(_ any, err error) bool {
			a, ok := errors.AsType[*attemptError](err)
			return ok && a.final
		}).
		ReturnLastFailure().
		Build()))
}

// attemptError ends one attempt of a run.
type attemptError struct {
	*trouble
	immediate bool // another endpoint is ready: no need to wait
	final     bool // no endpoint is left to ask
}

// demand is how calls want to be answered.
type demand struct {
	archive bool
	exclude string // alias not to ask, for second opinions
	tallies tallies
}

// run answers every call, in order, from whatever endpoint can.
func (c *chain) run(ctx context.Context, calls []call, d demand) []reply {
	replies := make([]reply, len(calls))
	var group errgroup.Group
	group.SetLimit(parallelChunks)
	all := make([]int, len(calls))
	for i := range all {
		all[i] = i
	}
	for chunk := range slices.Chunk(all, c.batchSize()) {
		group.Go(func() error {
			r := &run{chain: c, demand: d, calls: calls, replies: replies, pending: chunk,
				out: map[*endpoint]bool{}, tried: map[*endpoint]bool{}}
			r.settle(ctx)
			return nil
		})
	}
	_ = group.Wait() // the goroutines report through replies
	return replies
}

// run is the state of settling one chunk of calls.
type run struct {
	*chain
	demand
	calls    []call
	replies  []reply
	pending  []int // indexes into calls that have no reply yet
	out      map[*endpoint]bool
	tried    map[*endpoint]bool // in this round through the pool
	last     *trouble
	attempts int
}

func (r *run) settle(ctx context.Context) {
	err := r.retry.WithContext(ctx).Run(func() error { return r.attempt(ctx) })
	if err == nil {
		return
	}
	t := r.last
	if t == nil || ctx.Err() != nil && t.class != classIdentity {
		t = cancelled(ctx)
		if r.last != nil {
			t.text += "; before that, " + r.last.Error()
		}
	}
	fail := sdk.Errorf(t.kind, "chain %s: %s (tried %d times)", r.ID, r.describe(t), r.attempts)
	for _, i := range r.pending {
		r.replies[i] = reply{fail: fail}
	}
}

// describe names the endpoint when the trouble has one.
func (r *run) describe(t *trouble) string {
	if t.alias == "" {
		return t.text
	}
	return t.Error()
}

// attempt asks one endpoint for all that is pending.
func (r *run) attempt(ctx context.Context) error {
	e, err := r.pick(ctx)
	if err != nil {
		return err
	}
	r.tried[e] = true
	if r.attempts++; r.attempts > 1 {
		r.tallies.with(e.tally).retry()
	}
	if t := e.identify(ctx, r.tallies); t != nil {
		if t.fault {
			e.breaker.RecordFailure()
		}
		return r.failed(e, t)
	}
	var last *trouble
	var left []int
	limit := e.maxBatch()
	for rest := r.pending; len(rest) > 0; {
		n := min(len(rest), limit)
		sub := rest[:n]
		t, undone := r.ask(ctx, e, sub)
		if t != nil && t.split && n > 1 {
			limit = (n + 1) / 2
			if t.class == classBatch && len(undone) == n {
				e.learnBatch(limit)
			}
			rest = append(slices.Clone(undone), rest[n:]...)
			continue
		}
		left = append(left, undone...)
		rest = rest[n:]
		if t != nil {
			last = t
			if len(undone) == n { // the whole exchange failed: leave the endpoint
				left = append(left, rest...)
				break
			}
		}
	}
	r.pending = left
	if last != nil {
		return r.failed(e, last)
	}
	return nil
}

// ask sends one HTTP request and stores the replies it settles. It returns the
// trouble that kept the undone ones from being settled.
func (r *run) ask(ctx context.Context, e *endpoint, sub []int) (t *trouble, undone []int) {
	if !e.breaker.TryAcquirePermit() {
		return &trouble{class: classBusy, kind: sdk.KindTransient, alias: e.Alias, text: "is being probed after failures"}, sub
	}
	calls := make([]call, len(sub))
	for k, i := range sub {
		calls[k] = r.calls[i]
	}
	answers, bad := e.exchange(ctx, calls, r.tallies)
	if bad != nil {
		switch {
		case bad.fault, bad.class == classCancelled && e.breaker.IsHalfOpen(): // a probe must be reported
			e.breaker.RecordFailure()
		case bad.class != classCancelled:
			e.breaker.RecordSuccess()
		}
		return bad, sub
	}
	faulty := false
	for k, a := range answers {
		i := sub[k]
		var why *trouble
		switch {
		case a.err != nil:
			why = rpcTrouble(r.Kind, a.err)
			if why == nil {
				a.err.Message = r.secrets.text(a.err.Message)
				r.count(e, classRPC)
				r.replies[i] = reply{rpc: a.err, alias: e.Alias}
				continue
			}
			why.text = r.secrets.text(why.text)
		case a.result == nil:
			why = &trouble{class: classBody, kind: sdk.KindTransient, fault: true, text: "left a call of the batch unanswered"}
		default:
			r.replies[i] = reply{result: a.result, alias: e.Alias}
			continue
		}
		why.alias = e.Alias
		r.count(e, why.class)
		if why.class == classRateLimit {
			e.leaveAlone(r.pause)
		}
		faulty = faulty || why.fault
		t = why
		undone = append(undone, i)
	}
	if faulty {
		e.breaker.RecordFailure()
	} else {
		e.breaker.RecordSuccess()
	}
	return t, undone
}

func (r *run) count(e *endpoint, class string) { r.tallies.with(e.tally).trouble(class) }

// failed decides what follows a failed attempt.
func (r *run) failed(e *endpoint, t *trouble) error {
	if t.class == classCancelled { // r.last stays: it says what took so long
		return &attemptError{trouble: t, final: true}
	}
	r.last = t
	if t.ruleOut {
		r.out[e] = true
	}
	now := time.Now()
	a := &attemptError{trouble: t, final: true}
	for _, c := range r.candidates() {
		a.final = false
		if !r.tried[c] && c.wait(now) == 0 {
			a.immediate = true
		}
	}
	return a
}

// candidates are the endpoints that may still be asked, the best first.
func (r *run) candidates() []*endpoint {
	var list []*endpoint
	for _, e := range r.endpoints {
		if _, stranger := e.isStranger(); !stranger && !r.out[e] && e.Alias != r.exclude {
			list = append(list, e)
		}
	}
	if r.archive {
		slices.SortStableFunc(list, func(a, b *endpoint) int { return boolInt(b.Archive) - boolInt(a.Archive) })
	}
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// pick chooses the endpoint to ask, and waits for one when all rest.
func (r *run) pick(ctx context.Context) (*endpoint, error) {
	list := r.candidates()
	if len(list) == 0 {
		return nil, r.nobody()
	}
	if !slices.ContainsFunc(list, func(e *endpoint) bool { return !r.tried[e] }) {
		clear(r.tried)
	}
	now := time.Now()
	var ready, fallback *endpoint
	for _, e := range list {
		w := e.wait(now)
		if w == 0 && !r.tried[e] {
			if e.budget.TokensAt(now) >= 1 {
				return e, nil
			}
			if ready == nil {
				ready = e
			}
		}
		if fallback == nil || w < fallback.wait(now) {
			fallback = e
		}
	}
	if ready != nil {
		return ready, nil
	}
	w := fallback.wait(now)
	if deadline, ok := ctx.Deadline(); ok && now.Add(w).After(deadline) {
		text := fmt.Sprintf("asks to be left alone for %s, longer than the time for this call", w.Round(time.Second))
		if r.last != nil {
			text = r.last.text + "; " + text
		}
		r.last = &trouble{class: classRateLimit, kind: sdk.KindTransient, alias: fallback.Alias, text: text}
		return nil, &attemptError{trouble: r.last, final: true}
	}
	if w > 0 {
		timer := time.NewTimer(w)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, &attemptError{trouble: cancelled(ctx), final: true}
		}
	}
	return fallback, nil
}

// nobody explains why no endpoint is left.
func (r *run) nobody() error {
	for _, e := range r.endpoints {
		if got, yes := e.isStranger(); yes && (r.last == nil || r.last.class == classIdentity) {
			r.last = e.stranger(got)
		}
	}
	if r.last == nil {
		text := "no endpoint is configured"
		if r.exclude != "" {
			text = "no second endpoint can be asked"
		}
		r.last = &trouble{class: classIdentity, kind: sdk.KindConfig, text: text}
	}
	return &attemptError{trouble: r.last, final: true}
}
