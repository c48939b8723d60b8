package host

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// Fetch has the plugin read the state at the request's anchors and hands what it
// sends to the sink, from one goroutine, in order. The plugin waits while the
// sink does.
//
// An error of the plugin itself leaves the process running, and the rows it sent
// before stand. When ctx ends (FetchTimeout bounds it if it has no deadline),
// when the plugin sends what cannot be read, or when the sink returns an error,
// the process and its children are killed. An error of the sink is returned as it
// is, any other as *Error.
func (p *Process) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if !p.busy.CompareAndSwap(false, true) {
		return p.failed("fetch", sdk.Errorf(sdk.KindInternal, "the process is busy with another fetch"))
	}
	defer p.busy.Store(false)
	if p.Exited() {
		return p.failed("fetch", sdk.Errorf(sdk.KindInternal, "the process has ended"))
	}
	for _, a := range req.Anchors {
		if a.Chain != req.Chain {
			return p.failed("fetch", sdk.Errorf(sdk.KindInternal, "an anchor on %q in a request for %q", a.Chain, req.Chain))
		}
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = within(ctx, p.host.opts.FetchTimeout, "not done")
		defer cancel()
	}
	defer context.AfterFunc(ctx, p.child.kill)()

	err := p.fetch(ctx, req, sink)
	var own *sinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.err
	}
	failed := p.failed("fetch", &hidden{err, req.Endpoint})
	for i, line := range failed.Stderr {
		failed.Stderr[i] = hide(line, req.Endpoint)
	}
	return failed
}

func (p *Process) fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := p.rpc.Fetch(ctx, wire.ToRequest(req))
	if err != nil {
		return p.callError(ctx, err, nil)
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return p.callError(ctx, err, stream.Trailer())
		}
		if err := deliver(m, req, sink); err != nil {
			p.end() // it is still sending what nobody takes
			return err
		}
	}
}

// deliver hands one message to the sink. Events of a newer protocol are passed
// over.
func deliver(m *pluginv1.FetchResponse, req sdk.Request, sink sdk.Sink) error {
	var err error
	switch event := m.GetEvent().(type) {
	case *pluginv1.FetchResponse_Batch:
		obs, bad := wire.FromBatch(event.Batch, len(req.Anchors))
		if bad != nil {
			return malformed(bad)
		}
		err = sink.Observe(obs...)
	case *pluginv1.FetchResponse_Failure:
		f, bad := wire.FromFailure(event.Failure, len(req.Anchors))
		if bad != nil {
			return malformed(bad)
		}
		f.Message = hide(f.Message, req.Endpoint)
		err = sink.Fail(f)
	case *pluginv1.FetchResponse_Progress:
		err = sink.Progress(wire.FromProgress(event.Progress))
	}
	if err != nil {
		return &sinkError{err}
	}
	return nil
}

func malformed(err error) error {
	return sdk.Errorf(sdk.KindInternal, "it sent what cannot be read: %w", err)
}

// sinkError marks an error that came from the host's own sink.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }

// callError says what became of a call. Unless the error is the plugin's own
// answer, the process has ended when it returns.
func (p *Process) callError(ctx context.Context, err error, trailer metadata.MD) error {
	// The plugin knows the deadline, too, and may notice it a moment earlier.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		p.end()
		return sdk.Errorf(sdk.KindTransient, "%w", context.Cause(ctx))
	}
	said := printable(wire.ToText(status.Convert(err).Message()))
	if kind := trailer.Get(wire.KindTrailer); len(kind) > 0 {
		return sdk.Errorf(wire.FromKind(kind[0]), "%s", said)
	}
	switch status.Code(err) {
	case codes.Unimplemented:
		return sdk.Errorf(sdk.KindConfig, "it does not know the call: %s", said)
	case codes.ResourceExhausted:
		p.end()
		return sdk.Errorf(sdk.KindInternal, "it sent a message larger than %d bytes: %s", p.host.opts.MaxBatchBytes, said)
	case codes.Unavailable, codes.Internal, codes.Canceled:
		// A crash closes the connection before the process is gone: wait for the
		// reason, which says more.
		limit := time.NewTimer(crashGrace)
		defer limit.Stop()
		select {
		case <-p.child.done:
			return sdk.Errorf(sdk.KindInternal, "the process ended before it had answered")
		case <-limit.C:
			p.end()
			return sdk.Errorf(sdk.KindInternal, "the connection broke: %s", said)
		}
	}
	return sdk.Errorf(sdk.KindInternal, "%s", said)
}

// crashGrace is how long a crashed process may take to be gone; printing the
// stacks of many goroutines takes time.
const crashGrace = 2 * time.Second

// hidden is an error whose text does not show the gateway's address, which is a
// key to it for as long as the task lives.
type hidden struct {
	err    error
	secret string
}

func (e *hidden) Error() string { return hide(e.err.Error(), e.secret) }
func (e *hidden) Unwrap() error { return e.err }

func hide(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, "<gateway>")
}
