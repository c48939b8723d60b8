package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

func newRun(a *app) *cobra.Command {
	var opt engineOptions
	var jobs []string
	var retry bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Do what is due now, once (what a system's cron calls)",
		Long: `run compares the schedules of the configuration with what the warehouse has,
reads what is due, stores it and exits. Running it twice stores nothing twice; a
run that was killed is completed by the next one. While the daemon holds the
warehouse, it does run --retry for you; what is due it does by itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			planned, err := ingestJobs(cfg, jobs)
			if err != nil {
				return err
			}
			opt.command = "run"
			for i, j := range planned {
				opt.plugins = append(opt.plugins, j.Plugins...)
				planned[i].Retry = retry
			}
			e, err := a.openEngine(cmd.Context(), cfg, opt)
			if err != nil {
				return err
			}
			defer closeInto(&err, e)
			work, skipped, err := e.runner.Due(cmd.Context(), planned, e.plugins, chainIDs(cfg))
			if err != nil {
				return err
			}
			for _, s := range skipped {
				e.log.Warn(s)
			}
			sum, err := e.runner.Run(cmd.Context(), opt.command, e.plugins, work)
			if err != nil {
				return err
			}
			return errors.Join(a.printSummary(sum), a.afterRun(cmd.Context(), e, sum))
		},
	}
	cmd.Flags().StringSliceVar(&jobs, "job", nil, "only these jobs")
	cmd.Flags().BoolVar(&retry, "retry", false, "also try again what was given up after its attempts, and what still waits for its next try")
	cmd.Flags().StringVar(&opt.record, "record", "", "write every exchange with the endpoints into this folder")
	cmd.Flags().StringVar(&opt.replay, "replay", "", "answer only from recordings in this folder, without a network")
	a.rowsFlag(cmd)
	return cmd
}

// closeInto closes the engine and keeps its error if there is no other.
func closeInto(err *error, c interface{ Close() error }) {
	if cerr := c.Close(); *err == nil {
		*err = cerr
	}
}

// reportOutcome prints one line of progress for a person.
func (a *app) reportOutcome(o ingest.Outcome) {
	mark := map[string]string{"have": "✓", "partial": "~", "unrecoverable": "-"}[o.State]
	if mark == "" {
		mark = "✗"
	}
	line := fmt.Sprintf("%s %-9s %s %s  %s", mark, o.State, o.Tick.Format("2006-01-02 15:04Z"), o.Plugin, o.Chain)
	if o.Rows+o.Rejects > 0 {
		line += fmt.Sprintf("  %d facts", o.Rows)
		if o.Rejects > 0 {
			line += fmt.Sprintf(", %d rejected", o.Rejects)
		}
		line += fmt.Sprintf("  %s", o.Took.Round(time.Millisecond))
	}
	if o.Message != "" {
		line += "  " + o.Message
	}
	fmt.Fprintln(a.stderr, line)
}

// printSummary prints what a run did and turns it into the exit code.
func (a *app) printSummary(sum ingest.Summary) error {
	res := &query.Result{Columns: []query.Column{
		{Name: "plugin", Type: "VARCHAR"}, {Name: "chain", Type: "VARCHAR"}, {Name: "tick", Type: "TIMESTAMP"}, {Name: "state", Type: "VARCHAR"},
		{Name: "facts", Type: "BIGINT"}, {Name: "rejected", Type: "BIGINT"}, {Name: "requests", Type: "BIGINT"}, {Name: "error", Type: "VARCHAR"},
	}}
	for _, o := range sum.Outcomes {
		res.Rows = append(res.Rows, []any{o.Plugin, string(o.Chain), o.Tick, o.State, int64(o.Rows), int64(o.Rejects), int64(o.Requests), orNull(o.Message)})
	}
	var broken []string
	for name := range sum.Broken {
		broken = append(broken, name)
	}
	sort.Strings(broken)
	for _, name := range broken {
		res.Rows = append(res.Rows, []any{name, nil, nil, "broken", nil, nil, nil, sum.Broken[name].Error()})
	}
	if a.output == "json" {
		// One object, so that a machine has the run's id beside the rows.
		var rows bytes.Buffer
		if err := query.Render(&rows, res, "json", 0); err != nil {
			return err
		}
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"run_id": sum.RunID, "ok": sum.OK(), "tasks": json.RawMessage(rows.Bytes())}); err != nil {
			return err
		}
	} else if len(res.Rows) == 0 {
		fmt.Fprintln(a.stdout, "nothing is due")
	} else if err := a.render(res); err != nil {
		return err
	}
	if !sum.OK() {
		return withCode(exitIncomplete, fmt.Errorf("run %s is not complete: see the rows above, `pipeline status`, or ingest_task in SQL", sum.RunID))
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
