package evmtest

import (
	"strings"
	"sync"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Sink keeps what a fetcher emits.
type Sink struct {
	mu           sync.Mutex
	Observations []sdk.Observation
	Failures     []sdk.Failure
}

var _ sdk.Sink = (*Sink)(nil)

// Observe keeps observations.
func (s *Sink) Observe(obs ...sdk.Observation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Observations = append(s.Observations, obs...)
	return nil
}

// Fail keeps a failure.
func (s *Sink) Fail(f sdk.Failure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Failures = append(s.Failures, f)
	return nil
}

// Progress is ignored.
func (s *Sink) Progress(int, int) error { return nil }

// Find returns the observations of a token and metric at an anchor whose labels
// contain the pairs "key=value".
func (s *Sink) Find(anchor int, token sdk.TokenID, metric sdk.MetricID, labels ...string) []sdk.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sdk.Observation
next:
	for _, o := range s.Observations {
		if o.Anchor != anchor || o.Token != token || o.Metric != metric {
			continue
		}
		for _, l := range labels {
			key, value, _ := strings.Cut(l, "=")
			if o.Labels[key] != value {
				continue next
			}
		}
		out = append(out, o)
	}
	return out
}
