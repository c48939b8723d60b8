package main

import (
	"fmt"

	"github.com/spf13/cobra"

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
			required := map[string]bool{}
			for _, j := range cfg.Jobs {
				required[j.Name] = j.Required
			}
			bad := 0
			job, state := columnIndex(res, "job"), columnIndex(res, "state")
			for _, row := range res.Rows {
				name, _ := row[job].(string)
				if s, _ := row[state].(string); required[name] && s != "have" && s != "ok" {
					bad++
				}
			}
			if bad > 0 {
				return withCode(exitIncomplete, fmt.Errorf("%d required series are not in order; `pipeline run` tries them again", bad))
			}
			return nil
		},
	}
	a.rowsFlag(cmd)
	return cmd
}

func columnIndex(r *query.Result, name string) int {
	for i, c := range r.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}
