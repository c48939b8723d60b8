package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sql"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// The loop reads two tokens. The rate of one grows by rateStep with each commit, that
// of the other by twice as much, so that a comparison tells which commit it saw, and
// that it saw the whole of it.
const (
	factsPerTask = 4 // a rate and a supply for each
	rateStep     = 1e-8
	supply       = 100_000_000
	loopPeriod   = time.Hour
	loopWeek     = 7 * 24 // ticks of the comparison, so that it costs the same however long the loop runs
)

var (
	loopTokens = []sdk.TokenID{"one", "two"}
	loopBegin  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// loopRate is the rate of the i-th token at the n-th commit.
func loopRate(n, i int) *big.Rat {
	return big.NewRat(1e8+int64(n)*int64(i+1), 1e8)
}

// loopResult is the n-th commit of the ingest loop, loopPeriod after the one before.
func loopResult(n int) store.TaskResult {
	tick := loopBegin.Add(time.Duration(n) * loopPeriod)
	res := store.TaskResult{
		Task: store.Task{
			TaskKey: store.TaskKey{Job: "loop", Plugin: "p", Chain: "ethereum", Tick: tick}, State: store.StateHave, RunID: "run",
			AnchorHeight: uint64(n + 1), AnchorTime: tick, Finality: sdk.Finalized,
		},
		KnownAt: tick, PluginVersion: "1", PluginSHA256: "ab",
	}
	add := func(token sdk.TokenID, metric sdk.MetricID, value *big.Rat) {
		res.Observations = append(res.Observations, store.Observation{
			Observation: sdk.Observation{
				Token: token, Metric: metric, Value: big.NewInt(1), Quality: sdk.QualityOK, Basis: sdk.OnChain,
				Source: sdk.Source{Method: "m()", Target: "0x1", Field: "word 0"},
			},
			At: sdk.Position{Height: uint64(n + 1), Time: tick}, Finality: sdk.Finalized, Endpoint: "own",
		})
		res.Metrics = append(res.Metrics, transforms.MetricFact{
			Metric: metric, Token: token, TS: tick, Value: value, Uncertainty: new(big.Rat), Height: uint64(n + 1),
			Quality: sdk.QualityOK, Basis: sdk.OnChain, Finality: sdk.Finalized, Obs: []int{len(res.Metrics)}, Transform: "scale@1",
		})
	}
	for i, token := range loopTokens {
		add(token, sdk.ExchangeRateMetric, loopRate(n, i))
		add(token, sdk.LSTSupply, big.NewRat(supply, 1))
	}
	return res
}

// leagueSQL is the named comparison league a week wide, with its parameters written
// into it, at the moment NEWEST.
func leagueSQL(t *testing.T) string {
	t.Helper()
	all, err := query.List(sql.FS())
	if err != nil {
		t.Fatal(err)
	}
	league, err := query.Find(all, "league")
	if err != nil {
		t.Fatal(err)
	}
	moment := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	bound, err := league.Bind(map[string]string{"window": "7"}, query.Defaults{AsOf: moment})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimRight(strings.TrimSpace(league.Literal(bound)), ";")
	return strings.ReplaceAll(text, moment.Format(time.DateTime), "NEWEST")
}

// leagueRow is what the test looks at in the answer of league.
type leagueRow struct {
	Token, State, Updates string
	TVL                   float64 `json:"tvl_native"`
	APR                   float64 `json:"apr_pct"`
}

// wantLeague is the answer of league after the n-th commit, of the week before it or
// of what there is.
func wantLeague(n int) (rows []leagueRow) {
	updates := min(n, loopWeek)
	for i := len(loopTokens) - 1; i >= 0; i-- { // the best first
		rate, _ := loopRate(n, i).Float64()
		before, _ := loopRate(n-updates, i).Float64()
		rows = append(rows, leagueRow{
			Token: string(loopTokens[i]), State: "fresh", Updates: strconv.Itoa(updates), TVL: rate * supply,
			APR: 100 * (rate/before - 1) * float64(365*24*time.Hour) / float64(time.Duration(updates)*loopPeriod),
		})
	}
	return rows
}

// The npm client opens latest.duckdb 100 times (LST_OPENS says how often) and compares
// the tokens in it, while an ingest loop commits without pause and one copy follows
// the other: no lock error, and each read is one committed state.
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
	opens := 100
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
	d := sdk.Description{Protocols: []sdk.Protocol{{ID: "p", Name: "P", Status: "live"}}}
	for _, token := range loopTokens {
		d.Tokens = append(d.Tokens, sdk.Token{ID: token, Protocol: "p", Chain: "ethereum", Symbol: string(token), Decimals: 18,
			Underlying: "ETH", Accrual: sdk.ExchangeRate, ExpectedUpdate: loopPeriod, StaleAfter: 40 * 24 * time.Hour})
	}
	err = errors.Join(s.PutChains(ctx, []store.Chain{{ID: "ethereum", Kind: "evm", Name: "Ethereum", NativeAsset: "ETH", HeightKind: "block"}}),
		s.PutDimensions(ctx, d, "p", loopBegin), commit(0), commit(1)) // a yield needs two
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	loops.Go(func() {
		for n := 2; ctx.Err() == nil; n++ {
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

	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "read.mjs"), tools, dir, strconv.Itoa(opens), leagueSQL(t))
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
		var got struct {
			Tasks, Facts, Observations, Have, Ticks, Newest, File string
			League                                                []leagueRow
		}
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		tasks, err := strconv.Atoi(got.Tasks)
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		facts := strconv.Itoa(tasks * factsPerTask)
		newest := loopResult(tasks - 1).Task.Tick.Format(time.DateTime)
		week := strconv.Itoa(min(tasks, loopWeek))
		if got.Facts != facts || got.Observations != facts || got.Have != week || got.Ticks != week || got.Newest != newest {
			t.Errorf("read %d is no committed state: %s", reads, lines.Text())
		}
		if diff := cmp.Diff(wantLeague(tasks-1), got.League, cmpopts.EquateApprox(0, 1e-4)); diff != "" {
			t.Errorf("read %d, league is not that of commit %d (-want +got):\n%s", reads, tasks, diff)
		}
		if tasks < last {
			t.Errorf("read %d is older than the one before: %d tasks after %d", reads, tasks, last)
		}
		last = tasks
		files[got.File] = true
		if reads%100 == 99 {
			t.Logf("%d openings, %d copies, %d commits", reads+1, len(files), tasks)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if reads != opens || len(files) < 3 {
		t.Errorf("%d reads of %d, of %d copies", reads, opens, len(files))
	}
	t.Logf("%d openings of %d copies, the last with %d commits", reads, len(files), last)
}
