package sdk

import (
	"context"
	"time"
)

// Fetcher is the whole contract between a protocol and the pipeline.
type Fetcher interface {
	// Describe says what the plugin reads. The host calls it once after every
	// start, before any Fetch. It must be cheap, deterministic and must not touch
	// the network.
	Describe() Description

	// Fetch reads the state at every anchor of the request and hands the result
	// to the sink. All anchors of one request are on one chain. The host calls it
	// at most once at a time per process and cancels ctx at its deadline; Fetch
	// must then return promptly.
	//
	// An error returned from Fetch means that nothing more will come for any
	// anchor not yet reported. A trouble with a single anchor or token goes to
	// Sink.Fail instead.
	Fetch(ctx context.Context, req Request, sink Sink) error
}

// Request asks for the state of one chain at one or more anchors.
type Request struct {
	Chain   ChainID
	Anchors []Anchor // ascending by height, never empty
	// Endpoint is the gateway's address for this task. It speaks the chain's
	// JSON-RPC, or below it the Beacon API or the declared paths of an API, over plain
	// HTTP on the loopback, adds keys, limits and retries, and stops answering when the
	// task ends.
	Endpoint string
	// Options are the plugin's own settings from the job in the configuration.
	Options map[string]string
	// Tokens narrows the request; empty means every token on the chain.
	Tokens []TokenID
}

// Wants reports whether the request asks for the token.
func (r Request) Wants(token TokenID) bool {
	if len(r.Tokens) == 0 {
		return true
	}
	for _, t := range r.Tokens {
		if t == token {
			return true
		}
	}
	return false
}

// Sink receives what a plugin has read. Its methods may be called from several
// goroutines. They block while the host is behind and return an error when the
// host has gone, in which case Fetch should return it.
type Sink interface {
	// Observe hands over observations, in any order and any number of calls.
	Observe(obs ...Observation) error
	// Fail reports that an anchor, or one token at an anchor, could not be read.
	Fail(f Failure) error
	// Progress tells a waiting person how far a long fetch is.
	Progress(done, total int) error
}

// Anchor is the agreed point of a chain that everything in a task is read at.
type Anchor struct {
	Chain    ChainID
	Height   uint64 // block number, or slot on Solana; 0 of an API
	Hash     string // block hash as the chain writes it; empty on Solana and of an API
	Time     time.Time
	Finality Finality
	// Epoch and EpochStart are set on chains that have epochs (Solana, from the
	// Clock sysvar); zero elsewhere.
	Epoch      uint64
	EpochStart time.Time
	// Tick is the scheduled moment this anchor stands for; Time is at or before it.
	Tick time.Time
}

// Finality says how sure it is that an anchor stays on the chain.
type Finality string

// The finalities an anchor can have.
const (
	Finalized Finality = "finalized"
	// Provisional rows are read again once the height is final.
	Provisional Finality = "provisional"
)

// Position is where a value was really read when that is not the anchor itself:
// a Solana node answers for its newest finalised slot, a published series has
// its own times.
type Position struct {
	Height     uint64
	Hash       string
	Time       time.Time
	Epoch      uint64
	EpochStart time.Time
}
