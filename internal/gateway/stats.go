package gateway

import (
	"maps"
	"slices"
	"sync"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"golang.org/x/time/rate"
)

// SessionStats is what one session has cost so far.
type SessionStats struct {
	Requests uint64 // HTTP requests sent upstream, identity checks included
	Calls    uint64 // JSON-RPC calls in them
	Retries  uint64 // attempts after the first
	Bytes    uint64 // sent and received, decompressed bodies
	Aliases  []string
	Errors   map[string]uint64 // by class
}

// EndpointStats is what one endpoint has done since the gateway began.
type EndpointStats struct {
	Chain    sdk.ChainID
	Alias    string
	Requests uint64
	Calls    uint64
	Retries  uint64
	Bytes    uint64
	Errors   map[string]uint64 // by class
	// State is closed (healthy), open (resting after failures), half-open (being
	// probed) or stranger (serves another chain).
	State string
	// BudgetLeft is how many calls may be made now; Unlimited says there is no
	// limit and BudgetLeft means nothing.
	BudgetLeft float64
	Unlimited  bool
}

// tally counts; it is safe for concurrent use.
type tally struct {
	mu                               sync.Mutex
	requests, calls, retries, volume uint64
	errors                           map[string]uint64
	aliases                          map[string]bool
}

func newTally() *tally { return &tally{errors: map[string]uint64{}, aliases: map[string]bool{}} }

// tallies count the same events for several observers: session and endpoint.
type tallies []*tally

func (t tallies) with(more *tally) tallies { return append(t[:len(t):len(t)], more) }

func (t tallies) each(f func(*tally)) {
	for _, one := range t {
		one.mu.Lock()
		f(one)
		one.mu.Unlock()
	}
}

func (t tallies) request(calls, bytes int) {
	t.each(func(n *tally) { n.requests++; n.calls += uint64(calls); n.volume += uint64(bytes) })
}
func (t tallies) received(bytes int)   { t.each(func(n *tally) { n.volume += uint64(bytes) }) }
func (t tallies) retry()               { t.each(func(n *tally) { n.retries++ }) }
func (t tallies) trouble(class string) { t.each(func(n *tally) { n.errors[class]++ }) }
func (t tallies) used(alias string)    { t.each(func(n *tally) { n.aliases[alias] = true }) }

func (n *tally) session() SessionStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return SessionStats{Requests: n.requests, Calls: n.calls, Retries: n.retries, Bytes: n.volume,
		Aliases: slices.Sorted(maps.Keys(n.aliases)), Errors: maps.Clone(n.errors)}
}

// Metrics returns the counters of every endpoint in the order of the options.
func (g *Gateway) Metrics() []EndpointStats {
	var out []EndpointStats
	for _, id := range g.order {
		for _, e := range g.chains[id].endpoints {
			s := e.tally.session()
			state := e.breaker.State().String()
			if _, yes := e.isStranger(); yes {
				state = "stranger"
			}
			m := EndpointStats{Chain: id, Alias: e.Alias, Requests: s.Requests, Calls: s.Calls, Retries: s.Retries,
				Bytes: s.Bytes, Errors: s.Errors, State: state, Unlimited: e.budget.Limit() == rate.Inf}
			if !m.Unlimited {
				m.BudgetLeft = e.budget.Tokens()
			}
			out = append(out, m)
		}
	}
	return out
}
