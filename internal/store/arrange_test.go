package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// randomCommit is a task with facts over some months, some of which were given
// before and now differ, are doubted or taken back.
func randomCommit(t *rapid.T, n int) TaskResult {
	res := result(t0, 0)
	res.Task.Tick = t0.Add(time.Duration(n) * time.Hour)
	res.KnownAt = res.Task.Tick
	for range rapid.IntRange(1, 30).Draw(t, "facts") {
		f := result(t0, 1).Metrics[0]
		f.Obs = nil
		f.TS = t0.AddDate(0, rapid.IntRange(-3, 1).Draw(t, "month"), rapid.IntRange(0, 30).Draw(t, "day"))
		f.Token = rapid.SampledFrom([]sdk.TokenID{"a", "b", "c"}).Draw(t, "token")
		f.Metric = rapid.SampledFrom([]sdk.MetricID{"exchange_rate", "lst_supply", "fee_reward_bps"}).Draw(t, "metric")
		f.Value = rat(fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "value")))
		f.Basis = rapid.SampledFrom([]sdk.Basis{"onchain", "api"}).Draw(t, "basis")
		f.Quality = rapid.SampledFrom([]sdk.Quality{"ok", "ok", "suspect", transforms.QualityRetracted}).Draw(t, "quality")
		if f.Quality != "ok" {
			f.Reason = "drawn"
		}
		res.Metrics = append(res.Metrics, f)
	}
	return res
}

func TestArrangingChangesTheOrderOfFactsAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{Threads: 1})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		order := `SELECT date_trunc('month', ts), metric_id, token_id, ts, basis, known_at FROM fact_metric ORDER BY `
		for n := range rapid.IntRange(1, 6).Draw(rt, "commits") {
			mustCommit(t, s, randomCommit(rt, n))
			// The books agree with the facts after every commit.
			diff := cmp.Diff(rows(t, s, `SELECT date_trunc('month', ts), count(*) FROM fact_metric GROUP BY 1 ORDER BY 1`),
				rows(t, s, `SELECT month, rows FROM fact_order ORDER BY 1`))
			if diff != "" {
				rt.Fatalf("facts (-), fact_order (+):\n%s", diff)
			}
			if !rapid.Bool().Draw(rt, "arrange") {
				continue
			}
			from := int64(rapid.IntRange(1, 20).Draw(rt, "from"))
			want := count(t, s, fmt.Sprintf(`SELECT count(*) FROM fact_order WHERE unsorted >= %d AND 2 * unsorted >= rows`, from))
			facts, known := rows(t, s, `FROM fact_metric ORDER BY ALL`), rows(t, s, `FROM metric_now ORDER BY ALL`)
			got, err := s.Arrange(t.Context(), from)
			if err != nil || got != want {
				rt.Fatalf("%d months were arranged, want %d: %v", got, want, err)
			}
			if diff := cmp.Diff(facts, rows(t, s, `FROM fact_metric ORDER BY ALL`)); diff != "" {
				rt.Fatalf("facts before (-) and after (+):\n%s", diff)
			}
			if diff := cmp.Diff(known, rows(t, s, `FROM metric_now ORDER BY ALL`)); diff != "" {
				rt.Fatalf("newest versions before (-) and after (+):\n%s", diff)
			}
			if n := count(t, s, fmt.Sprintf(`SELECT count(*) FROM fact_order WHERE unsorted >= %d AND 2 * unsorted >= rows`, from)); n != 0 {
				rt.Fatalf("%d months are still to be arranged", n)
			}
		}
		if _, err := s.Arrange(t.Context(), 0); err != nil {
			rt.Fatal(err)
		}
		if _, err := s.DB().ExecContext(t.Context(), `UPDATE fact_order SET unsorted = rows`); err != nil {
			rt.Fatal(err)
		}
		if _, err := s.Arrange(t.Context(), 0); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(rows(t, s, order+`date_trunc('month', ts), metric_id, token_id, ts, basis, known_at`), rows(t, s, order+`rowid`)); diff != "" {
			rt.Fatalf("wanted (-) and stored (+) order:\n%s", diff)
		}
	})
}

func TestAMonthIsLeftAloneWhileLittleHasCome(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	mustCommit(t, s, result(t0, 10))
	for _, step := range []struct {
		from int64
		want int
	}{{11, 0}, {10, 1}, {1, 0}} {
		if got, err := s.Arrange(t.Context(), step.from); err != nil || got != step.want {
			t.Errorf("from %d facts: %d months were arranged, want %d: %v", step.from, got, step.want, err)
		}
	}
	mustCommit(t, s, result(t0.Add(time.Hour), 9)) // 9 of 19 is less than half
	if got, err := s.Arrange(t.Context(), 1); err != nil || got != 0 {
		t.Errorf("%d months were arranged, want none: %v", got, err)
	}
}

// A warehouse from before fact_order is counted when it is migrated.
func TestMigrationCountsTheFactsThatAreThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, result(t0, 7))
	mustCommit(t, s, result(t0.AddDate(0, 2, 0), 3))
	want := rows(t, s, `FROM fact_order ORDER BY 1`)
	if !slices.Equal(want, []string{"2024-03-01T00:00:00Z | 7 | 7", "2024-05-01T00:00:00Z | 3 | 3"}) {
		t.Fatal(want)
	}
	for _, stmt := range []string{
		`DROP TABLE fact_order`, `DROP TABLE methodology`, `DROP TABLE methodology_views`,
		`ALTER TABLE dim_fee DROP COLUMN known_at`, `ALTER TABLE dim_fee DROP COLUMN dropped_at`, `DELETE FROM schema_migration WHERE version >= 5`,
	} {
		if _, err := s.DB().ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path, Options{})
	if diff := cmp.Diff(want, rows(t, again, `FROM fact_order ORDER BY 1`)); diff != "" {
		t.Error(diff)
	}
}
