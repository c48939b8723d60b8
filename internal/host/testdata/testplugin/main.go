// Command testplugin is the plugin the tests of package host start. The name it
// is installed under says how it starts; the option "do" says what a fetch does.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/serve"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

var name = filepath.Base(os.Args[0])

// stderr is the real one: go-plugin replaces os.Stderr.
var stderr = os.Stderr

func init() {
	if name == "chatty" {
		fmt.Println("loading my settings")
	}
}

func main() {
	if len(os.Args) >= 3 && os.Args[1] == "hold" {
		hold(os.Args[2])
		if len(os.Args) == 4 {
			leak()
		}
		time.Sleep(time.Hour) // an empty select would end as a deadlock
	}
	switch name {
	case "exits":
		fmt.Fprintln(os.Stderr, "cannot find my settings")
		os.Exit(3)
	case "sleeper": // never shakes hands
		time.Sleep(time.Hour)
	case "stopper": // stops before the handshake
		stopSelf()
	case "futurist":
		serveRaw(2)
	case "raw": // a plugin that does not use sdk/serve and does not watch its host
		serveRaw(wire.ProtocolVersion)
	case "wanderer": // sends the host to an address outside its folder
		fmt.Printf("1|%d|unix|/run/elsewhere/socket|grpc|\n", wire.ProtocolVersion)
		time.Sleep(time.Hour)
	default:
		serve.Main(fetcher{})
	}
}

type fetcher struct{}

func (fetcher) Describe() sdk.Description {
	d := sdk.Description{
		Name:      name,
		Version:   "1.2.3",
		Summary:   "reads nothing, for tests",
		Protocols: []sdk.Protocol{{ID: "test", Name: "Test", Status: "live"}},
		Tokens: []sdk.Token{{
			ID: "tst", Protocol: "test", Chain: "ethereum", Symbol: "TST", Decimals: 18,
			Underlying: "ETH", Accrual: sdk.ExchangeRate,
		}},
		Metrics: []sdk.MetricID{sdk.LSTSupply},
		Chains:  []sdk.ChainNeed{{Chain: "ethereum", ReadsPast: true}},
	}
	switch name {
	case "impostor":
		d.Name = "lido"
	case "silent": // answers Describe never
		stopSelf()
	case "shaky":
		panic("no card")
	}
	return d
}

