package queries

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

//go:embed world.sql
var worldSQL string

//go:embed ticks.sql
var ticksSQL string

//go:embed hand.sql
var handSQL string

// origin is the first tick; the last one is at most 4.7 years later.
var origin = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// A world is a synthetic warehouse: sixty tokens, a thousand series.
type world struct {
	*store.Store
	facts int64
	asOf  time.Time // the last tick
}

// size turns a number of facts into ticks and the hours between them: small
// worlds have rarer ticks, so that all of them are longer than a year.
func size(facts, series int64) (ticks, spacing int64) {
	ticks = max(facts/series, 1)
	for spacing = 1; ticks*spacing < 400*24 && spacing < 24; spacing++ {
	}
	for 24%spacing != 0 {
		spacing++
	}
	return ticks, spacing
}

// build makes a world of about that many facts in dir, or opens the one that a
// run before left there. arrange brings the facts in the order that runs leave, hand
// makes the hand-tuned tables.
func build(t testing.TB, dir string, facts int64, arrange, hand bool) *world {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(dir, fmt.Sprintf("world-%d.duckdb", facts))
	_, err := os.Stat(path)
	made := err == nil
	s, err := store.Open(ctx, path, store.Options{Threads: 2, MemoryLimit: "6GB", TempDir: filepath.Join(dir, "spill")})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	w := &world{Store: s}
	if !made {
		w.fill(t, facts)
	}
	if arrange {
		// As the runs that read it would have done; the newest month is as it arrived.
		_, err := s.DB().ExecContext(ctx, `UPDATE fact_order SET unsorted = 0 WHERE month = (SELECT max(month) FROM fact_order)`)
		check(t, err)
		at, used := time.Now(), spent()
		months, err := s.Arrange(ctx, min(store.ArrangeFrom, facts/50))
		check(t, err)
		if months > 0 {
			check(t, s.Checkpoint(ctx))
			t.Logf("%d months arranged in %s, cpu %s", months, time.Since(at).Round(time.Millisecond), (spent() - used).Round(time.Millisecond))
		}
	}
	check(t, s.DB().QueryRowContext(ctx, `SELECT count(*) FROM fact_metric`).Scan(&w.facts))
	check(t, s.DB().QueryRowContext(ctx, `SELECT date_trunc('hour', max(block_ts) + INTERVAL 1 MINUTE) FROM raw_observation`).Scan(&w.asOf))
	if _, err := s.DB().ExecContext(ctx, `FROM hand.latest`); err != nil && hand {
		text := strings.NewReplacer("$origin", stamp(origin), "$as_of", stamp(w.asOf)).Replace(handSQL)
		_, err = s.DB().ExecContext(ctx, "DROP SCHEMA IF EXISTS hand CASCADE; "+text)
		check(t, err)
	}
	return w
}

// chunk is how many facts one transaction writes, about.
const chunk int64 = 1_000_000

func (w *world) fill(t testing.TB, facts int64) {
	t.Helper()
	var series, ticks, spacing int64
	fill := func(text string, lo, hi int64) {
		text = strings.NewReplacer("$origin", stamp(origin), "$ticks", itoa(ticks), "$spacing", itoa(spacing),
			"$series", itoa(series), "$lo", itoa(lo), "$hi", itoa(hi)).Replace(text)
		if _, err := w.DB().ExecContext(context.Background(), text); err != nil {
			t.Fatalf("%v\nin %.300s", err, text)
		}
	}
	parts := strings.Split(worldSQL, "-- part\n")
	fill(parts[0], 0, 0)
	if facts < 1_000_000 { // fewer tokens rather than less than a year
		fill(`DELETE FROM gen_token WHERE i BETWEEN 13 AND 30 OR i > 43`, 0, 0)
	}
	fill(parts[1], 0, 0)
	check(t, w.DB().QueryRowContext(context.Background(), `SELECT count(*) FROM gen_series`).Scan(&series))
	ticks, spacing = size(facts, series)
	fill(parts[2], 0, 0)
	step := max(chunk/series, 1)
	for lo := int64(0); lo < ticks; lo += step {
		fill(ticksSQL, lo, min(lo+step, ticks))
	}
	fill(`INSERT INTO fact_order SELECT date_trunc('month', ts), count(*), count(*) FROM fact_metric GROUP BY 1;
		DROP MACRO gen_rate; DROP MACRO gen_supply; DROP MACRO gen_usd; DROP TABLE gen_series; DROP TABLE gen_token; CHECKPOINT`, 0, 0)
}

// stamp is a time as an SQL constant.
func stamp(t time.Time) string { return "TIMESTAMP '" + t.Format(time.DateTime) + "'" }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
