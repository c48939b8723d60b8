package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// planBackfill plans, and tells what takes no part.
func planBackfill(ctx context.Context, cfg *config.Config, r *ingest.Runner, rng ingest.Range, jobs []ingest.Job, plugins []*ingest.Plugin) (ingest.Backfill, error) {
	rng.MaxBatch = maxBatches(cfg)
	plan, err := r.PlanBackfill(ctx, rng, jobs, plugins, chainIDs(cfg))
	if err != nil {
		return plan, err
	}
	if len(plan.Stretches) == 0 {
		return plan, withCode(exitUsage, fmt.Errorf("nothing to plan: %s", strings.Join(append(plan.Skipped, "see `pipeline plugin list` and the jobs in "+cfg.Path), "; ")))
	}
	for _, s := range plan.Skipped {
		r.Log.Warn(s)
	}
	return plan, nil
}

// planOnly prints the plan and writes nothing: it reads what readers read, so it works
// beside the daemon and before there is a warehouse.
func (a *app) planOnly(ctx context.Context, cfg *config.Config, f backfillFlags, rng ingest.Range, jobs []ingest.Job) (err error) {
	log := a.logger(cfg.Log)
	for _, line := range cfg.LeftOut {
		log.Warn(line)
	}
	h := host.New(host.Options{Logger: log, MaxRSS: cfg.Plugins.MaxRSSBytes()})
	plugins, err := ingest.Discover(ctx, h, cfg.Plugins.Dir, nil)
	if err = errors.Join(err, h.Close()); err != nil {
		return err
	}
	for _, p := range plugins {
		if p.Err != nil {
			log.Warn("a plugin cannot be used and is not in the plan", "plugin", p.Binary.Name, "error", p.Err)
		}
	}
	if plugins, err = f.choose(ingest.Expect(plugins, cfg.Plugins.Dir, f.plugins)); err != nil {
		return withCode(exitUsage, err)
	}
	var db *store.Store
	if a.inside != nil {
		db = a.inside.engine.store
	} else if db, err = a.openReader(ctx, cfg); err == nil {
		defer closeInto(&err, db)
	} else if !errors.Is(err, errNoWarehouse) {
		return err
	}
	plan, err := planBackfill(ctx, cfg, &ingest.Runner{Store: db, Log: log, Settle: settle(cfg)}, rng, jobs, plugins)
	if err != nil {
		return err
	}
	return a.render(planRows(plan))
}

// maxBatches is the most calls one HTTP request to each chain can carry.
func maxBatches(cfg *config.Config) map[sdk.ChainID]int {
	most := map[sdk.ChainID]int{}
	for _, c := range cfg.Chains {
		for i, e := range c.Endpoints {
			if i == 0 || e.Archive && !c.Endpoints[0].Archive { // who is asked first about the past
				most[sdk.ChainID(c.Name)] = e.MaxBatch
			}
			if e.Archive {
				break
			}
		}
	}
	return most
}

// planRows is the plan as a table: a row a series, and one a chain for its blocks.
func planRows(plan ingest.Backfill) *query.Result {
	res := &query.Result{Columns: []query.Column{
		{Name: "job", Type: "VARCHAR"}, {Name: "plugin", Type: "VARCHAR"}, {Name: "chain", Type: "VARCHAR"}, {Name: "ticks", Type: "BIGINT"},
		{Name: "covered", Type: "BIGINT"}, {Name: "unrecoverable", Type: "BIGINT"}, {Name: "to_read", Type: "BIGINT"}, {Name: "requests", Type: "BIGINT"},
	}}
	for _, s := range plan.Stretches {
		res.Rows = append(res.Rows, []any{s.Job, s.Plugin, string(s.Chain), int64(s.Asked), int64(s.Covered), int64(s.Lost), int64(len(s.Due)), int64(s.Requests)})
	}
	var chains []string
	for chain := range plan.Anchors {
		chains = append(chains, string(chain))
	}
	slices.Sort(chains)
	for _, chain := range chains {
		res.Rows = append(res.Rows, []any{"(blocks of the ticks)", nil, chain, nil, nil, nil, nil, int64(plan.Anchors[sdk.ChainID(chain)])})
	}
	return res
}
