package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

func newPlugin(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "plugin", Short: "See the plugins this pipeline finds"}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the plugins with what they read",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			plugins, err := a.describe(cmd.Context(), nil)
			if err != nil {
				return err
			}
			res := &query.Result{Columns: []query.Column{
				{Name: "plugin", Type: "VARCHAR"}, {Name: "version", Type: "VARCHAR"}, {Name: "tokens", Type: "VARCHAR"}, {Name: "chains", Type: "VARCHAR"},
				{Name: "summary", Type: "VARCHAR"}, {Name: "sha256", Type: "VARCHAR"}, {Name: "error", Type: "VARCHAR"},
			}}
			broken := 0
			for _, p := range plugins {
				if p.Err != nil {
					broken++
					res.Rows = append(res.Rows, []any{p.Binary.Name, nil, nil, nil, nil, short(p.Binary.SHA256), p.Err.Error()})
					continue
				}
				var tokens, chains []string
				for _, t := range p.Description.Tokens {
					tokens = append(tokens, t.Symbol)
				}
				for _, c := range p.Description.Chains {
					chains = append(chains, string(c.Chain))
				}
				res.Rows = append(res.Rows, []any{
					p.Binary.Name, p.Description.Version, strings.Join(tokens, " "), strings.Join(chains, " "), p.Description.Summary, short(p.Binary.SHA256), nil,
				})
			}
			if err := a.render(res); err != nil {
				return err
			}
			if broken > 0 {
				return withCode(exitIncomplete, fmt.Errorf("%d of %d plugins cannot be used", broken, len(plugins)))
			}
			return nil
		},
	}
	a.rowsFlag(list)
	describe := &cobra.Command{
		Use:   "describe NAME",
		Short: "Print everything a plugin says about itself, as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			plugins, err := a.describe(cmd.Context(), args)
			if err != nil {
				return err
			}
			if plugins[0].Err != nil {
				return plugins[0].Err
			}
			enc := json.NewEncoder(a.stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(plugins[0].Description)
		},
	}
	cmd.AddCommand(list, describe)
	return cmd
}

// short is the start of a checksum; NULL for a file that was never read.
func short(sum string) any {
	if sum == "" {
		return nil
	}
	return sum[:12]
}

// describe starts the plugins only to ask what they are.
func (a *app) describe(ctx context.Context, names []string) (_ []*ingest.Plugin, err error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	h := host.New(host.Options{Logger: a.logger(cfg.Log)})
	defer closeInto(&err, h)
	return ingest.Discover(ctx, h, cfg.Plugins.Dir, names)
}
