package main

import (
	"errors"
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
longest has not changed, and the next tick. Holes are all ticks the ledger has, however
long ago, that are not complete and that nothing is under way for: failed, partial,
quarantined, unrecoverable or superseded; -o json counts each. While the daemon holds the warehouse,
the newest published copy is read, which may be publish.every old.

  # have · l late, stored after the next tick was due · r restated, corrected since
  ~ partial · x failed · q quarantined · u unrecoverable · . due · > running
  - superseded

A line is stale when its newest complete tick is two periods of the job old, or
when there is none. Exit code 3 says that a required line is stale, or has ticks that
failed and were given up after their attempts: pipeline run --retry tries again.`,
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
			return withCode(exitIncomplete, incomplete(all))
		},
	}
	a.rowsFlag(cmd)
	return cmd
}

// incomplete says what the required series lack and what to do; nil if it is nothing.
func incomplete(all []serve.Series) error {
	var lacks []error
	if late := serve.Late(all); len(late) > 0 {
		lacks = append(lacks, fmt.Errorf("%d required series are stale; the column error says why, `pipeline doctor` what to look at, and `pipeline run` tries again", len(late)))
	}
	if stuck := serve.Stuck(all); len(stuck) > 0 {
		ticks := 0
		for _, s := range stuck {
			ticks += s.Stuck
		}
		lacks = append(lacks, fmt.Errorf("%d failed ticks of %d required series were given up after their attempts; `pipeline run --retry` tries again", ticks, len(stuck)))
	}
	return errors.Join(lacks...)
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
	column("BIGINT", "holes")
	if people {
		column("VARCHAR", "fetched", "on_chain", "changed", "next", "error")
	} else {
		column("TIMESTAMP", "fetched_at", "chain_at", "changed_at")
		column("VARCHAR", "changed_token")
		column("TIMESTAMP", "next", "expected")
		column("VARCHAR", "error", "error_class")
		column("BOOLEAN", "required")
		column("BIGINT", serve.HoleStates...)
		column("TIMESTAMP", "newest_hole")
		column("VARCHAR", "hole_reason")
	}
	for _, s := range all {
		c := clocks[serve.Reads{Plugin: s.Plugin, Chain: s.Chain}]
		row := []any{s.Job, orNull(s.Plugin), orNull(s.Chain), statusWord(s), orNull(s.Grid), timeOrNull(s.Newest), int64(s.Holes())}
		if people {
			changed := ageOrNull(c.Changed, now)
			if changed != nil {
				changed = age(now.Sub(c.Changed)) + " " + c.Slowest
			}
			next := any(nil)
			if !s.Next.IsZero() {
				next = "in " + age(s.Next.Sub(now))
			}
			row = append(row, ageOrNull(c.Fetched, now), ageOrNull(c.Chain, now), changed, next, orNull(shorten(newestTrouble(s), 60)))
		} else {
			row = append(row, timeOrNull(c.Fetched), timeOrNull(c.Chain), timeOrNull(c.Changed), orNull(c.Slowest),
				timeOrNull(s.Next), timeOrNull(s.Expected), orNull(s.Error), orNull(s.Class), s.Required)
			for _, state := range serve.HoleStates {
				row = append(row, int64(s.Ticks[state]))
			}
			row = append(row, timeOrNull(s.Hole), orNull(s.Reason))
		}
		res.Rows = append(res.Rows, row)
	}
	return res
}

// newestTrouble is the newest error among the ticks shown, or else the newest hole
// before them.
func newestTrouble(s serve.Series) string {
	if s.Error != "" || s.Hole.IsZero() {
		return s.Error
	}
	return s.Hole.Format("2006-01-02 15:04Z ") + s.Reason
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
