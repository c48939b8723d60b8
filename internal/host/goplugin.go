package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// newClient wires a child to go-plugin: gRPC only, mutual TLS, no environment.
// go-plugin's own log says nothing we do not say ourselves, so it is off.
func newClient(c *child, dir string, opts Options, log func(slog.Level) *lineLog) *plugin.Client {
	return plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey:   wire.MagicCookieKey,
			MagicCookieValue: wire.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			wire.ProtocolVersion: {wire.ServiceName: &goPlugin{}},
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		// Without this go-plugin appends the host's environment, keys included.
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			c.env = append(cmd.Env, passedEnv(opts.PassEnv)...)
			c.socket = socketDir
			return c, nil
		},
		StartTimeout:    opts.StartTimeout + time.Second, // ours comes first
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(opts.MaxBatchBytes))},
		// What a plugin prints with fmt after its handshake.
		SyncStdout: log(slog.LevelWarn),
		SyncStderr: log(slog.LevelWarn),
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
	})
}

func passedEnv(names []string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// goPlugin is the host's side of the plugin set.
type goPlugin struct{ plugin.NetRPCUnsupportedPlugin }

var _ plugin.GRPCPlugin = (*goPlugin)(nil)

func (*goPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("package host is the host's side; plugins are served by sdk/serve")
}

func (*goPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginClient(conn), nil
}

// connect starts the child and opens the connection. It ends early when the
// child is killed.
func connect(client *plugin.Client) (pluginv1.PluginClient, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := protocol.Dispense(wire.ServiceName)
	if err != nil {
		return nil, err
	}
	return raw.(pluginv1.PluginClient), nil
}

// explainStart turns go-plugin's error into what a person can act on, from the
// plugin's first line on standard output.
func explainStart(err error, line string) error {
	parts := strings.Split(line, "|")
	if len(parts) < 4 {
		if line == "" {
			return sdk.Errorf(sdk.KindInternal, "it ended before its handshake: is it a plugin, built for this machine?")
		}
		return sdk.Errorf(sdk.KindInternal, "it printed %q to standard output before its handshake: nothing may print there before serve.Main, check its init functions", shorten(line, 200))
	}
	if version, bad := strconv.Atoi(parts[1]); bad == nil && version != wire.ProtocolVersion {
		return sdk.Errorf(sdk.KindConfig, "it speaks version %d of the plugin protocol, this host version %d: build both from the same release", version, wire.ProtocolVersion)
	}
	return sdk.Errorf(sdk.KindInternal, "no connection: %w", err)
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:n], ""), len(s))
}
