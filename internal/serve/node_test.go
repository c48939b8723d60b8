package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// factsPerTask is how many facts each commit of the loop adds; fact i has value i+1.
const factsPerTask = 20

// loopResult is the n-th commit of the ingest loop.
func loopResult(n int) store.TaskResult {
	tick := time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)
	res := store.TaskResult{
		Task: store.Task{
			TaskKey: store.TaskKey{Job: "loop", Plugin: "p", Chain: "ethereum", Tick: tick}, State: store.StateHave, RunID: "run",
			AnchorHeight: uint64(n + 1), AnchorTime: tick, Finality: sdk.Finalized,
		},
		KnownAt: tick, PluginVersion: "1", PluginSHA256: "ab",
	}
	for i := range factsPerTask {
		token := sdk.TokenID(fmt.Sprintf("t%d", i))
		res.Observations = append(res.Observations, store.Observation{
			Observation: sdk.Observation{
				Token: token, Metric: sdk.BackingNative, Value: big.NewInt(int64(i + 1)), Quality: sdk.QualityOK, Basis: sdk.OnChain,
				Source: sdk.Source{Method: "m()", Target: "0x1", Field: "word 0"},
			},
			At: sdk.Position{Height: uint64(n + 1), Time: tick}, Finality: sdk.Finalized, Endpoint: "own",
		})
		res.Metrics = append(res.Metrics, transforms.MetricFact{
			Metric: sdk.BackingNative, Token: token, TS: tick, Value: big.NewRat(int64(i+1), 1), Uncertainty: new(big.Rat), Height: uint64(n + 1),
			Quality: sdk.QualityOK, Basis: sdk.OnChain, Finality: sdk.Finalized, Obs: []int{i}, Transform: "scale@1",
		})
	}
	return res
}

// The npm client opens latest.duckdb 200 times (LST_OPENS says how often) while an
// ingest loop commits without pause and one copy follows the other: no lock error,
// and each read is one committed state.
func TestTheNpmClientReadsCommittedStatesWhileTheDaemonWrites(t *testing.T) {
	t.Parallel()
	tools, err := filepath.Abs(filepath.Join("..", "..", "tools", "npm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "@duckdb", "node-api")); err != nil {
		t.Skip("the npm client of DuckDB is not installed (make tools): copies are not read with it")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: copies are not read with the npm client of DuckDB")
	}
	opens := 200
	if text := os.Getenv("LST_OPENS"); text != "" {
		if opens, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t)
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	var loops sync.WaitGroup
	defer loops.Wait()
	defer stop()
	commit := func(n int) error { _, err := s.Commit(context.WithoutCancel(ctx), loopResult(n)); return err }
	publish := func() error {
		_, err := s.Publish(context.WithoutCancel(ctx), store.PublishOptions{Dir: dir, Keep: 3, Copy: copyCommand(), Now: time.Now()})
		return err
	}
	if err := commit(0); err != nil {
		t.Fatal(err)
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	loops.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			if err := commit(n); err != nil {
				t.Error(err)
				return
			}
		}
	})
	// A new copy for every fifth opening, made while the openings go on.
	wanted := make(chan struct{}, 1)
	loops.Go(func() {
		for {
			select {
			case <-wanted:
			case <-ctx.Done():
				return
			}
			if err := publish(); err != nil {
				t.Error(err)
				return
			}
		}
	})

	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "read.mjs"), tools, dir, strconv.Itoa(opens))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reads, files, last := 0, map[string]bool{}, 0
	for lines := bufio.NewScanner(out); lines.Scan(); reads++ {
		if reads%5 == 0 {
			select {
			case wanted <- struct{}{}:
			default: // one is being made
			}
		}
		var got struct{ Tasks, Facts, Observations, Sum, Have, Newest, File string }
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		tasks, err := strconv.Atoi(got.Tasks)
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		facts := strconv.Itoa(tasks * factsPerTask)
		sum, ok := new(big.Rat).SetString(got.Sum)
		want := big.NewRat(int64(tasks)*factsPerTask*(factsPerTask+1)/2, 1)
		newest := loopResult(tasks - 1).Task.Tick.Format(time.DateTime)
		if got.Facts != facts || got.Observations != facts || !ok || sum.Cmp(want) != 0 || got.Have != got.Tasks || got.Newest != newest {
			t.Errorf("read %d is no committed state: %s", reads, lines.Text())
		}
		if tasks < last {
			t.Errorf("read %d is older than the one before: %d tasks after %d", reads, tasks, last)
		}
		last = tasks
		files[got.File] = true
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if reads != opens || len(files) < 3 {
		t.Errorf("%d reads of %d, of %d copies", reads, opens, len(files))
	}
	t.Logf("%d openings of %d copies, the last with %d commits", reads, len(files), last)
}
