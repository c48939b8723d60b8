package chaintest

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// Secret is part of both addresses of a Net, as a provider's key would be. It must
// never be seen anywhere else.
const Secret = "k3yThatMustNeverBeSeen"

// Net is both chains behind loopback servers.
type Net struct {
	Ethereum *Ethereum
	Solana   *solanatest.Node
	// EthereumURL and SolanaURL are the addresses, Secret in them.
	EthereumURL, SolanaURL string

	nodes    [2]*node // Ethereum's and Solana's
	mu       sync.Mutex
	ethereum http.Handler
	solana   http.Handler
	requests int
	watchers []watcher
}

// Start serves both chains, sound and fully taught, until the end of the test.
func Start(t testing.TB) *Net {
	t.Helper()
	n := &Net{Ethereum: NewEthereum(), Solana: solanatest.NewNode(SolanaState(t, time.Now()))}
	n.Ethereum.TeachLido()
	n.Ethereum.TeachRocketPool()
	n.Ethereum.TeachChainlink()
	n.Heal()
	for i, handler := range []func() http.Handler{
		func() http.Handler { n.mu.Lock(); defer n.mu.Unlock(); return n.ethereum },
		func() http.Handler { n.mu.Lock(); defer n.mu.Unlock(); return n.solana },
	} {
		node, err := startNode(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.seen()
			handler().ServeHTTP(w, r)
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(node.kill)
		n.nodes[i] = node
	}
	n.EthereumURL, n.SolanaURL = n.nodes[0].url(), n.nodes[1].url()
	return n
}

// KillEthereum closes the node's listener and every connection to it. revive has it
// listen at the same address again.
func (n *Net) KillEthereum() (revive func() error) { n.nodes[0].kill(); return n.nodes[0].listen }

// KillSolana is KillEthereum for Solana.
func (n *Net) KillSolana() (revive func() error) { n.nodes[1].kill(); return n.nodes[1].listen }

// Heal takes all faults away.
func (n *Net) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ethereum, n.solana = n.Ethereum, n.Solana
}

// SpoilEthereum puts a fault in front of Ethereum; see Spoil.
func (n *Net) SpoilEthereum(mark string, fault Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ethereum = Spoil(n.ethereum, mark, fault)
}

// SpoilSolana puts a fault in front of Solana; see Spoil.
func (n *Net) SpoilSolana(mark string, fault Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.solana = Spoil(n.solana, mark, fault)
}

type watcher struct {
	at int
	do func()
}

// OnRequest calls f once, before the i-th HTTP request from now on is answered; 1
// is the next one, on either chain.
func (n *Net) OnRequest(i int, f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watchers = append(n.watchers, watcher{n.requests + i, f})
}

func (n *Net) seen() {
	n.mu.Lock()
	n.requests++
	var due []func()
	rest := n.watchers[:0:0]
	for _, w := range n.watchers {
		if w.at <= n.requests {
			due = append(due, w.do)
		} else {
			rest = append(rest, w)
		}
	}
	n.watchers = rest
	n.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// Requests is how many HTTP requests came so far.
func (n *Net) Requests() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests
}
