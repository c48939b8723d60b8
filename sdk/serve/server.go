package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// server answers the host's calls with a Fetcher.
type server struct {
	pluginv1.UnimplementedPluginServer
	fetcher sdk.Fetcher
}

func (s *server) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	var d sdk.Description
	err := guard("Describe", func() error { d = s.fetcher.Describe(); return nil })
	if err != nil {
		// The trailer is lost only when the call is over, and then so is the error.
		_ = grpc.SetTrailer(ctx, kindTrailer(err))
		return nil, toStatus(err)
	}
	return wire.ToDescription(d), nil
}

func (s *server) Fetch(m *pluginv1.FetchRequest, stream grpc.ServerStreamingServer[pluginv1.FetchResponse]) error {
	req, err := wire.FromRequest(m)
	if err == nil {
		out := &sink{send: stream.Send}
		err = guard("Fetch", func() error { return s.fetcher.Fetch(stream.Context(), req, out) })
		// What was read before an error is still true, so it is sent either way.
		if unsent := out.close(); err == nil {
			err = unsent
		}
	}
	if err != nil {
		stream.SetTrailer(kindTrailer(err))
		return toStatus(err)
	}
	return nil
}

// guard turns a panic into an error of kind internal and logs its stack. A panic
// in a goroutine the Fetcher started still ends the process.
func guard(method string, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic in "+method, "panic", fmt.Sprint(p), "stack", wire.ToText(string(debug.Stack())))
			err = sdk.Errorf(sdk.KindInternal, "panic in %s: %v; the stack is in the log", method, p)
		}
	}()
	return call()
}

// toStatus makes the gRPC error for err. The class of the error travels in the
// trailer; the code is only for readers of gRPC logs.
func toStatus(err error) error {
	code := codes.Unknown
	switch {
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	}
	return status.Error(code, wire.ToText(err.Error()))
}

func kindTrailer(err error) metadata.MD {
	kind := sdk.KindOf(err)
	var classed *sdk.Error
	if !errors.As(err, &classed) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		kind = sdk.KindTransient
	}
	return metadata.Pairs(wire.KindTrailer, string(kind))
}
