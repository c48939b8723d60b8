package chaintest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
)

// Systems give connections and listeners that name no port one of 32768 and above.
// A node has one below, so that nobody takes it while the node is down.
const (
	firstPort = 20_000
	lastPort  = 32_767
)

// node is a chain's server, which can be killed and comes back at its address.
type node struct {
	handler http.Handler
	address string

	mu     sync.Mutex
	server *http.Server // nil while the node is down
	ended  chan struct{}
}

// startNode serves at a port of its own on the loopback.
func startNode(handler http.Handler) (*node, error) {
	n := &node{handler: handler}
	for try := 0; ; try++ {
		n.address = fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1))
		err := n.listen()
		if err == nil || try == 100 {
			return n, err
		}
	}
}

// listen brings the node up, if it is down.
func (n *node) listen() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", n.address)
	if err != nil {
		return fmt.Errorf("a node cannot listen: %w", err)
	}
	server, ended := &http.Server{Handler: n.handler}, make(chan struct{})
	n.server, n.ended = server, ended
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // until it is closed
	}()
	return nil
}

// kill closes the listener and every connection, answered or not.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil {
		return
	}
	_ = n.server.Close() // connections end in any case
	<-n.ended
	n.server = nil
}

func (n *node) url() string { return "http://" + n.address + "/v2/" + Secret }
