package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/serve"
)

func newStatus(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the warehouse has, what is missing and why",
		Long: `status compares the ledger with the schedules, one line for each job, plugin and
chain: the last 14 ticks (newest right), the newest complete tick, four clocks, and
the newest error that still stands. The clocks: how long ago the newest rate was
fetched, how old it is on its chain, how long the rate that has stood still the
longest has not changed, and the next tick. While the daemon holds the warehouse,
the newest published copy is read, which may be publish.every old.

  # have · l late, stored after the next tick was due · r restated, corrected since
  ~ partial · x failed · q quarantined · u unrecoverable · . due · > running
  - superseded

A line is stale when its newest complete tick is two periods of the job old, or
when there is none. Exit code 3 says that a required line is stale.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			specs, err := jobSpecs(cfg)
			if err != nil {
				return err
			}
			db, err := a.openReader(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer closeInto(&err, db)
			now := queryDefaults(cfg).AsOf
			all, err := serve.Coverage(cmd.Context(), db, specs, now)
			if err != nil {
				return err
			}
			clocks, err := serve.ReadClocks(cmd.Context(), db, now)
			if err != nil {
				return err
			}
			if err := a.render(statusTable(all, clocks, now, a.output == "table" || a.output == "markdown")); err != nil {
				return err
			}
			if late := serve.Late(all); len(late) > 0 {
				return withCode(exitIncomplete, fmt.Errorf("%d required series are stale; the column error says why, `pipeline doctor` what to look at, and `pipeline run` tries again", len(late)))
			}
			return nil
		},
	}
	a.rowsFlag(cmd)
	return cmd
}

// statusTable is the grid for people, or the same with plain values for machines.
func statusTable(all []serve.Series, clocks map[serve.Reads]serve.Clocks, now time.Time, people bool) *query.Result {
	res := &query.Result{}
	column := func(kind string, names ...string) {
		for _, name := range names {
			res.Columns = append(res.Columns, query.Column{Name: name, Type: kind})
		}
	}
	column("VARCHAR", "job", "plugin", "chain", "state", "ticks")
	column("TIMESTAMP", "newest")
	if people {
		column("VARCHAR", "fetched", "on_chain", "changed", "next", "error")
	} else {
		column("TIMESTAMP", "fetched_at", "chain_at", "changed_at")
		column("VARCHAR", "changed_token")
		column("TIMESTAMP", "next", "expected")
		column("VARCHAR", "error", "error_class")
		column("BOOLEAN", "required")
	}
	for _, s := range all {
		c := clocks[serve.Reads{Plugin: s.Plugin, Chain: s.Chain}]
		row := []any{s.Job, orNull(s.Plugin), orNull(s.Chain), statusWord(s), orNull(s.Grid), timeOrNull(s.Newest)}
		if people {
			changed := ageOrNull(c.Changed, now)
			if changed != nil {
				changed = age(now.Sub(c.Changed)) + " " + c.Slowest
			}
			next := any(nil)
			if !s.Next.IsZero() {
				next = "in " + age(s.Next.Sub(now))
			}
			row = append(row, ageOrNull(c.Fetched, now), ageOrNull(c.Chain, now), changed, next, orNull(shorten(s.Error, 60)))
		} else {
			row = append(row, timeOrNull(c.Fetched), timeOrNull(c.Chain), timeOrNull(c.Changed), orNull(c.Slowest),
				timeOrNull(s.Next), timeOrNull(s.Expected), orNull(s.Error), orNull(s.Class), s.Required)
		}
		res.Rows = append(res.Rows, row)
	}
	return res
}

func ageOrNull(t, now time.Time) any {
	if t.IsZero() {
		return nil
	}
	return age(now.Sub(t))
}

// statusWord sums a line up.
func statusWord(s serve.Series) string {
	switch {
	case s.Stale && s.Newest.IsZero():
		return "never"
	case s.Stale:
		return "stale"
	case s.Expected.IsZero():
		return "no schedule"
	case s.Newest.Before(s.Expected):
		return "pending"
	}
	return "ok"
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// age writes a duration with its two largest units.
func age(d time.Duration) string {
	if d < 0 {
		return "-" + age(-d)
	}
	day := 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd %dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
}

// shorten cuts a text to n characters and its first line.
func shorten(s string, n int) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