func (fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if fifo := req.Options["hold"]; fifo != "" {
		hold(fifo)
	}
	row := sdk.Observation{
		Token: "tst", Metric: sdk.LSTSupply, Value: big.NewInt(1000), Decimals: 18, Quality: sdk.QualityOK,
		Source: sdk.Source{Method: "totalSupply()", Target: "0x1", Field: "word 0"},
	}
	switch req.Options["do"] {
	case "", "rows":
		n, err := strconv.Atoi(req.Options["rows"])
		if err != nil {
			n = 1
		}
		for i := range n {
			row.Value = big.NewInt(int64(i))
			if err := sink.Observe(row); err != nil {
				return err
			}
		}
		return nil
	case "all": // every kind of event
		if err := sink.Observe(row); err != nil {
			return err
		}
		if err := sink.Progress(1, 2); err != nil {
			return err
		}
		return sink.Fail(sdk.Failure{Anchor: 0, Token: "tst", Kind: sdk.KindNoData, Message: "not deployed, says " + req.Endpoint})
	case "fail":
		if err := sink.Observe(row); err != nil {
			return err
		}
		return sdk.Errorf(sdk.KindLayout, "stake pool: 611 bytes, want 612, from %s", req.Endpoint)
	case "panic":
		panic("index out of range")
	case "crash": // a panic nobody can recover from
		go func() { panic("lost in a goroutine") }()
		<-ctx.Done()
		select {}
	case "exit":
		fmt.Fprintln(stderr, "bye")
		os.Exit(3)
	case "suicide":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang": // ignores its context
		select {}
	case "leak": // takes memory until it is stopped
		leak()
	case "obey":
		<-ctx.Done()
		return ctx.Err()
	case "stop":
		stopSelf()
	case "grandchild":
		cmd := exec.Command(os.Args[0], "hold", req.Options["child"])
		if req.Options["leak"] != "" {
			cmd.Args = append(cmd.Args, "leak")
		}
		cmd.Stderr = stderr // the child holds the pipe, too
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: req.Options["escape"] != ""}
		if err := cmd.Start(); err != nil {
			return err
		}
		if req.Options["leave"] != "" {
			hold(req.Options["leave"]) // returns once the test reads it
			os.Exit(4)
		}
		select {}
	case "flood":
		line := []byte(strings.Repeat("x", 99) + "\n")
		for range 50_000 {
			if _, err := stderr.Write(line); err != nil {
				return err
			}
		}
		return sink.Observe(row)
	case "long line":
		if _, err := stderr.Write([]byte(strings.Repeat("y", 300<<10) + "\n")); err != nil {
			return err
		}
		return sink.Observe(row)
	case "hostile log":
		fmt.Fprintln(stderr, `{"@message": 1}`)
		fmt.Fprintln(stderr, `{"@message": {"a": 1}, "@level": [], "@timestamp": 7}`)
		fmt.Fprintln(stderr, `{"msg":"hello \u001b[31m","level":"WARN","plugin":"lido","big":12345678901234567890}`)
		return sink.Observe(row)
	case "log":
		slog.Warn("rate looks odd", "token", "tst", "anchor", 7)
		log.Print("through package log")
		fmt.Println("printed by mistake")
		fmt.Fprintln(os.Stderr, "printed to stderr")
		return sink.Observe(row)
	case "log and exit":
		slog.Error("cannot go on", "anchor", 7)
		os.Exit(1)
	case "env":
		row.Value, row.Reason = nil, strings.Join(os.Environ(), "\n")
		return sink.Observe(row)
	case "stdin":
		b := make([]byte, 1)
		n, err := os.Stdin.Read(b)
		row.Value, row.Reason = nil, fmt.Sprintf("%d %v", n, err)
		return sink.Observe(row)
	case "count anchors":
		row.Value = big.NewInt(int64(len(req.Anchors)))
		return sink.Observe(row)
	}
	return errors.New("unknown: do " + req.Options["do"])
}

// hold keeps a named pipe open until the process ends, so that a test can wait
// for that by reading it.
func hold(fifo string) {
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	held = append(held, f)
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		panic(err)
	}
}

var held []*os.File

var leaked [][]byte

// leak takes memory until it is stopped, within what a machine can spare.
func leak() {
	for len(leaked) < 64 {
		leaked = append(leaked, bytes.Repeat([]byte{1}, 8<<20))
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Minute)
}

// stopSelf does not return: the kernel stops all threads, but not at once.
func stopSelf() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour)
}

// serveRaw serves without the sdk, as a plugin in another language would.
func serveRaw(version int) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: wire.MagicCookieKey, MagicCookieValue: wire.MagicCookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{version: {wire.ServiceName: &rawPlugin{}}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
}

type rawPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	pluginv1.UnimplementedPluginServer
}

func (p *rawPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServer(s, p)
	return nil
}

func (*rawPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not a host")
}

func (*rawPlugin) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return wire.ToDescription(fetcher{}.Describe()), nil
}

func (*rawPlugin) Fetch(m *pluginv1.FetchRequest, stream grpc.ServerStreamingServer[pluginv1.FetchResponse]) error {
	send := func(b *pluginv1.ObservationBatch) error {
		return stream.Send(&pluginv1.FetchResponse{Event: &pluginv1.FetchResponse_Batch{Batch: b}})
	}
	batch := &pluginv1.ObservationBatch{Rows: 1, Dictionary: []string{"", "tst", "lst_supply"}, Token: []uint32{1}, Metric: []uint32{2}}
	switch m.Options["do"] {
	case "huge":
		batch.Dictionary = append(batch.Dictionary, strings.Repeat("z", 100<<20))
		return send(batch)
	case "malformed":
		batch.Token[0] = 77
		return send(batch)
	case "plain error":
		return errors.New("no trailer")
	case "row by row": // the slow way, for the benchmark
		n, err := strconv.Atoi(m.Options["rows"])
		if err != nil {
			return err
		}
		for range n {
			if err := send(proto.Clone(batch).(*pluginv1.ObservationBatch)); err != nil {
				return err
			}
		}
		return nil
	case "hold":
		hold(m.Options["hold"])
		select {}
	}
	return nil
}
