package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/report"
)

func newReport(a *app) *cobra.Command {
	var html, asOf, knownAt, output string
	var window, width int
	var tokens []string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Print the league with its warnings, or write the HTML page",
		Long: `report prints the league of all tokens with its warnings, 80 to 160 columns wide,
or writes one static HTML page with every view. It exits with 3 when a required
job or a token it reads is stale.`,
		Example: `  pipeline report
  pipeline report --html report.html
  pipeline report --window 90 --as-of 2023-12-01 --token NAME,NAME`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if output != "table" && output != "json" {
				return withCode(exitUsage, fmt.Errorf("output format %q is none of table, json", output))
			}
			if width != 0 && (width < report.MinWidth || width > report.MaxWidth) {
				return withCode(exitUsage, fmt.Errorf("--width %d is not between %d and %d", width, report.MinWidth, report.MaxWidth))
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			o, err := reportOptions(cfg, asOf, knownAt, window, tokens)
			if err != nil {
				return withCode(exitUsage, err)
			}
			db, err := a.openReader(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer closeInto(&err, db)
			data, err := report.Collect(cmd.Context(), db, o)
			if err != nil {
				return err
			}
			switch {
			case html != "":
				if err := writePage(html, data); err != nil {
					return err
				}
				if !a.quiet {
					fmt.Fprintf(a.stderr, "wrote %s\n", html)
				}
			case output == "json":
				if err := report.JSON(a.stdout, data); err != nil {
					return err
				}
			default:
				if err := report.Text(a.stdout, data, a.textOptions(width)); err != nil {
					return err
				}
			}
			if bad := data.Stale(requiredJobs(cfg)); len(bad) > 0 {
				return withCode(exitIncomplete, fmt.Errorf("required and not in order: %s; `pipeline status` says why, `pipeline run` tries again", strings.Join(bad, "; ")))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "write the HTML page to this file")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "output format: table|json")
	cmd.Flags().IntVar(&width, "width", 0, "columns of the table (default: the terminal's, or 100)")
	cmd.Flags().IntVar(&window, "window", 0, "days of the yields (default: the configuration's, or 30)")
	cmd.Flags().StringVar(&asOf, "as-of", "", "the moment looked at, UTC (default: the configuration's, or now)")
	cmd.Flags().StringVar(&knownAt, "known-at", "", "use only what was known by then, UTC (default: everything)")
	cmd.Flags().StringSliceVar(&tokens, "token", nil, "only these symbols, repeatable")
	return cmd
}

// reportOptions joins the flags and the configuration's defaults.
func reportOptions(cfg *config.Config, asOf, knownAt string, window int, tokens []string) (report.Options, error) {
	o := report.Options{AsOf: queryDefaults(cfg).AsOf, Window: window, Tokens: tokens, Version: version}
	if window < 0 {
		return o, fmt.Errorf("--window %d is not a number of days", window)
	}
	if window == 0 && cfg.Query.Params["window"] != "" {
		if _, err := fmt.Sscanf(cfg.Query.Params["window"], "%d", &o.Window); err != nil {
			return o, fmt.Errorf("query.params.window of the configuration: %q is not a number of days", cfg.Query.Params["window"])
		}
	}
	for _, f := range []struct {
		flag, text string
		to         *time.Time
	}{{"--as-of", asOf, &o.AsOf}, {"--known-at", knownAt, &o.KnownAt}} {
		if f.text == "" {
			continue
		}
		t, err := moment(f.text)
		if err != nil {
			return o, fmt.Errorf("%s: %w", f.flag, err)
		}
		*f.to = t
	}
	return o, nil
}

func moment(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write 2024-01-31 or 2024-01-31T12:00:00Z", text)
}

// textOptions fit the report to the terminal, if there is one.
func (a *app) textOptions(width int) report.TextOptions {
	if found := columns(a.stdout); width == 0 && found != 0 {
		width = min(max(found, report.MinWidth), report.MaxWidth)
	}
	return report.TextOptions{Width: width, Color: isTerminal(a.stdout) && os.Getenv("NO_COLOR") == ""}
}

// requiredJobs are the jobs that must be in order: those that are required and run
// by the clock.
func requiredJobs(cfg *config.Config) []report.Required {
	var jobs []report.Required
	for _, j := range cfg.Jobs {
		if j.Required && j.Schedule != "" {
			jobs = append(jobs, report.Required{Job: j.Name, Plugins: j.Plugins})
		}
	}
	return jobs
}

// writePage writes the page beside its place and moves it there, so that a reader
// never sees half of it.
func writePage(path string, data *report.Data) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	defer os.Remove(tmp.Name())
	if err := report.Page(tmp, data); err != nil {
		_ = tmp.Close()
		return fmt.Errorf("write page: %w", err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return os.Rename(tmp.Name(), path)
}
