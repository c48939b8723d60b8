package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/report"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

func newQuery(a *app) *cobra.Command {
	var params []string
	var list, explain, text bool
	var q question
	cmd := &cobra.Command{
		Use:   "query NAME",
		Short: "Answer a named question (--list shows them)",
		Long: `query answers a named question with the moment looked at, the parameters and the
version of the definitions: above a table, and as the last columns of CSV and JSON.`,
		Example: `  pipeline query league
  pipeline query growth --param from=2023-06-01 -o csv
  pipeline query growth --columns token,at_redemption,apy_pct
  pipeline query league --explain
  pipeline query league --methodology 1`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			all, err := query.List(warehouse.FS())
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var names []string
			for _, n := range all {
				names = append(names, n.Name+"\t"+n.Question)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			all, err := query.List(warehouse.FS())
			if err != nil {
				return err
			}
			if list {
				return a.listQueries(all)
			}
			if len(args) == 0 {
				return withCode(exitUsage, fmt.Errorf("which question? `pipeline query --list` shows them"))
			}
			named, err := query.Find(all, args[0])
			if err != nil {
				return withCode(exitUsage, err)
			}
			switch {
			case text:
				_, err := fmt.Fprint(a.stdout, named.SQL)
				return err
			case explain:
				return a.explainQuery(named)
			}
			q.name = args[0]
			if q.params, err = parseParams(params); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return a.answer(cmd.Context(), cfg, q)
		},
	}
	cmd.Flags().StringArrayVarP(&params, "param", "p", nil, "parameter as name=value, repeatable")
	cmd.Flags().StringSliceVar(&q.columns, "columns", nil, "only these columns, in this order (--explain lists them)")
	cmd.Flags().IntVar(&q.methodology, "methodology", 0, "answer as this earlier version defined it (default: the present one; pipeline query definitions lists them)")
	cmd.Flags().BoolVar(&list, "list", false, "list the questions")
	cmd.Flags().BoolVar(&explain, "explain", false, "print the columns, units, parameters and caveats")
	cmd.Flags().BoolVar(&text, "sql", false, "print the SQL")
	a.rowsFlag(cmd)
	return cmd
}

// pipeWidth is how many columns an answer takes where no terminal says it.
const pipeWidth = 120

// question is what is asked of a named query.
type question struct {
	name        string
	methodology int               // an earlier definition; 0: the present one
	params      map[string]string // those not here have the configuration's defaults
	columns     []string          // none: all
}

// answer prints the answer to a named question.
func (a *app) answer(ctx context.Context, cfg *config.Config, q question) (err error) {
	all, err := query.List(warehouse.FS())
	if err != nil {
		return err
	}
	named, err := query.Find(all, q.name)
	if err != nil {
		return withCode(exitUsage, err)
	}
	db, err := a.openReader(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeInto(&err, db)
	source := query.Source(db)
	if q.methodology != 0 && q.methodology != named.Methodology {
		def, err := db.Definition(ctx, q.name, q.methodology)
		if err != nil {
			return withCode(exitUsage, err)
		}
		if named, err = query.Parse(q.name, def.SQL); err != nil {
			return err
		}
		source = asDefined{db, def}
	}
	params, defaults := withDefaults(named, cfg.Query.Params, q.params), queryDefaults(cfg)
	bound, err := named.Bind(params, defaults)
	if err != nil {
		return withCode(exitUsage, err)
	}
	res, err := query.Run(ctx, source, named, params, defaults)
	if err != nil {
		return err
	}
	if len(q.columns) > 0 {
		if res, err = res.Pick(q.columns); err != nil {
			return withCode(exitUsage, fmt.Errorf("query %s: %w", q.name, err))
		}
		if a.output != "table" && a.output != "markdown" { // a program gets what it asked for and nothing else
			return query.Render(a.stdout, res, a.output, 0)
		}
	}
	width := columns(a.stdout)
	if width == 0 {
		width = pipeWidth
	}
	if q.name != "league" || a.output != "table" || len(q.columns) > 0 {
		return named.Render(a.stdout, res, bound, a.output, width)
	}
	if _, err := fmt.Fprintln(a.stdout, named.Heading(bound)); err != nil {
		return err
	}
	return report.LeagueTable(a.stdout, res, width)
}

// asDefined answers as an earlier definition did.
type asDefined struct {
	db  *store.Store
	def store.Definition
}

func (s asDefined) Query(ctx context.Context, _ string, args ...any) (*store.Rows, error) {
	return s.db.QueryAs(ctx, s.def, args...)
}

// withDefaults adds the configuration's parameters that the query takes and that
// were not given.
func withDefaults(n query.Named, configured, given map[string]string) map[string]string {
	params := map[string]string{}
	for k, v := range configured {
		if slices.ContainsFunc(n.Params, func(p query.Param) bool { return p.Name == k }) {
			params[k] = v
		}
	}
	for k, v := range given {
		params[k] = v
	}
	return params
}

func queryDefaults(cfg *config.Config) query.Defaults {
	now, ok := cfg.Query.Moment()
	if !ok {
		now = time.Now().UTC()
	}
	return query.Defaults{AsOf: now}
}

func parseParams(list []string) (map[string]string, error) {
	params := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, withCode(exitUsage, fmt.Errorf("--param %q is not of the form name=value", p))
		}
		params[name] = value
	}
	return params, nil
}

func (a *app) listQueries(all []query.Named) error {
	res := &query.Result{Columns: []query.Column{{Name: "query", Type: "VARCHAR"}, {Name: "question", Type: "VARCHAR"}, {Name: "parameters", Type: "VARCHAR"}}}
	for _, n := range all {
		var params []string
		for _, p := range n.Params {
			params = append(params, p.Name+"="+p.Default)
		}
		res.Rows = append(res.Rows, []any{n.Name, n.Question, strings.Join(params, " ")})
	}
	return a.render(res)
}

func (a *app) explainQuery(n query.Named) error {
	fmt.Fprintf(a.stdout, "%s (methodology %d)\n%s\n\ncolumns\n", n.Name, n.Methodology, n.Question)
	for _, c := range n.Columns {
		fmt.Fprintf(a.stdout, "  %-18s %-14s %s\n", c.Name, c.Unit, c.Doc)
	}
	if len(n.Params) > 0 {
		fmt.Fprintln(a.stdout, "\nparameters")
		for _, p := range n.Params {
			fmt.Fprintf(a.stdout, "  %-18s default %-10s %s\n", p.Name, p.Default, p.Doc)
		}
	}
	fmt.Fprintln(a.stdout, "\ncaveats")
	for _, c := range n.Caveats {
		fmt.Fprintf(a.stdout, "  - %s\n", c)
	}
	return nil
}

func checkFormat(format string) error {
	if slices.Contains(query.Formats(), format) {
		return nil
	}
	return withCode(exitUsage, fmt.Errorf("output format %q is none of %s", format, strings.Join(query.Formats(), ", ")))
}
