package main

import (
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

func newSQL(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sql [STATEMENT]",
		Short: "Run one reading SQL statement (from standard input without an argument)",
		Example: `  pipeline sql "from metric_now where metric_id = 'exchange_rate' order by ts desc limit 5"
  pipeline sql -o json < question.sql`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			var text string
			if len(args) == 1 && args[0] != "-" {
				text = args[0]
			} else {
				data, err := io.ReadAll(a.stdin)
				if err != nil {
					return err
				}
				text = string(data)
			}
			if strings.TrimSpace(text) == "" {
				return withCode(exitUsage, errors.New("no statement: give it as an argument or on standard input"))
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			db, err := a.openReader(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer closeInto(&err, db)
			res, err := query.Adhoc(cmd.Context(), db, text)
			if err != nil {
				return err
			}
			return a.render(res)
		},
	}
	a.rowsFlag(cmd)
	return cmd
}
