package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/control"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

// engine is everything ingestion needs, wired together.
type engine struct {
	cfg     *config.Config
	log     *slog.Logger
	store   *store.Store
	gateway *gateway.Gateway
	host    *host.Host
	plugins []*ingest.Plugin
	runner  *ingest.Runner
	own     []io.Closer // what is not lent by another engine, in the order of opening
}

// engineOptions are what differs between the verbs that ingest.
type engineOptions struct {
	command        string   // run | serve | backfill | demo
	record, replay string   // folders
	plugins        []string // that must be there; others are started too
	// lent is an engine that lends what it has: the warehouse, and with it perhaps
	// gateway and host. They stay open.
	lent *engine
}

// openEngine opens the warehouse, starts the plugins and registers what they are.
func (a *app) openEngine(ctx context.Context, cfg *config.Config, opt engineOptions) (_ *engine, err error) {
	e := &engine{cfg: cfg, log: a.logger(cfg.Log)}
	if a.inside != nil {
		opt.lent = a.inside.engine
	}
	if opt.lent != nil {
		e.store, e.gateway, e.host = opt.lent.store, opt.lent.gateway, opt.lent.host
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	for _, line := range cfg.LeftOut {
		e.log.Warn(line)
	}
	// What is wrong with the plugin folder is told before anything is written.
	if e.plugins, err = ingest.Find(cfg.Plugins.Dir, nil); err != nil {
		return nil, err
	}
	e.plugins = ingest.Expect(e.plugins, cfg.Plugins.Dir, opt.plugins)
	if e.store == nil {
		if e.store, err = store.Open(ctx, cfg.Database, store.Options{Command: "pipeline " + opt.command}); err != nil {
			return nil, err
		}
		e.own = append(e.own, e.store)
		if err = control.Remove(cfg.Database); err != nil { // of a daemon that was killed
			return nil, fmt.Errorf("take away what a killed daemon has left: %w", err)
		}
	}
	if e.gateway == nil {
		if e.gateway, err = gateway.New(gateway.Options{
			Chains: gatewayChains(cfg), Record: opt.record, Replay: opt.replay, Logger: e.log,
			// The planner asks what answers only for now for the newest tick of a job; how old
			// that may be is the schedule's business.
			PresentGrace: 366 * 24 * time.Hour,
		}); err != nil {
			return nil, withCode(exitUsage, err)
		}
		e.own = append(e.own, e.gateway)
	}
	recordings, err := e.recordings(opt.replay)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	if e.host == nil {
		e.host = host.New(host.Options{Logger: e.log, MaxRSS: cfg.Plugins.MaxRSSBytes()})
		e.own = append(e.own, e.host)
	}
	if err = ingest.Start(ctx, e.host, e.plugins); err != nil {
		return nil, err
	}
	e.runner = &ingest.Runner{
		Store: e.store, Host: e.host, Gateway: e.gateway, Log: e.log,
		Version: buildVersion(), Recording: opt.record != "", Settle: settle(cfg), Recordings: recordings,
	}
	if !a.quiet {
		e.runner.Report = a.reportOutcome
	}
	if err = e.store.PutChains(ctx, storeChains(cfg)); err != nil {
		return nil, err
	}
	defs, err := definitions()
	if err != nil {
		return nil, err
	}
	if err = e.store.PutDefinitions(ctx, defs, time.Now()); err != nil {
		return nil, err
	}
	return e, e.runner.Prepare(ctx, e.plugins)
}

// recordings are what past ticks of chains that answer only for now are read from: the
// folder that answers for everything, if there is one, or those of the configuration.
func (e *engine) recordings(replay string) (map[sdk.ChainID]ingest.Recordings, error) {
	all := map[sdk.ChainID]ingest.Recordings{}
	for i, c := range gatewayChains(e.cfg) {
		dir := e.cfg.Chains[i].Recordings
		switch {
		case replay != "":
			all[c.ID] = e.gateway
		case dir != "":
			g, err := gateway.New(gateway.Options{Chains: []gateway.Chain{c}, Replay: dir, Logger: e.log})
			if err != nil {
				return nil, fmt.Errorf("chain %s: %w", c.ID, err)
			}
			e.own = append(e.own, g)
			all[c.ID] = g
		}
	}
	return all, nil
}

// definitions are what the named queries of this program compute.
func definitions() ([]store.Definition, error) {
	all, err := query.List(warehouse.FS())
	if err != nil {
		return nil, err
	}
	var defs []store.Definition
	for _, n := range all {
		defs = append(defs, store.Definition{Query: n.Name, Version: n.Methodology, SQL: n.SQL})
	}
	return defs, nil
}

// Close stops the plugins, then the gateway, then lets the warehouse go.
func (e *engine) Close() error {
	for _, p := range e.plugins {
		p.Stop() // a host that is lent goes on without them
	}
	var errs []error
	for _, c := range slices.Backward(e.own) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func gatewayChains(cfg *config.Config) []gateway.Chain {
	var chains []gateway.Chain
	for _, c := range cfg.Chains {
		g := gateway.Chain{ID: sdk.ChainID(c.Name), Kind: c.Kind, NetworkID: c.NetworkID, Genesis: c.Genesis, Verify: c.Verify}
		for _, p := range c.Endpoints {
			headers := map[string]string{}
			for name, value := range p.Headers {
				headers[name] = value.Reveal()
			}
			g.Endpoints = append(g.Endpoints, gateway.Endpoint{
				Alias: p.Alias, URL: p.URL.Reveal(), Headers: headers, RatePerSecond: p.RatePerSecond, Burst: p.Burst,
				MaxBatch: p.MaxBatch, Timeout: p.Timeout.Duration, Archive: p.Archive,
			})
		}
		chains = append(chains, g)
	}
	return chains
}

// heightKinds is what a height counts, by kind of chain.
var heightKinds = map[string]string{config.EVM: "block", config.Solana: "slot", config.Beacon: "slot", config.API: "none"}

func storeChains(cfg *config.Config) []store.Chain {
	var chains []store.Chain
	for _, c := range cfg.Chains {
		chains = append(chains, store.Chain{ID: sdk.ChainID(c.Name), Kind: c.Kind, Name: c.Title, NativeAsset: c.NativeAsset, HeightKind: heightKinds[c.Kind]})
	}
	return chains
}

// settle is how long each chain takes to be final.
func settle(cfg *config.Config) map[sdk.ChainID]time.Duration {
	m := map[sdk.ChainID]time.Duration{}
	for _, c := range cfg.Chains {
		m[sdk.ChainID(c.Name)] = c.Settle.Duration
	}
	return m
}

func chainIDs(cfg *config.Config) []sdk.ChainID {
	var ids []sdk.ChainID
	for _, c := range cfg.Chains {
		ids = append(ids, sdk.ChainID(c.Name))
	}
	return ids
}

// ingestJobs turns the configured jobs, or only the named ones, into jobs to plan.
func ingestJobs(cfg *config.Config, names []string) ([]ingest.Job, error) {
	all, err := allJobs(cfg, names)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(j ingest.Job) bool {
		spec, _ := cfg.Job(j.Name)
		return spec.Schedule == ""
	}), nil
}

// allJobs is ingestJobs with the jobs that run only on request.
func allJobs(cfg *config.Config, names []string) ([]ingest.Job, error) {
	var jobs []ingest.Job
	for _, n := range names {
		if _, ok := cfg.Job(n); !ok {
			return nil, withCode(exitUsage, fmt.Errorf("no job %q in %s", n, cfg.Path))
		}
	}
	for _, j := range cfg.Jobs {
		if len(names) > 0 && !contains(names, j.Name) {
			continue
		}
		ticks, err := j.Ticks()
		if err != nil {
			return nil, withCode(exitUsage, fmt.Errorf("job %s: %w", j.Name, err))
		}
		job := ingest.Job{
			Name: j.Name, Schedule: ticks, CatchUp: ingest.CatchUp(j.CatchUp), Max: j.CatchUpMax,
			Plugins: j.Plugins, Options: j.Options, Timeout: j.Timeout.Duration, Attempts: j.Attempts,
		}
		for _, c := range j.Chains {
			job.Chains = append(job.Chains, sdk.ChainID(c))
		}
		for _, t := range j.Tokens {
			job.Tokens = append(job.Tokens, sdk.TokenID(t))
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
