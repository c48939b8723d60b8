package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

func newStatus(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the warehouse has, what is missing and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			all, err := query.List(warehouse.FS())
			if err != nil {
				return err
			}
			named, err := query.Find(all, "coverage")
			if err != nil {
				return err
			}
			db, err := openReader(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer closeInto(&err, db)
			res, err := query.Run(cmd.Context(), db, named, nil, queryDefaults(cfg))
			if err != nil {
				return err
			}
			if err := query.Render(a.stdout, res, a.output); err != nil {
				return err
			}
			if bad := notInOrder(cfg, res, queryDefaults(cfg).AsOf); len(bad) > 0 {
				return withCode(exitIncomplete, fmt.Errorf("not in order; `pipeline run` reads what can still be read:\n  %s", strings.Join(bad, "\n  ")))
			}
			return nil
		},
	}
	a.rowsFlag(cmd)
	return cmd
}

// notInOrder says, a line each, which series of required jobs have failed or open
// ticks or are stale, and which required jobs have no series at all. res is the
// answer of the query coverage at now.
func notInOrder(cfg *config.Config, res *query.Result, now time.Time) (bad []string) {
	at := map[string]int{}
	for i, c := range res.Columns {
		at[c.Name] = i
	}
	for _, j := range cfg.Jobs {
		ticks, err := j.Ticks()
		if !j.Required || j.Schedule == "" || err != nil {
			continue
		}
		// The newest tick may still be under way; the one before it may not.
		owed := ticks.Last(ticks.Last(now).Add(-1))
		found := false
		for _, row := range res.Rows {
			if row[at["job"]] != j.Name {
				continue
			}
			found = true
			series := fmt.Sprintf("%s: %v on %v", j.Name, row[at["plugin"]], row[at["chain"]])
			failed, open := row[at["failed"]].(int64), row[at["open_ticks"]].(int64)
			newest, have := row[at["newest_have"]].(time.Time)
			switch {
			case failed > 0 || open > 0:
				bad = append(bad, fmt.Sprintf("%s: %d ticks failed, %d open", series, failed, open))
			case !have:
				bad = append(bad, series+": no complete tick")
			case newest.Before(owed):
				bad = append(bad, fmt.Sprintf("%s: stale, the newest complete tick is of %s", series, newest.Format(time.RFC3339)))
			}
		}
		if !found {
			bad = append(bad, j.Name+": never read")
		}
	}
	return bad
}
