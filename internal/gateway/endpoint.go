package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"golang.org/x/time/rate"
)

// identityRetry is how long an endpoint of the wrong chain stays out of the
// pool before it is asked again.
const identityRetry = 10 * time.Minute

// endpoint is one server of a pool with its budget and health.
type endpoint struct {
	Endpoint
	chain   *chain
	client  *http.Client
	budget  *rate.Limiter
	breaker circuitbreaker.CircuitBreaker[any]
	tally   *tally

	checking chan struct{} // held while the identity is asked for; a channel, so that waiters can give up

	mu       sync.Mutex
	known    bool      // the identity was right
	wrong    string    // what the endpoint said instead; "" if nothing wrong is known
	notUntil time.Time // Retry-After, or the next identity check
	batch    int       // calls per request, learned
}

func newEndpoint(c *chain, e Endpoint, transport http.RoundTripper) *endpoint {
	e.Timeout = cmpOr(e.Timeout, 30*time.Second)
	e.MaxBatch = cmpOr(e.MaxBatch, 100)
	if isREST(c.Kind) {
		e.MaxBatch = 1 // paths have no batches
	}
	e.Burst = cmpOr(e.Burst, max(1, int(math.Ceil(e.RatePerSecond))))
	limit := rate.Limit(e.RatePerSecond)
	if e.RatePerSecond == 0 {
		limit = rate.Inf
	}
	return &endpoint{
		Endpoint: e, chain: c, batch: e.MaxBatch,
		budget:   rate.NewLimiter(limit, e.Burst),
		breaker:  newBreaker(),
		tally:    newTally(),
		checking: make(chan struct{}, 1),
		client: &http.Client{
			Transport: transport,
			// A redirect would carry the key to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// wait is how long the endpoint must be left alone.
func (e *endpoint) wait(now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return max(e.notUntil.Sub(now), e.breaker.RemainingDelay(), 0)
}

// leaveAlone takes the endpoint out of the pool for a while.
func (e *endpoint) leaveAlone(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := time.Now().Add(d); t.After(e.notUntil) {
		e.notUntil = t
	}
}

func (e *endpoint) maxBatch() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.batch
}

func (e *endpoint) learnBatch(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.batch = max(1, min(e.batch, n))
}

// spend waits for the budget of n calls.
func (e *endpoint) spend(ctx context.Context, n int) error {
	for n > 0 && e.budget.Limit() != rate.Inf {
		k := min(n, e.budget.Burst())
		if err := e.budget.WaitN(ctx, k); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// identify asks once which chain the endpoint serves.
func (e *endpoint) identify(ctx context.Context, t tallies) *trouble {
	probe, ask := call{method: "eth_chainId"}, e.chain.Genesis != ""
	switch e.chain.Kind {
	case Solana:
		probe.method = "getGenesisHash"
	case Beacon:
		probe.method = beaconGenesis
	default:
		ask = e.chain.NetworkID != 0
	}
	if !ask {
		return nil
	}
	if known, _, _ := e.identity(); known {
		return nil
	}
	select {
	case e.checking <- struct{}{}:
		defer func() { <-e.checking }()
	case <-ctx.Done():
		return cancelled(ctx)
	}
	known, wrong, notUntil := e.identity()
	if known {
		return nil
	}
	if wrong != "" && time.Now().Before(notUntil) {
		return e.stranger(wrong)
	}
	answers, bad := e.exchange(ctx, []call{probe}, t)
	if bad != nil {
		return bad
	}
	if answers[0].err != nil {
		return &trouble{class: classIdentity, kind: sdk.KindTransient, alias: e.Alias, fault: true, ruleOut: true,
			text: fmt.Sprintf("does not tell which chain it serves: json-rpc error %d", answers[0].err.Code)}
	}
	var got string
	_ = json.Unmarshal(answers[0].result, &got) // a non-string is simply not the identity
	right := got == e.chain.Genesis
	switch e.chain.Kind {
	case Beacon:
		g, err := parseGenesis(answers[0].result)
		got, right = g.root, err == nil && g.root == e.chain.Genesis
	case EVM:
		id, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(got), "0x"), 16, 64)
		right = err == nil && id == e.chain.NetworkID
		if err == nil {
			got = strconv.FormatUint(id, 10)
		}
	}
	e.mu.Lock()
	e.known, e.wrong = right, ""
	if !right {
		e.wrong = shorten(got, 64)
		e.notUntil = time.Now().Add(identityRetry)
	}
	e.mu.Unlock()
	if right {
		return nil
	}
	e.chain.log.Warn("endpoint serves another chain and is out of the pool",
		slog.String("chain", string(e.chain.ID)), slog.String("endpoint", e.Alias), slog.String("answered", shorten(got, 64)))
	return e.stranger(got)
}

// stranger is the trouble with an endpoint that answered the wrong identity.
func (e *endpoint) stranger(got string) *trouble {
	want := "chain id " + strconv.FormatUint(e.chain.NetworkID, 10)
	switch e.chain.Kind {
	case Solana:
		want = "genesis hash " + e.chain.Genesis
	case Beacon:
		want = "genesis validators root " + e.chain.Genesis
	}
	return &trouble{class: classIdentity, kind: sdk.KindIdentity, alias: e.Alias, ruleOut: true,
		text: fmt.Sprintf("serves another chain: it answers %q, want %s; correct its URL", shorten(got, 64), want)}
}

func (e *endpoint) identity() (known bool, wrong string, notUntil time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known, e.wrong, e.notUntil
}

// isStranger reports whether the endpoint is out of the pool for serving
// another chain, and what it said.
func (e *endpoint) isStranger() (got string, yes bool) {
	_, got, until := e.identity()
	return got, got != "" && time.Now().Before(until)
}

func cancelled(ctx context.Context) *trouble {
	text := "the task ended before the answer came"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		text = "the time for this call is over"
	}
	return &trouble{class: classCancelled, kind: sdk.KindTransient, text: text, ruleOut: true}
}

// exchange sends calls in one HTTP request and reads what comes back: an answer
// a call (empty where the endpoint left it out), or the trouble with the whole.
func (e *endpoint) exchange(parent context.Context, calls []call, t tallies) (out []answer, bad *trouble) {
	t = t.with(e.tally)
	defer func() {
		if bad != nil {
			bad.alias = e.Alias
			t.trouble(bad.class)
		}
	}()
	if err := e.spend(parent, len(calls)); err != nil {
		if parent.Err() == nil { // the limiter sees that the deadline comes first
			return nil, &trouble{class: classRateLimit, kind: sdk.KindTransient, ruleOut: true,
				text: fmt.Sprintf("its budget of %g calls a second is spent beyond the time for this call", e.RatePerSecond)}
		}
		return nil, cancelled(parent)
	}
	ctx, cancel := context.WithTimeout(parent, e.Timeout)
	defer cancel()
	req, err := e.request(ctx, calls)
	if err != nil {
		return nil, &trouble{class: classHTTP, kind: sdk.KindConfig, ruleOut: true, text: "its URL cannot be used"}
	}
	t.request(len(calls), int(req.ContentLength))
	res, err := e.client.Do(req)
	if err != nil {
		return nil, transportTrouble(parent, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, e.chain.maxBody+1))
	t.received(len(raw))
	if res.StatusCode != http.StatusOK {
		if after := retryAfter(res.Header.Get("Retry-After"), time.Now()); after > 0 {
			e.leaveAlone(after)
		} else if res.StatusCode == http.StatusTooManyRequests {
			e.leaveAlone(e.chain.pause)
		}
		if isREST(e.chain.Kind) {
			return e.restAnswer(calls[0], res.StatusCode, raw)
		}
		// Some servers put a proper JSON-RPC error behind HTTP 400.
		if answers, bad := decodeAnswers(e.chain.secrets.body(raw), len(calls)); res.StatusCode == http.StatusBadRequest &&
			bad == nil && answers[0].err != nil {
			return answers, nil
		}
		return nil, httpTrouble(e.chain.Kind, res.StatusCode)
	}
	if err != nil {
		return nil, transportTrouble(parent, err)
	}
	if int64(len(raw)) > e.chain.maxBody {
		return nil, &trouble{class: classOversize, kind: sdk.KindConfig, ruleOut: true, split: true,
			text: fmt.Sprintf("the answer is larger than %d bytes (max_body)", e.chain.maxBody)}
	}
	if isREST(e.chain.Kind) {
		return e.restAnswer(calls[0], res.StatusCode, e.chain.secrets.body(raw))
	}
	out, err = decodeAnswers(e.chain.secrets.body(raw), len(calls))
	if err != nil {
		return nil, &trouble{class: classBody, kind: sdk.KindTransient, fault: true, text: err.Error()}
	}
	return out, nil
}

// request is the HTTP request of the calls.
func (e *endpoint) request(ctx context.Context, calls []call) (req *http.Request, err error) {
	if isREST(e.chain.Kind) {
		req, err = e.restRequest(ctx, calls[0])
	} else {
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(encodeCalls(calls)))
	}
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "lst-pipeline")
	for k, v := range e.Headers {
		req.Header.Set(k, v)
	}
	return req, nil
}

func transportTrouble(parent context.Context, err error) *trouble {
	if parent.Err() != nil {
		return cancelled(parent)
	}
	class, text := describeTransport(err)
	return &trouble{class: class, kind: sdk.KindTransient, fault: true, text: text}
}

// retryAfter reads the header as seconds or as an HTTP date; 0 if neither. A
// day is the longest it believes.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if s, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32); err == nil {
		d = time.Duration(s) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}
