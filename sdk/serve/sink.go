package serve

import (
	"errors"
	"sync"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// sink is the sdk.Sink of one Fetch. It collects observations and sends them by
// column, wire.BatchRows at a time. gRPC's flow control makes it block while the
// host is behind.
type sink struct {
	mu     sync.Mutex
	send   func(*pluginv1.FetchResponse) error
	batch  wire.Batcher
	closed bool
}

var _ sdk.Sink = (*sink)(nil)

var errClosed = errors.New("fetch has returned: its sink takes nothing more")

// Observe implements sdk.Sink. Observations before a refused one are kept.
func (s *sink) Observe(obs ...sdk.Observation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for _, o := range obs {
		if err := s.batch.Add(o); err != nil {
			return sdk.Errorf(sdk.KindInternal, "%w", err)
		}
		if s.batch.Full() {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Fail implements sdk.Sink.
func (s *sink) Fail(f sdk.Failure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	m, err := wire.ToFailure(f)
	if err != nil {
		return sdk.Errorf(sdk.KindInternal, "%w", err)
	}
	return s.send(&pluginv1.FetchResponse{Event: &pluginv1.FetchResponse_Failure{Failure: m}})
}

// Progress implements sdk.Sink. It also sends the rows collected so far, so that
// they are safe if the rest of a long fetch is killed at its deadline.
func (s *sink) Progress(done, total int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if err := s.flush(); err != nil {
		return err
	}
	return s.send(&pluginv1.FetchResponse{Event: &pluginv1.FetchResponse_Progress{Progress: wire.ToProgress(done, total)}})
}

// close sends what is left and refuses all further calls: a goroutine that
// outlives Fetch must not write to a finished stream.
func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.flush()
}

func (s *sink) flush() error {
	batch := s.batch.Flush()
	if batch == nil {
		return nil
	}
	return s.send(&pluginv1.FetchResponse{Event: &pluginv1.FetchResponse_Batch{Batch: batch}})
}
