package serve

import (
	"context"
	"errors"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// maxRequest is the largest request a plugin accepts, in bytes; gRPC's own limit
// of 4 MiB is too small for many anchors and options.
const maxRequest = 64 << 20

// servePlugin speaks go-plugin's protocol until the host ends it.
func servePlugin(f sdk.Fetcher) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey:   wire.MagicCookieKey,
			MagicCookieValue: wire.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			wire.ProtocolVersion: {wire.ServiceName: &goPlugin{fetcher: f}},
		},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(maxRequest))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
	})
}

// goPlugin is the plugin's side of the plugin set.
type goPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	fetcher sdk.Fetcher
}

var _ plugin.GRPCPlugin = (*goPlugin)(nil)

func (p *goPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServer(s, &server{fetcher: p.fetcher})
	return nil
}

func (p *goPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("package serve is the plugin's side; the host has its own client")
}
