package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// app is what every verb shares.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	configPath     string
	output         string // -o of the verbs that print rows
	quiet          bool
	// inside is the daemon in whose process the verb is done; nil in a process of its own.
	inside *resident
}

// outputs are the formats of the verbs that print rows.
var outputs = []string{"table", "csv", "json", "markdown"}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "pipeline",
		Short: "Exact, dated, traceable numbers of liquid staking in one DuckDB file",
		Long: `pipeline reads what liquid staking protocols hold, take and pay from the chains,
keeps every number with its evidence in one DuckDB file, and compares them.

Exit codes: 0 done · 1 failed · 2 wrong use or configuration · 3 done, but
something failed or is stale · 4 another process holds the warehouse ·
130 interrupted (run it again to go on).`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", filepath.Join("config", "pipeline.yaml"), "configuration file")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return withCode(exitUsage, err) })
	root.AddCommand(
		newInit(a), newRun(a), newBackfill(a), newServe(a), newStatus(a), newDoctor(a), newSQL(a), newQuery(a), newExplain(a), newQuarantine(a), newReport(a), newPlugin(a), newDemo(a), newVersion(a),
	)
	return root
}

// rowsFlag adds -o to a verb that prints rows.
func (a *app) rowsFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&a.output, "output", "o", "table", "output format: "+strings.Join(outputs, "|"))
}

// render prints rows in the format asked for.
func (a *app) render(r *query.Result) error {
	return query.Render(a.stdout, r, a.output, columns(a.stdout))
}

// load reads the configuration; every mistake in it is one error.
func (a *app) load() (*config.Config, error) {
	if a.inside != nil {
		return a.inside.engine.cfg, nil
	}
	cfg, err := config.Load(a.configPath)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	return cfg, nil
}

// logger writes to standard error: coloured text for a person, JSON for a machine.
func (a *app) logger(cfg config.Log) *slog.Logger {
	level := slog.LevelInfo
	if cfg.Level != "" {
		_ = level.UnmarshalText([]byte(cfg.Level)) // checked by the configuration's schema
	}
	if a.quiet && level < slog.LevelWarn {
		level = slog.LevelWarn
	}
	person := isTerminal(a.stderr)
	switch cfg.Format {
	case "json":
		person = false
	case "text":
		return slog.New(tint.NewTextHandler(a.stderr, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !person}))
	}
	if person {
		return slog.New(tint.NewTextHandler(a.stderr, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the width of a terminal, 0 for anything else.
func columns(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return width
}
