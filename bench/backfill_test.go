package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"golang.org/x/sync/errgroup"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// latency is what every HTTP request to the node costs beside its work.
const latency = 100 * time.Millisecond

// lines is how many requests the naive reader has under way.
const lines = 16

// days is how many daily ticks are read. A year takes minutes, nearly all of them
// for the naive reader.
var days = flag.Int("days", 14, "daily ticks that BenchmarkBackfill reads")

var (
	from = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	now  = time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
)

// BenchmarkBackfill reads daily metrics of two protocols as `pipeline backfill`
// does, and then makes the same contract calls at the same blocks naively: each in a
// request of its own, and a bisection for each block.
func BenchmarkBackfill(b *testing.B) {
	plugins := build(b, "lido", "rocketpool")
	state := chaintest.NewEthereum()
	state.Now = func() time.Time { return now }
	state.TeachLido()
	state.TeachRocketPool()
	for b.Loop() {
		n := newNode(state, latency, now)
		n.accounts = true
		server := httptest.NewServer(n)
		took, rows := backfill(b, plugins, server.URL, *days)
		headers, calls, other := n.requests()
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(float64(headers+calls+other), "requests")
		b.ReportMetric(float64(rows), "facts")
		b.Logf("pipeline: %d requests (%d for %d ticks of two plugins, %d for their blocks, %d for the chain's identity), %d facts, %s",
			headers+calls+other, calls, *days, headers, other, rows, took.Round(10*time.Millisecond))

		asked := n.wanted
		n.accounts = false
		took = naive(b, n, server.URL, asked)
		h, c, _ := n.requests()
		b.ReportMetric(float64(h-headers+c-calls), "naive-requests")
		b.ReportMetric(took.Seconds(), "naive-s")
		b.Logf("naive, %d at once: %d requests (%d for contract calls, %d for blocks), %s; one after the other at least %s", lines,
			h-headers+c-calls, c-calls, h-headers, took.Round(10*time.Millisecond), (time.Duration(h-headers+c-calls) * latency).Round(time.Second))
		server.Close()
	}
}

// backfill reads daily ticks with all the plugins of a folder. It returns its wall
// time, from opening the warehouse to the last commit, and the facts there are then.
func backfill(b testing.TB, plugins, url string, days int) (time.Duration, int) {
	b.Helper()
	ctx := b.Context()
	log := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return now }
	started := time.Now()
	db, err := store.Open(ctx, filepath.Join(b.TempDir(), "w.duckdb"), store.Options{Now: clock})
	check(b, err)
	gate, err := gateway.New(gateway.Options{Now: clock, Logger: log, Chains: []gateway.Chain{{
		ID: "ethereum", Kind: gateway.EVM, NetworkID: 1, Endpoints: []gateway.Endpoint{{Alias: "local", URL: url, Archive: true}},
	}}})
	check(b, err)
	h := host.New(host.Options{Logger: log})
	found, err := ingest.Discover(ctx, h, plugins, nil)
	check(b, err)
	r := &ingest.Runner{Store: db, Host: h, Gateway: gate, Log: log, Version: "bench", Now: clock}
	check(b, r.Prepare(ctx, found))
	daily, err := schedule.Parse("@daily", "UTC")
	check(b, err)
	plan, err := r.PlanBackfill(ctx, ingest.Range{From: from, To: from.AddDate(0, 0, days-1)}, []ingest.Job{{Name: "state", Schedule: daily}}, found, []sdk.ChainID{"ethereum"})
	check(b, err)
	for _, s := range plan.Stretches {
		b.Logf("planned: %s: %d ticks, %d requests", s.Series, len(s.Due), s.Requests)
	}
	b.Logf("planned: %d requests for blocks", plan.Anchors["ethereum"])
	check(b, r.BeginBackfill(ctx, plan))
	sum, err := r.Run(ctx, "backfill", found, plan.Work())
	check(b, err)
	if !sum.OK() || len(sum.Outcomes) != len(found)*days {
		b.Fatalf("%d outcomes: %+v", len(sum.Outcomes), sum.Outcomes[0])
	}
	took := time.Since(started)
	var rows int
	check(b, db.DB().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM fact_metric) + (SELECT count(*) FROM fact_price) + (SELECT count(*) FROM fact_exit_quote)`).Scan(&rows))
	check(b, h.Close())
	check(b, gate.Close())
	check(b, db.Close())
	return took, rows
}

// naive asks for every value with a request of its own.
func naive(b *testing.B, n *node, url string, asked map[string][]single) time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: lines}}
	defer client.CloseIdleConnections()
	var failed atomic.Pointer[error]
	post := func(method string, params ...any) json.RawMessage {
		body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
		if err == nil {
			var res *http.Response
			if res, err = client.Post(url, "application/json", bytes.NewReader(body)); err == nil {
				defer res.Body.Close()
				body, err = io.ReadAll(res.Body)
			}
		}
		var answer struct{ Result json.RawMessage }
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if err != nil {
			failed.Store(&err)
		}
		return answer.Result
	}
	started := time.Now()
	var group errgroup.Group
	group.SetLimit(lines)
	for tick := from; tick.Before(from.AddDate(0, 0, *days)); tick = tick.AddDate(0, 0, 1) {
		group.Go(func() error { // the block of the tick
			lo, hi := uint64(firstNumber), n.newest()
			for hi-lo > 1 {
				mid := lo + (hi-lo)/2
				var h struct{ Timestamp hexutil.Uint64 }
				if err := json.Unmarshal(post("eth_getBlockByNumber", hexutil.Uint64(mid), false), &h); err != nil {
					return fmt.Errorf("block %d: %w", mid, err)
				}
				if int64(h.Timestamp) <= tick.Unix() {
					lo = mid
				} else {
					hi = mid
				}
			}
			return nil
		})
	}
	check(b, group.Wait())
	for hash, calls := range asked {
		for _, c := range calls {
			group.Go(func() error {
				post("eth_call", c, map[string]any{"blockHash": hash})
				return nil
			})
		}
	}
	check(b, group.Wait())
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return time.Since(started)
}

// build makes the plugins as `make build` does and returns their folder.
func build(b testing.TB, names ...string) string {
	b.Helper()
	dir := b.TempDir()
	args := []string{"build", "-ldflags", "-s -w", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "../plugins/"+name)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
