package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

const helperEnv = "LST_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		Main(fake{})
	}
	goleak.VerifyTestMain(m)
}

// fake is a Fetcher made of one function.
type fake struct {
	fetch    func(ctx context.Context, req sdk.Request, sink sdk.Sink) error
	describe func() sdk.Description
}

func (f fake) Describe() sdk.Description {
	if f.describe != nil {
		return f.describe()
	}
	return sdk.Description{
		Name: "fake", Version: "0.1.0", Summary: "for tests",
		Tokens: []sdk.Token{{ID: "tst", StaleAfter: 36 * time.Hour}},
		Chains: []sdk.ChainNeed{{Chain: "ethereum", ReadsPast: true}},
	}
}

func (f fake) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	return f.fetch(ctx, req, sink)
}

// connect serves f within the process.
func connect(t *testing.T, f sdk.Fetcher) pluginv1.PluginClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	pluginv1.RegisterPluginServer(s, &server{fetcher: f})
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:fake",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return pluginv1.NewPluginClient(conn)
}

func request() *pluginv1.FetchRequest {
	return &pluginv1.FetchRequest{Chain: "ethereum", Anchors: []*pluginv1.Anchor{{Height: 1}}}
}

// fetch collects all events of a Fetch.
func fetch(t *testing.T, f sdk.Fetcher) ([]*pluginv1.FetchResponse, metadata.MD, error) {
	t.Helper()
	stream, err := connect(t, f).Fetch(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	var events []*pluginv1.FetchResponse
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return events, stream.Trailer(), nil
		}
		if err != nil {
			return events, stream.Trailer(), err
		}
		events = append(events, m)
	}
}

func row(i int) sdk.Observation {
	return sdk.Observation{Token: "tst", Metric: sdk.LSTSupply, Value: big.NewInt(int64(i))}
}

func TestRowsTravelInBatches(t *testing.T) {
	t.Parallel()
	events, _, err := fetch(t, fake{fetch: func(_ context.Context, _ sdk.Request, sink sdk.Sink) error {
		for i := range wire.BatchRows + 10 {
			if err := sink.Observe(row(i)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil || len(events) != 2 {
		t.Fatalf("%d messages, %v; want 2", len(events), err)
	}
	if a, b := events[0].GetBatch().GetRows(), events[1].GetBatch().GetRows(); a != wire.BatchRows || b != 10 {
		t.Errorf("batches of %d and %d rows", a, b)
	}
}

func TestProgressSendsWhatWasRead(t *testing.T) {
	t.Parallel()
	events, _, err := fetch(t, fake{fetch: func(_ context.Context, _ sdk.Request, sink sdk.Sink) error {
		return errors.Join(sink.Observe(row(1)), sink.Progress(1, 2), sink.Fail(sdk.Failure{Kind: sdk.KindNoData}))
	}})
	if err != nil || len(events) != 3 {
		t.Fatalf("%d messages, %v; want 3", len(events), err)
	}
	if events[0].GetBatch() == nil || events[1].GetProgress() == nil || events[2].GetFailure() == nil {
		t.Errorf("messages are %v", events)
	}
}

func TestErrorsKeepTheirKindAndTheRowsBeforeThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail func(sink sdk.Sink) error
		kind sdk.Kind
		says string
	}{
		"an error with a kind": {
			func(sdk.Sink) error { return sdk.Errorf(sdk.KindLayout, "611 bytes") }, sdk.KindLayout, "611 bytes"},
		"an error without a kind": {
			func(sdk.Sink) error { return errors.New("hm") }, sdk.KindInternal, "hm"},
		"a context that ended": {
			func(sdk.Sink) error { return context.DeadlineExceeded }, sdk.KindTransient, "deadline"},
		"a panic": {
			func(sdk.Sink) error { panic("boom") }, sdk.KindInternal, "panic in Fetch: boom"},
		"an observation that cannot be sent": {
			func(sink sdk.Sink) error { return sink.Observe(sdk.Observation{Token: "tst"}) }, sdk.KindInternal, "metric"},
		"raw bytes in a message": {
			func(sdk.Sink) error { return errors.New("answer \xff\xfe") }, sdk.KindInternal, "answer \uFFFD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events, trailer, err := fetch(t, fake{fetch: func(_ context.Context, _ sdk.Request, sink sdk.Sink) error {
				if err := sink.Observe(row(1)); err != nil {
					return err
				}
				return test.fail(sink)
			}})
			if len(events) != 1 || events[0].GetBatch().GetRows() != 1 {
				t.Errorf("the row before the error did not arrive: %v", events)
			}
			if got := trailer.Get(wire.KindTrailer); len(got) != 1 || sdk.Kind(got[0]) != test.kind {
				t.Errorf("kind is %v, want %s", got, test.kind)
			}
			if !strings.Contains(status.Convert(err).Message(), test.says) {
				t.Errorf("error is %v, want %s", err, test.says)
			}
		})
	}
}

