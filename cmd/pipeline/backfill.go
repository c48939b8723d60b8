package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// backfillFlags are what a person asked for.
type backfillFlags struct {
	from, to, every            string
	job                        string
	plugins, protocols, tokens []string
	dryRun, refetch            bool
	parallel                   int
	record, replay             string
}

func newBackfill(a *app) *cobra.Command {
	var f backfillFlags
	cmd := &cobra.Command{
		Use:   "backfill --from T [--to T]",
		Short: "Read the past: every tick of a range the warehouse does not have",
		Long: `backfill lists the ticks of a range, leaves out those the ledger has, shows the
plan with its cost in HTTP requests, and reads the rest at their own blocks, many
blocks in one request. Ctrl-C stops it; the same command goes on where it was. While
the daemon holds the warehouse, it does the backfill beside its jobs.

Coverage is kept by job: a plugin's ticks belong to --job, or to the first job of
the configuration that takes the plugin. With --token the coverage is kept apart
(job state, token T: state:T), since such a tick is not the job's whole tick.

Ticks of chains whose past cannot be read (Solana) are read from recordings, those of
the chain's key recordings or of --replay; what is not recorded is written down as
unrecoverable. --refetch reads also what is there: what differs becomes a new
version beside the old one.`,
		Example: `  pipeline backfill --from 2024-01-01 --to 2024-12-31 --every 1d --dry-run
  pipeline backfill --from 2024-01-01 --every 1d --protocol NAME`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.backfill(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "first moment: 2024-01-31 or 2024-01-31T12:00:00Z (required)")
	flags.StringVar(&f.to, "to", "", "last moment, a day without a time is its start; default now")
	flags.StringVar(&f.every, "every", "", "step such as 1h, 1d or 1w, aligned to UTC; default the job's schedule")
	flags.StringVar(&f.job, "job", "", "the job whose ledger is filled; default the first that takes the plugin")
	flags.StringSliceVar(&f.plugins, "plugin", nil, "only these plugins")
	flags.StringSliceVar(&f.protocols, "protocol", nil, "only plugins of these protocols")
	flags.StringSliceVar(&f.tokens, "token", nil, "only these tokens")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the plan and stop; writes nothing")
	flags.BoolVar(&f.refetch, "refetch", false, "read again what is there; differences become new versions")
	flags.IntVar(&f.parallel, "parallel", 0, "plugins at work at once; default 4")
	flags.StringVar(&f.record, "record", "", "write every exchange with the endpoints into this folder")
	flags.StringVar(&f.replay, "replay", "", "answer only from recordings in this folder, without a network")
	a.rowsFlag(cmd)
	return cmd
}

func (a *app) backfill(ctx context.Context, f backfillFlags) (err error) {
	if err := checkFormat(a.output); err != nil {
		return err
	}
	rng, err := f.rng(time.Now())
	if err != nil {
		return withCode(exitUsage, err)
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	var names []string
	if f.job != "" {
		names = []string{f.job}
	}
	jobs, err := allJobs(cfg, names)
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.planOnly(ctx, cfg, f, rng, jobs)
	}
	e, err := a.openEngine(ctx, cfg, engineOptions{command: "backfill", record: f.record, replay: f.replay, plugins: f.plugins})
	if err != nil {
		return err
	}
	defer closeInto(&err, e)
	plugins, err := f.choose(e.plugins)
	if err != nil {
		return withCode(exitUsage, err)
	}
	plan, err := planBackfill(ctx, cfg, e.runner, rng, jobs, plugins)
	if err != nil {
		return err
	}
	if !a.quiet {
		if err := query.Render(a.stderr, planRows(plan), "table", columns(a.stderr)); err != nil {
			return err
		}
	}
	if err := e.runner.BeginBackfill(ctx, plan); err != nil {
		return err
	}
	work := plan.Work()
	progress := newProgress(a.stderr, a.quiet, work)
	e.runner.Parallel, e.runner.Report = f.parallel, progress.outcome
	sum, err := e.runner.Run(ctx, "backfill", plugins, work)
	progress.end()
	if err != nil {
		if !a.quiet {
			fmt.Fprintf(a.stderr, "%d of %d ticks are done\n", len(sum.Outcomes), progress.total)
		}
		return err
	}
	return errors.Join(a.printBackfill(plan, sum), a.afterRun(ctx, e, sum))
}

// rng reads the flags that say which part of the past is meant.
func (f backfillFlags) rng(now time.Time) (ingest.Range, error) {
	rng := ingest.Range{Refetch: f.refetch, To: now.UTC(), Named: len(f.plugins)+len(f.protocols)+len(f.tokens) > 0}
	if f.from == "" {
		return rng, errors.New("--from is required: the first moment to read")
	}
	var err error
	if rng.From, err = parseMoment(f.from); err != nil {
		return rng, fmt.Errorf("--from: %w", err)
	}
	if f.to != "" {
		if rng.To, err = parseMoment(f.to); err != nil {
			return rng, fmt.Errorf("--to: %w", err)
		}
	}
	if rng.From.After(rng.To) || rng.From.After(now) {
		return rng, fmt.Errorf("the range from %s to %s holds no moment of the past", rng.From.Format(time.RFC3339), rng.To.Format(time.RFC3339))
	}
	if f.every != "" {
		if rng.Every, err = parseStep(f.every); err != nil {
			return rng, fmt.Errorf("--every: %w", err)
		}
	}
	for _, t := range f.tokens {
		rng.Tokens = append(rng.Tokens, sdk.TokenID(t))
	}
	return rng, nil
}

// choose narrows the plugins to those the flags name.
func (f backfillFlags) choose(all []*ingest.Plugin) ([]*ingest.Plugin, error) {
	protocols, tokens := map[string]bool{}, map[string]bool{}
	chosen := slices.Clone(all)
	chosen = slices.DeleteFunc(chosen, func(p *ingest.Plugin) bool {
		named := len(f.plugins) == 0 || slices.Contains(f.plugins, p.Binary.Name)
		ofProtocol, ofToken := len(f.protocols) == 0, len(f.tokens) == 0
		for _, d := range p.Description.Protocols {
			if slices.Contains(f.protocols, string(d.ID)) {
				protocols[string(d.ID)], ofProtocol = true, true
			}
		}
		for _, t := range p.Description.Tokens {
			if slices.Contains(f.tokens, string(t.ID)) {
				tokens[string(t.ID)], ofToken = true, true
			}
		}
		return !named || !ofProtocol || !ofToken
	})
	for _, want := range f.protocols {
		if !protocols[want] {
			return nil, fmt.Errorf("no plugin has the protocol %q (see `pipeline plugin list`)", want)
		}
	}
	for _, want := range f.tokens {
		if !tokens[want] {
			return nil, fmt.Errorf("no plugin has the token %q (see `pipeline plugin list`)", want)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no plugin is left by --plugin, --protocol and --token together")
	}
	return chosen, nil
}

// printBackfill prints what became of the ticks, counted by series and state, and
// turns it into the exit code.
func (a *app) printBackfill(plan ingest.Backfill, sum ingest.Summary) error {
	res := &query.Result{Columns: []query.Column{
		{Name: "job", Type: "VARCHAR"}, {Name: "plugin", Type: "VARCHAR"}, {Name: "chain", Type: "VARCHAR"}, {Name: "state", Type: "VARCHAR"},
		{Name: "ticks", Type: "BIGINT"}, {Name: "facts", Type: "BIGINT"}, {Name: "rejected", Type: "BIGINT"}, {Name: "requests", Type: "BIGINT"},
		{Name: "error", Type: "VARCHAR"},
	}}
	type line struct {
		ingest.Series
		state string
	}
	index := map[line]int{}
	add := func(s ingest.Series, state string, ticks, facts, rejects, requests int, message string) {
		at, ok := index[line{s, state}]
		if !ok {
			at = len(res.Rows)
			index[line{s, state}] = at
			res.Rows = append(res.Rows, []any{s.Job, s.Plugin, string(s.Chain), state, int64(0), int64(0), int64(0), int64(0), nil})
		}
		row := res.Rows[at]
		for i, n := range []int{ticks, facts, rejects, requests} {
			row[4+i] = row[4+i].(int64) + int64(n)
		}
		if message != "" {
			row[8] = message
		}
	}
	for _, s := range plan.Stretches {
		if s.Covered > 0 {
			add(s.Series, "covered", s.Covered, 0, 0, 0, "")
		}
		if s.Lost > 0 {
			add(s.Series, "unrecoverable", s.Lost, 0, 0, 0, "the chain's past state cannot be read")
		}
	}
	for _, o := range sum.Outcomes {
		add(o.Series, o.State, 1, o.Rows, o.Rejects, o.Requests, o.Message)
	}
	for name, err := range sum.Broken {
		res.Rows = append(res.Rows, []any{nil, name, nil, "broken", nil, nil, nil, nil, err.Error()})
	}
	slices.SortStableFunc(res.Rows, func(x, y []any) int {
		return strings.Compare(fmt.Sprint(x[:4]...), fmt.Sprint(y[:4]...))
	})
	if err := a.render(res); err != nil {
		return err
	}
	if !sum.OK() {
		return withCode(exitIncomplete, fmt.Errorf("run %s is not complete: see the rows above; the same command tries the rest again", sum.RunID))
	}
	return nil
}

// parseMoment reads a moment of a flag: a day (its start) or a time, in UTC.
func parseMoment(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2024-01-31 nor a time such as 2024-01-31T12:00:00Z", text)
}

// parseStep reads a step: a Go duration, or whole days or weeks.
func parseStep(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(digits, 10, 16)
			if err != nil || n == 0 {
				return 0, fmt.Errorf("%q is no step such as 1h, 1d or 1w", text)
			}
			return time.Duration(n) * unit, nil
		}
	}
	step, err := time.ParseDuration(text)
	if err != nil || step < time.Minute || step%time.Second != 0 {
		return 0, fmt.Errorf("%q is no step such as 1h, 1d or 1w, and at least 1m", text)
	}
	return step, nil
}
