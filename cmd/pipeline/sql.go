package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
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
			db, err := openReader(cmd.Context(), cfg)
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

// openReader opens the warehouse for reading: the live file, or, while another
// process holds it, the newest published copy.
func openReader(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	if _, err := os.Stat(cfg.Database); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no warehouse at %s yet: `pipeline run` fills it (or `pipeline demo` the demo)", cfg.Database)
	}
	db, err := store.OpenReadOnly(ctx, cfg.Database)
	if err == nil || !errors.Is(err, store.ErrHeld) || cfg.Publish.Dir == "" {
		return db, err
	}
	copied, copyErr := store.OpenReadOnly(ctx, filepath.Join(cfg.Publish.Dir, "latest.duckdb"))
	if copyErr != nil {
		return nil, errors.Join(err, fmt.Errorf("and there is no published copy to read instead: %w", copyErr))
	}
	return copied, nil
}
