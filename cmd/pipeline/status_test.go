package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/serve"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

func TestStatusFailsOnWhatIsRequiredOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		series serve.Series
		says   []string
	}{
		{"nothing is missing", serve.Series{Required: true}, nil},
		{"a stale line", serve.Series{Required: true, Stale: true}, []string{"1 required series are stale"}},
		{"failed ticks that nobody tries again", serve.Series{Required: true, Stuck: 2}, []string{"2 failed ticks of 1 required series", "pipeline run --retry"}},
		{"both", serve.Series{Required: true, Stale: true, Stuck: 1}, []string{"are stale", "pipeline run --retry"}},
		{"a line nobody requires", serve.Series{Stale: true, Stuck: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := withCode(exitIncomplete, incomplete([]serve.Series{c.series}))
			if len(c.says) == 0 {
				if err != nil {
					t.Errorf("it says %v", err)
				}
				return
			}
			if exitCode(err) != exitIncomplete {
				t.Fatalf("exit code %d: %v", exitCode(err), err)
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q lacks %q", err, words)
				}
			}
		})
	}
}

func TestStatusShowsAHoleThatHasLeftTheGrid(t *testing.T) {
	t.Parallel()
	s := serve.Series{
		Job: "state", Plugin: "lido", Chain: "ethereum", Grid: "##############", Ticks: map[string]int{store.StateHave: 40, store.StateFailed: 1, store.StateSuperseded: 2},
		Hole: time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC), Reason: "failed: unknown layout",
	}
	for people, want := range map[bool]map[string]any{
		true:  {"holes": int64(3), "error": "2026-03-01 05:00Z failed: unknown layout"},
		false: {"holes": int64(3), "failed": int64(1), "partial": int64(0), "superseded": int64(2), "newest_hole": s.Hole, "hole_reason": s.Reason},
	} {
		res := statusTable([]serve.Series{s}, nil, s.Hole.AddDate(0, 0, 2), people)
		for i, column := range res.Columns {
			if v, ok := want[column.Name]; ok && res.Rows[0][i] != v {
				t.Errorf("%s is %v, want %v", column.Name, res.Rows[0][i], v)
			}
			delete(want, column.Name)
		}
		if len(want) > 0 || len(res.Columns) != len(res.Rows[0]) {
			t.Errorf("%d columns, %d values; missing: %v", len(res.Columns), len(res.Rows[0]), want)
		}
	}
}