func TestPanicInDescribeIsAnError(t *testing.T) {
	t.Parallel()
	var trailer metadata.MD
	_, err := connect(t, fake{describe: func() sdk.Description { panic("no card") }}).
		Describe(t.Context(), &pluginv1.DescribeRequest{}, grpc.Trailer(&trailer))
	if !strings.Contains(status.Convert(err).Message(), "panic in Describe: no card") {
		t.Errorf("error is %v", err)
	}
	if got := trailer.Get(wire.KindTrailer); len(got) != 1 || got[0] != string(sdk.KindInternal) {
		t.Errorf("kind is %v", got)
	}
}

func TestMalformedRequestNeverReachesTheFetcher(t *testing.T) {
	t.Parallel()
	client := connect(t, fake{fetch: func(context.Context, sdk.Request, sdk.Sink) error {
		t.Error("it did")
		return nil
	}})
	stream, err := client.Fetch(t.Context(), &pluginv1.FetchRequest{Chain: "ethereum"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !strings.Contains(status.Convert(err).Message(), "anchors") {
		t.Errorf("error is %v", err)
	}
}

func TestCancellationReachesTheFetcher(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	began := make(chan struct{})
	client := connect(t, fake{fetch: func(ctx context.Context, _ sdk.Request, _ sdk.Sink) error {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := client.Fetch(ctx, request()); err != nil {
		t.Fatal(err)
	}
	<-began
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("its context ended with %v", err)
	}
}

// Sending on a stream whose handler has returned is a data race inside gRPC.
func TestSinkIsClosedWhenFetchReturns(t *testing.T) {
	t.Parallel()
	var kept sdk.Sink
	if _, _, err := fetch(t, fake{fetch: func(_ context.Context, _ sdk.Request, sink sdk.Sink) error {
		kept = sink
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Observe": kept.Observe(row(1)), "Fail": kept.Fail(sdk.Failure{}), "Progress": kept.Progress(1, 1),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
}

func TestPluginEndsWhenItsParentChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var parent atomic.Int64
		parent.Store(100)
		ended := make(chan int, 1)
		go exitWithParent(100, func() int { return int(parent.Load()) }, time.Second, func(code int) { ended <- code })
		time.Sleep(time.Hour)
		select {
		case <-ended:
			t.Fatal("it ended while its parent lived")
		default:
		}
		parent.Store(1)
		time.Sleep(2 * time.Second)
		select {
		case <-ended:
		default:
			t.Fatal("it outlived its parent")
		}
	})
}

// The parent here is a shell, so nothing but the plugin's own watch can end it.
func TestRealPluginEndsWithItsParent(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "lst")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	shell := exec.Command("sh", "-c", `"$1" & wait`, "sh", os.Args[0])
	shell.Env = []string{helperEnv + "=1", wire.MagicCookieKey + "=" + wire.MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + dir}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	shell.Stdout = in // the plugin holds it, too
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "1|1|unix|"+dir) || !strings.Contains(line, "|grpc|") {
		t.Fatalf("handshake is %q, %v", line, err)
	}
	if err := shell.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = shell.Wait()
	if err := out.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("the plugin outlived its parent: %v", err)
	}
}

func TestPersonWhoStartsAPluginIsAnswered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args         []string
		code         int
		stdout, says string
	}{
		"version":             {[]string{"version"}, 0, "fake 0.1.0\n", ""},
		"nothing":             {nil, 1, "", "This is a plugin of lst-pipeline"},
		"an unknown word":     {[]string{"help"}, 1, "", "describe"},
		"a word and one more": {[]string{"version", "x"}, 1, "", "describe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := tool(fake{}, test.args, &stdout, &stderr)
			if code != test.code || stdout.String() != test.stdout || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
			}
		})
	}
	var stdout bytes.Buffer
	if code := tool(fake{}, []string{"describe"}, &stdout, io.Discard); code != 0 {
		t.Fatalf("describe exits %d", code)
	}
	var d struct {
		Name   string
		Tokens []struct {
			StaleAfterS string `json:"stale_after_s"`
		}
		Chains []struct {
			ReadsPast bool `json:"reads_past"`
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Name != "fake" || d.Tokens[0].StaleAfterS != "129600" || !d.Chains[0].ReadsPast {
		t.Errorf("describe prints %s", &stdout)
	}
}

// The real process, with its exit code and its streams.
func TestRealPluginStartedByHandExplainsItself(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{helperEnv + "=1"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
	if stdout.Len() != 0 || !strings.Contains(stderr.String(), "pipeline plugin list") {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
}
