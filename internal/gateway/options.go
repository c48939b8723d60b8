package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Endpoint is one JSON-RPC server, beacon node or API of a chain. Only the alias ever
// leaves the gateway.
type Endpoint struct {
	Alias   string
	URL     string
	Headers map[string]string
	// RatePerSecond and Burst are the budget in JSON-RPC calls (providers count
	// each call of a batch) or requests of what has paths, shared by all sessions. 0
	// means no limit; Burst defaults to one second's worth.
	RatePerSecond float64
	Burst         int
	// MaxBatch is how many calls one HTTP request may carry; default 100. It
	// shrinks by itself when the endpoint says a batch is too large.
	MaxBatch int
	// Timeout bounds one HTTP exchange; default 30 s.
	Timeout time.Duration
	// Archive endpoints come first for ticks older than half an hour.
	Archive bool
}

// The kinds of chain the gateway speaks.
const (
	EVM    = "evm"
	Solana = "solana"
	Beacon = "beacon" // Ethereum's consensus layer, over the Beacon API
	API    = "api"    // no chain: an HTTP API that answers for now, with JSON
)

// Chain is a chain with its pool of endpoints in order of preference.
type Chain struct {
	ID   sdk.ChainID
	Kind string // evm | solana | beacon | api
	// NetworkID is the eth_chainId an endpoint must answer; 0 asks nothing.
	NetworkID uint64
	// Genesis is the genesis hash a Solana endpoint must answer, or the genesis
	// validators root of a beacon node; "" asks nothing.
	Genesis   string
	Endpoints []Endpoint
	// Verify 2 asks a second endpoint for every read of an EVM chain that is pinned to
	// a block, and refuses the answer when the two differ.
	Verify int
	// BlockTime is the least time between two blocks of an EVM chain, a hint for
	// the search of anchors; default 12 s.
	BlockTime time.Duration
}

// Options are the settings of a Gateway. Only Chains is required.
type Options struct {
	Chains []Chain
	// Record is the folder every exchange is written to; Replay the folder all
	// answers come from, without a network. At most one may be set.
	Record, Replay string
	Logger         *slog.Logger
	// MaxBody limits a request from a plugin and an answer from an endpoint, in
	// bytes after decompression; default 32 MiB.
	MaxBody int64
	// CallTimeout bounds one request of a plugin with all its retries; default
	// two minutes.
	CallTimeout time.Duration
	// Attempts is how often a call is tried in all; default 8. Backoff is the
	// first wait (250 ms) and MaxBackoff the longest (15 s).
	Attempts            int
	Backoff, MaxBackoff time.Duration
	// AnchorGrace is how far before a tick the newest block of an EVM chain may be and
	// still stand for it (default 1 min); PresentGrace the age from which a tick counts
	// as past, and is lost, where only the present can be read: of Solana and of an API
	// (default 10 min).
	AnchorGrace, PresentGrace time.Duration
	// Now is the clock for the age of a tick; default time.Now.
	Now func() time.Time
	// Transport replaces the HTTP transport of all endpoints, and Listener the
	// loopback listener, for tests without sockets.
	Transport http.RoundTripper
	Listener  net.Listener
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxBody = cmpOr(o.MaxBody, 32<<20)
	o.CallTimeout = cmpOr(o.CallTimeout, 2*time.Minute)
	o.Attempts = cmpOr(o.Attempts, 8)
	o.Backoff = cmpOr(o.Backoff, 250*time.Millisecond)
	o.MaxBackoff = max(cmpOr(o.MaxBackoff, 15*time.Second), o.Backoff+1)
	o.AnchorGrace = cmpOr(o.AnchorGrace, time.Minute)
	o.PresentGrace = cmpOr(o.PresentGrace, 10*time.Minute)
	return o
}

// cmpOr returns v if it is positive, else the default.
func cmpOr[T int | int64 | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// safeName is what a chain, plugin or alias may be called: recordings use it as
// the name of a file.
var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// check reports every mistake of the options at once, without any URL.
func (o Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Record != "" && o.Replay != "" {
		bad("record and replay exclude each other: set one of them")
	}
	seen := map[sdk.ChainID]bool{}
	for _, c := range o.Chains {
		if !safeName.MatchString(string(c.ID)) {
			bad("chain %q: the name must match %s", c.ID, safeName)
		}
		if seen[c.ID] {
			bad("chain %s: named twice", c.ID)
		}
		seen[c.ID] = true
		if c.Kind != EVM && c.Kind != Solana && !isREST(c.Kind) {
			bad("chain %s: kind %q is none of evm, solana, beacon and api", c.ID, c.Kind)
		}
		if c.Verify > 2 || c.Verify < 0 {
			bad("chain %s: verify must be 0, 1 or 2", c.ID)
		}
		if c.Verify == 2 && c.Kind != EVM {
			bad("chain %s: verify 2 is for chains of kind evm: reads of one of kind %s cannot be compared", c.ID, c.Kind)
		}
		if o.Replay != "" {
			continue
		}
		if c.Verify == 2 && len(c.Endpoints) < 2 {
			bad("chain %s: verify 2 needs a second endpoint", c.ID)
		}
		alias := map[string]bool{}
		for _, e := range c.Endpoints {
			if !safeName.MatchString(e.Alias) {
				bad("chain %s: endpoint alias %q must match %s", c.ID, e.Alias, safeName)
			}
			if alias[e.Alias] {
				bad("chain %s: endpoint %q named twice", c.ID, e.Alias)
			}
			alias[e.Alias] = true
			u, err := url.Parse(e.URL)
			if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
				bad("chain %s: endpoint %q: the URL is not a full http(s) URL (is its environment variable set?)", c.ID, e.Alias)
			}
			if e.RatePerSecond < 0 || math.IsNaN(e.RatePerSecond) || math.IsInf(e.RatePerSecond, 0) {
				bad("chain %s: endpoint %q: rate_per_second must be a positive number", c.ID, e.Alias)
			}
		}
	}
	if len(errs) > 0 {
		return &sdk.Error{Kind: sdk.KindConfig, Err: errors.Join(errs...)}
	}
	return nil
}
