package solanatest

import (
	"sync"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Sink keeps what a fetcher hands over.
type Sink struct {
	mu       sync.Mutex
	rows     []sdk.Observation
	failures []sdk.Failure
}

// Observe implements sdk.Sink.
func (s *Sink) Observe(obs ...sdk.Observation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, obs...)
	return nil
}

// Fail implements sdk.Sink.
func (s *Sink) Fail(f sdk.Failure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, f)
	return nil
}

// Progress implements sdk.Sink.
func (s *Sink) Progress(int, int) error { return nil }

// Failures returns the failures in order.
func (s *Sink) Failures() []sdk.Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sdk.Failure(nil), s.failures...)
}

// Rows returns the observations of a token, all of them for "".
func (s *Sink) Rows(token sdk.TokenID) []sdk.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sdk.Observation
	for _, o := range s.rows {
		if token == "" || o.Token == token {
			out = append(out, o)
		}
	}
	return out
}

// Find returns the only observation of a token and metric whose labels include
// the given ones (key, value, key, value ...). ok is false when there is none or
// more than one.
func (s *Sink) Find(token sdk.TokenID, metric sdk.MetricID, labels ...string) (found sdk.Observation, ok bool) {
	n := 0
	for _, o := range s.Rows(token) {
		match := o.Metric == metric
		for i := 0; i+1 < len(labels); i += 2 {
			match = match && o.Labels[labels[i]] == labels[i+1]
		}
		if match {
			found = o
			n++
		}
	}
	return found, n == 1
}
