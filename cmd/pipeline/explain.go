package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/explain"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func newExplain(a *app) *cobra.Command {
	var knownAt, replay string
	var verify bool
	cmd := &cobra.Command{
		Use:   "explain METRIC TOKEN [TIME]",
		Short: "Show where a number came from, and read it again to compare (--verify)",
		Long: `explain takes the newest fact of a metric and token at or before a time (now if
none is given) and prints its evidence: the versions, how it was computed, and for
every observation the call, contract, block, endpoint alias, digest and plugin.

--verify has the plugin read the same block again and compares values and digests;
it exits with 3 if one is different or cannot be read. A moment of a chain whose
past cannot be read (Solana) can be compared with a recording: --replay DIR.`,
		Example: `  pipeline explain exchange_rate TOKEN 2023-12-15T18:00:00Z
  pipeline explain exchange_rate TOKEN 2023-12-15 --verify -o json`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			q := explain.Question{Metric: sdk.MetricID(args[0]), Token: sdk.TokenID(args[1]), At: queryDefaults(cfg).AsOf}
			if len(args) == 3 {
				if q.At, err = parseMoment(args[2]); err != nil {
					return withCode(exitUsage, err)
				}
			}
			if knownAt != "" {
				if q.KnownAt, err = parseMoment(knownAt); err != nil {
					return withCode(exitUsage, fmt.Errorf("--known-at: %w", err))
				}
			}
			db, err := a.openReader(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer closeInto(&err, db)
			evidence, err := explain.Find(cmd.Context(), db, q)
			if err != nil {
				return err
			}
			if verify || replay != "" {
				if err := a.verify(cmd.Context(), cfg, db, evidence, replay); err != nil {
					return err
				}
			}
			if err := explain.Render(a.stdout, evidence, a.output); err != nil {
				return err
			}
			return verdict(evidence)
		},
	}
	cmd.Flags().StringVar(&knownAt, "known-at", "", "as it was known at this moment")
	cmd.Flags().BoolVar(&verify, "verify", false, "read the same block again and compare")
	cmd.Flags().StringVar(&replay, "replay", "", "with --verify, read from recordings in this folder, without a network")
	a.rowsFlag(cmd)
	return cmd
}

// verdict turns differences into the exit code.
func verdict(e *explain.Evidence) error {
	different := 0
	for _, o := range e.Observations {
		if o.Verdict != nil && !o.Verdict.Equal {
			different++
		}
	}
	if different > 0 {
		return withCode(exitIncomplete, fmt.Errorf("%d of %d observations are different or could not be read again", different, len(e.Observations)))
	}
	if e.Agrees != nil && !*e.Agrees {
		return withCode(exitIncomplete, errors.New("the stored value is not what its observations give"))
	}
	return nil
}

// verify reads every observation of the evidence again, each task once, and writes
// the verdicts into it.
func (a *app) verify(ctx context.Context, cfg *config.Config, db *store.Store, e *explain.Evidence, replay string) (err error) {
	log := a.logger(cfg.Log)
	gate, err := gateway.New(gateway.Options{Chains: gatewayChains(cfg), Replay: replay, Logger: log})
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer closeInto(&err, gate)
	h := host.New(host.Options{Logger: log, MaxRSS: cfg.Plugins.MaxRSSBytes()})
	defer closeInto(&err, h)
	var names []string
	for _, o := range e.Observations {
		if !slices.Contains(names, o.Plugin) {
			names = append(names, o.Plugin)
		}
	}
	plugins, err := ingest.Discover(ctx, h, cfg.Plugins.Dir, names)
	if err != nil {
		return err
	}
	r := &ingest.Runner{Host: h, Gateway: gate, Log: log}
	type task struct {
		plugin, job string
		chain       sdk.ChainID
		tick        time.Time
		height      uint64
		hash        string
	}
	done := map[task]bool{}
	for _, o := range e.Observations {
		t := task{o.Plugin, o.Job, o.Chain, o.Tick, o.Height, o.Hash}
		if done[t] {
			continue
		}
		done[t] = true
		of := func(x explain.Observation) bool {
			return t == task{x.Plugin, x.Job, x.Chain, x.Tick, x.Height, x.Hash}
		}
		at := slices.IndexFunc(plugins, func(p *ingest.Plugin) bool { return p.Binary.Name == o.Plugin })
		reading := ingest.Reading{
			Plugin: plugins[at], Chain: o.Chain, Tick: o.Tick, Recorded: replay != "",
			At: sdk.Position{Height: o.Height, Hash: o.Hash, Time: o.BlockTS},
		}
		asked, err := a.tokensOf(ctx, cfg, db, o, &reading)
		if err != nil {
			return err
		}
		for _, reading.Tokens = range asked {
			if judge(ctx, r, e, of, reading) {
				break
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// tokensOf gives what the task may have asked for, the likeliest first: answers are
// equal byte for byte only if the same calls are made together.
func (a *app) tokensOf(ctx context.Context, cfg *config.Config, db *store.Store, o explain.Observation, reading *ingest.Reading) ([][]sdk.TokenID, error) {
	name, narrowed, isNarrowed := strings.Cut(o.Job, ":")
	job, known := cfg.Job(name)
	reading.Options = job.Options[o.Plugin]
	var asked []sdk.TokenID
	switch {
	case isNarrowed:
		for _, t := range strings.Split(narrowed, "+") {
			asked = append(asked, sdk.TokenID(t))
		}
		return [][]sdk.TokenID{asked}, nil
	case known:
		for _, t := range job.Tokens {
			asked = append(asked, sdk.TokenID(t))
		}
		return [][]sdk.TokenID{asked}, nil
	}
	// A job that is not configured (any more): what it got, or everything.
	rows, err := db.Query(ctx, `SELECT DISTINCT token_id FROM raw_observation WHERE job = ? AND plugin = ? AND chain_id = ? AND tick = ? ORDER BY 1`,
		o.Job, o.Plugin, string(o.Chain), o.Tick)
	if err != nil {
		return nil, err
	}
	defer closeInto(&err, rows)
	for rows.Next() {
		id, _ := rows.Values()[0].(string)
		asked = append(asked, sdk.TokenID(id))
	}
	return [][]sdk.TokenID{asked, nil}, rows.Err()
}

// judge reads again and compares; it reports whether all is equal.
func judge(ctx context.Context, r *ingest.Runner, e *explain.Evidence, of func(explain.Observation) bool, reading ingest.Reading) bool {
	var again []sdk.Observation
	err := reading.Plugin.Err
	if err == nil {
		again, err = r.Reread(ctx, reading)
	}
	all := true
	for i, o := range e.Observations {
		if !of(o) {
			continue
		}
		v := explain.Compare(o, again, reading.Plugin.Binary.SHA256)
		if err != nil && !v.Equal {
			v.Detail = err.Error()
		}
		e.Observations[i].Verdict = &v
		all = all && v.Equal
	}
	return all
}
