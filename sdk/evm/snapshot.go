package evm

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Snapshot is what was read at one anchor.
type Snapshot struct {
	Anchor sdk.Anchor
	// Index is the anchor's place in the request.
	Index int
	// Err says why the block as a whole could not be read; then no result is valid.
	Err error

	results map[callKey]Result
}

// Get returns the result of a call. A call nobody asked for is a defect of the
// plugin and comes back as an error of kind internal.
func (s *Snapshot) Get(c Call) Result {
	if s.Err != nil {
		return Result{Call: c, Err: s.Err}
	}
	r, ok := s.results[c.key()]
	if !ok {
		return Result{Call: c, Err: sdk.Errorf(sdk.KindInternal, "block %d: %s was never asked for", s.Anchor.Height, c.Method)}
	}
	return r
}

// missing is what was not asked for yet: calls of contracts, and searches for events.
func (s *Snapshot) missing(plan []Call) (calls, searches []Call) {
	seen := map[callKey]bool{}
	for _, c := range plan {
		if _, have := s.results[c.key()]; have || seen[c.key()] {
			continue
		}
		seen[c.key()] = true
		if c.blocks > 0 {
			searches = append(searches, c)
		} else {
			calls = append(calls, c)
		}
	}
	return calls, searches
}

func (s *Snapshot) put(r Result) { s.results[r.Call.key()] = r }

// fail keeps the first trouble: later ones follow from it.
func (s *Snapshot) fail(err error) {
	if s.Err == nil {
		s.Err = err
	}
}

// Failure describes the snapshot's Err for the sink.
func (s *Snapshot) Failure() sdk.Failure {
	return sdk.Failure{Anchor: s.Index, Kind: sdk.KindOf(s.Err), Message: s.Err.Error()}
}

// digestOf is the evidence the host compares with what its gateway saw.
func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
