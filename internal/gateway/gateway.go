package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Gateway owns the endpoints of all chains, their budgets, and the loopback
// listener. It is safe for concurrent use.
type Gateway struct {
	opts     Options
	log      *slog.Logger
	chains   map[sdk.ChainID]*chain
	order    []sdk.ChainID
	recorder *recorder // nil unless recording
	player   *player   // nil unless replaying
	server   *http.Server
	base     string // http://127.0.0.1:port/
	serving  chan struct{}

	mu       sync.Mutex
	sessions map[string]*Session
	closed   bool
}

// chain is a pool of endpoints and what has been learned about the chain.
type chain struct {
	Chain
	endpoints []*endpoint
	retry     failsafe.Executor[any]
	secrets   *redactor
	log       *slog.Logger
	maxBody   int64
	pause     time.Duration // rest after a rate limit that names no time
	headers   headers
	picked    picked
}

// batchSize is the most calls any endpoint takes in one request.
func (c *chain) batchSize() int {
	n := 1
	for _, e := range c.endpoints {
		n = max(n, e.maxBatch())
	}
	return n
}

// New checks the options and starts the listener. The caller must Close.
// Mistakes in the options are of kind config, all in one error.
func New(o Options) (*Gateway, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	g := &Gateway{opts: o, log: o.Logger, chains: map[sdk.ChainID]*chain{}, sessions: map[string]*Session{},
		serving: make(chan struct{})}
	var err error
	switch {
	case o.Replay != "":
		g.player, err = newPlayer(o.Replay)
	case o.Record != "":
		g.recorder, err = newRecorder(o.Record)
	}
	if err != nil {
		return nil, err
	}
	secrets := newRedactor(o.Chains)
	for _, spec := range o.Chains {
		spec.BlockTime = max(cmpOr(spec.BlockTime, 12*time.Second), time.Second)
		c := &chain{Chain: spec, retry: newRetry(o), secrets: secrets, log: o.Logger, maxBody: o.MaxBody,
			pause: max(time.Second, o.Backoff), headers: headers{keepRaw: o.Record != ""}}
		for _, e := range spec.Endpoints {
			transport := o.Transport
			if transport == nil {
				transport = newTransport()
			}
			c.endpoints = append(c.endpoints, newEndpoint(c, e, transport))
		}
		g.chains[spec.ID] = c
		g.order = append(g.order, spec.ID)
	}
	ln := o.Listener
	if ln == nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, fmt.Errorf("open the gateway's loopback listener: %w", err)
		}
	}
	g.base = "http://" + ln.Addr().String() + "/"
	g.serve(ln)
	return g, nil
}

// newTransport is one pool of connections, for one endpoint.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxConnsPerHost = 16
	t.MaxIdleConnsPerHost = 16
	t.ResponseHeaderTimeout = 0 // the endpoint's Timeout covers it
	return t
}

// Close ends all sessions, writes their recordings and stops the listener.
func (g *Gateway) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	open := make([]*Session, 0, len(g.sessions))
	for _, s := range g.sessions {
		open = append(open, s)
	}
	g.mu.Unlock()
	for _, s := range open {
		s.Close()
	}
	err := g.server.Close()
	<-g.serving
	for _, c := range g.chains {
		for _, e := range c.endpoints {
			e.client.CloseIdleConnections()
		}
	}
	return err
}

// errClosed is returned by calls on a closed gateway.
var errClosed = errors.New("the gateway is closed")

func (g *Gateway) chain(id sdk.ChainID) (*chain, error) {
	c, ok := g.chains[id]
	if !ok {
		return nil, sdk.Errorf(sdk.KindConfig, "chain %s: not in the configuration; add it under chains", id)
	}
	return c, nil
}

// answer answers calls for one place in the recordings: from there when
// replaying, else from the network.
func (g *Gateway) answer(ctx context.Context, c *chain, at place, calls []call, d demand) []reply {
	if g.player != nil {
		return g.player.answer(c, at, calls)
	}
	replies := c.run(ctx, calls, d)
	if c.Verify == 2 {
		c.verify(ctx, calls, replies, d)
	}
	return replies
}

// archive reports whether state at the tick may be pruned by ordinary nodes,
// which keep 128 blocks (about 26 minutes).
func (g *Gateway) archive(tick time.Time) bool { return g.opts.Now().Sub(tick) > 25*time.Minute }
