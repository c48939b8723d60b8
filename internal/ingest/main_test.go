package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// pluginDir holds real plugins, built once.
var pluginDir string

func TestMain(m *testing.M) {
	if text := os.Getenv(helperEnv); text != "" {
		os.Exit(helper(text))
	}
	dir, err := os.MkdirTemp("", "lst-ingest")
	if err != nil {
		panic(err)
	}
	pluginDir = dir
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+string(filepath.Separator),
		"../../plugins/rocketpool", "../../plugins/marinade", "../../plugins/chainlink")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the plugins: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) set(t time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.at = t }

// world is both chains under a clock.
type world struct {
	*chaintest.Net
	clock *clock
}

func newWorld(t *testing.T, at time.Time) *world {
	t.Helper()
	w := &world{chaintest.Start(t), &clock{}}
	w.Ethereum.Now = w.clock.now
	w.set(t, at)
	return w
}

func (w *world) set(t *testing.T, at time.Time) {
	t.Helper()
	w.clock.set(at)
	w.Solana.SetState(chaintest.SolanaState(t, at))
}

// setup says how a pipeline is put together. It crosses to the helper process.
type setup struct {
	Database, Plugins, Ethereum, Solana string
	Now                                 time.Time
	From, To                            time.Time // of a backfill; zero: none
}

// pipeline is everything a run needs, on one warehouse.
type pipeline struct {
	*Runner
	plugins []*Plugin
	db      *store.Store
	gate    *gateway.Gateway
	close   func() error
}

func open(ctx context.Context, s setup, now func() time.Time, names ...string) (_ *pipeline, err error) {
	log := slog.New(slog.DiscardHandler)
	p := &pipeline{}
	if p.db, err = store.Open(ctx, s.Database, store.Options{Now: now}); err != nil {
		return nil, err
	}
	p.gate, err = gateway.New(gateway.Options{
		Now: now, Logger: log, Attempts: 1, PresentGrace: 366 * 24 * time.Hour,
		Chains: []gateway.Chain{
			{ID: "ethereum", Kind: gateway.EVM, NetworkID: 1, Endpoints: []gateway.Endpoint{{Alias: "eth", URL: s.Ethereum, Archive: true}}},
			{ID: "solana", Kind: gateway.Solana, Endpoints: []gateway.Endpoint{{Alias: "sol", URL: s.Solana}}},
		},
	})
	if err != nil {
		return nil, err
	}
	h := host.New(host.Options{Logger: log})
	p.close = func() error {
		for _, c := range []interface{ Close() error }{h, p.gate, p.db} {
			if err := c.Close(); err != nil {
				return err
			}
		}
		return nil
	}
	if p.plugins, err = Discover(ctx, h, s.Plugins, names); err != nil {
		return nil, err
	}
	for _, one := range p.plugins {
		if one.Err != nil {
			return nil, one.Err
		}
	}
	p.Runner = &Runner{Store: p.db, Host: h, Gateway: p.gate, Log: log, Version: "test", Now: now,
		Settle: map[sdk.ChainID]time.Duration{"ethereum": 16 * time.Minute}}
	return p, p.Prepare(ctx, p.plugins)
}

func (w *world) open(t *testing.T, database string, names ...string) *pipeline {
	t.Helper()
	p, err := open(t.Context(), w.setup(database), w.clock.now, names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (w *world) setup(database string) setup {
	return setup{Database: database, Plugins: pluginDir, Ethereum: w.EthereumURL, Solana: w.SolanaURL, Now: w.clock.now()}
}

var chains = []sdk.ChainID{"ethereum", "solana"}

// wake does what is due, and returns how that ended.
func (p *pipeline) wake(ctx context.Context, jobs ...Job) (Summary, error) {
	work, _, err := p.Due(ctx, jobs, p.plugins, chains)
	if err != nil {
		return Summary{}, err
	}
	return p.Run(ctx, "run", p.plugins, work)
}

func (p *pipeline) mustWake(t *testing.T, jobs ...Job) Summary {
	t.Helper()
	sum, err := p.wake(t.Context(), jobs...)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func (p *pipeline) backfill(ctx context.Context, rng Range, jobs ...Job) (Backfill, Summary, error) {
	plan, err := p.PlanBackfill(ctx, rng, jobs, p.plugins, chains)
	if err != nil {
		return plan, Summary{}, err
	}
	if err := p.BeginBackfill(ctx, plan); err != nil {
		return plan, Summary{}, err
	}
	sum, err := p.Run(ctx, "backfill", p.plugins, plan.Work())
	return plan, sum, err
}

// ask reads rows as text, one line each.
func (p *pipeline) ask(t *testing.T, query string) []string {
	t.Helper()
	rows, err := p.db.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var cells []string
		for _, v := range rows.Values() {
			if at, ok := v.(time.Time); ok {
				v = at.Format("2006-01-02T15:04:05Z")
			}
			cells = append(cells, fmt.Sprint(v))
		}
		list = append(list, strings.Join(cells, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Everything a warehouse says about Ethereum, but when it learned it and in which
// run.
const ethereumFacts = `
	SELECT 'metric', metric_id, token_id, ts, ref_ts, value_exact::VARCHAR, height, quality, reason, basis, finality, transform
	FROM metric_now WHERE token_id = 'reth'
	UNION ALL BY NAME
	SELECT 'price', quote || venue AS metric_id, base_id AS token_id, ts, ref_ts, price_exact::VARCHAR, height, quality, reason, basis, NULL AS finality, transform
	FROM price_now WHERE base_id IN ('reth', 'ETH')
	UNION ALL BY NAME
	SELECT 'quote', route || size_native::VARCHAR AS metric_id, token_id, ts, NULL::TIMESTAMP AS ref_ts, out_native::VARCHAR, height, quality, reason, basis, NULL AS finality, transform
	FROM fact_exit_quote WHERE token_id = 'reth'
	ORDER BY ALL`

// No key has more than one version where nothing was corrected.
const doubled = `
	SELECT 'metric', metric_id, token_id, ts, count(*) FROM fact_metric GROUP BY metric_id, token_id, ts, basis HAVING count(*) > 1
	UNION ALL SELECT 'price', base_id, quote || venue, ts, count(*) FROM fact_price GROUP BY base_id, quote, venue, ts HAVING count(*) > 1
	UNION ALL SELECT 'quote', token_id, route, ts, count(*) FROM fact_exit_quote GROUP BY token_id, route, size_native, ts HAVING count(*) > 1
	UNION ALL SELECT 'raw', token_id, metric_id, block_ts, count(*) FROM raw_observation GROUP BY token_id, metric_id, block_ts, labels::VARCHAR HAVING count(*) > 1`

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
