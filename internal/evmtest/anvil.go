package evmtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// Options says where the chain starts.
type Options struct {
	// Before is the number of the chain's first block; the first block that Mine
	// makes is Before+1.
	Before uint64
	// Time is the time of the first block; zero means an hour before now.
	Time time.Time
}

// Chain is a running anvil.
type Chain struct {
	t   testing.TB
	url string
	rpc *rpc.Client

	contracts map[common.Address]bool
}

// Start runs anvil until the end of the test. It skips the test when anvil is
// not installed.
func Start(t testing.TB, o Options) *Chain {
	t.Helper()
	path := find()
	if path == "" {
		t.Skip("anvil not installed: run make tools")
	}
	if o.Time.IsZero() {
		o.Time = time.Now().Add(-time.Hour)
	}
	url := launch(t, path,
		"--host", "127.0.0.1", "--port", "0", "--chain-id", "1", "--accounts", "1",
		"--no-mining", "--slots-in-an-epoch", "1",
		"--number", strconv.FormatUint(o.Before, 10),
		"--timestamp", strconv.FormatInt(o.Time.Unix(), 10))
	client, err := rpc.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := &Chain{t: t, url: url, rpc: client, contracts: map[common.Address]bool{}}
	if o.Before+1 >= evm.Multicall3Block {
		c.setCode(evm.Multicall3, multicall3())
	}
	return c
}

// URL is the address of the chain's JSON-RPC.
func (c *Chain) URL() string { return c.url }

// Mine makes a block at the given time and returns it as an anchor.
func (c *Chain) Mine(at time.Time) sdk.Anchor {
	c.t.Helper()
	c.call(nil, "evm_setNextBlockTimestamp", hexutil.Uint64(at.Unix()))
	c.call(nil, "evm_mine")
	var head struct {
		Number    hexutil.Uint64 `json:"number"`
		Hash      string         `json:"hash"`
		Timestamp hexutil.Uint64 `json:"timestamp"`
	}
	c.call(&head, "eth_getBlockByNumber", "latest", false)
	when := time.Unix(int64(head.Timestamp), 0).UTC()
	return sdk.Anchor{
		Chain: "ethereum", Height: uint64(head.Number), Hash: head.Hash,
		Time: when, Tick: when, Finality: sdk.Finalized,
	}
}

func (c *Chain) call(result any, method string, args ...any) {
	c.t.Helper()
	if err := c.rpc.Call(result, method, args...); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

func (c *Chain) setCode(at common.Address, code []byte) {
	c.t.Helper()
	c.call(nil, "anvil_setCode", at, hexutil.Bytes(code))
	c.contracts[at] = true
}

// find looks for the native binary first: the one npm puts on the path is a
// script that leaves its child behind when it is killed.
func find() string {
	if p := os.Getenv("ANVIL"); p != "" {
		return p
	}
	_, file, _, _ := runtime.Caller(0)
	modules := filepath.Join(filepath.Dir(file), "..", "..", "tools", "npm", "node_modules")
	for _, pattern := range []string{"@foundry-rs/anvil-*/bin/anvil", ".bin/anvil"} {
		if found, _ := filepath.Glob(filepath.Join(modules, pattern)); len(found) > 0 {
			return found[0]
		}
	}
	p, _ := exec.LookPath("anvil")
	return p
}

var listening = regexp.MustCompile(`Listening on (127\.0\.0\.1:\d+)`)

// launch starts anvil under a shell that ends it when our end of a pipe closes,
// so that it dies with the test process however that ends.
func launch(t testing.TB, path string, args ...string) (url string) {
	t.Helper()
	const watch = `"$@" </dev/null & read -r _; kill "$!"; wait "$!"`
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.Command("sh", append([]string{"-c", watch, "sh", path}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("anvil at %s does not start: %v", path, err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // its exit status is that of a killed process
	})
	found := make(chan string, 1)
	go func() {
		defer close(found)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout) // anvil logs every request
	}()
	select {
	case host, ok := <-found:
		if !ok {
			t.Fatal(errors.New("anvil ended before it listened"))
		}
		return "http://" + host
	case <-ctx.Done():
		t.Fatal(fmt.Errorf("anvil does not listen: %w", ctx.Err()))
	}
	return ""
}
