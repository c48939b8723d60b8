//go:build unix

package store

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkLoad commits 20 ticks of 10,000 observations with a fact each, then the
// same again, and beside it lets DuckDB copy the same rows from temporary tables into
// empty ones of the same definition: INSERT … SELECT is the most it can do. Ratios are
// of processor time, which other work on the machine hardly changes.
func BenchmarkLoad(b *testing.B) {
	const ticks, each = 20, 10_000
	for b.Loop() {
		results := make([]TaskResult, ticks)
		for i := range results {
			results[i] = result(t0.Add(time.Duration(i)*time.Hour), each)
		}
		s := openNew(b)
		load := func() (wall, cpu time.Duration) {
			at, used := time.Now(), spent()
			for _, res := range results {
				mustCommit(b, s, res)
			}
			if err := s.Checkpoint(b.Context()); err != nil {
				b.Fatal(err)
			}
			return time.Since(at), spent() - used
		}
		wall, cpu := load()
		replayWall, replayCPU := load()

		conn, err := s.DB().Conn(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		exec := func(statement string) {
			if _, err := conn.ExecContext(b.Context(), statement); err != nil {
				b.Fatal(err)
			}
		}
		for _, table := range []string{"raw_observation", "fact_metric"} {
			exec(`CREATE TEMP TABLE of_` + table + ` AS FROM ` + table)
			var definition string
			if err := conn.QueryRowContext(b.Context(), `SELECT sql FROM duckdb_tables() WHERE table_name = ?`, table).Scan(&definition); err != nil {
				b.Fatal(err)
			}
			exec(strings.Replace(definition, "TABLE "+table, "TABLE copy_"+table, 1))
		}
		at, used := time.Now(), spent()
		exec(`BEGIN; INSERT INTO copy_raw_observation FROM of_raw_observation; INSERT INTO copy_fact_metric FROM of_fact_metric; COMMIT; CHECKPOINT`)
		limitWall, limitCPU := time.Since(at), spent()-used
		if err := conn.Close(); err != nil {
			b.Fatal(err)
		}

		const rows = 2 * ticks * each
		b.ReportMetric(rows/wall.Seconds(), "rows/s")
		b.ReportMetric(rows/limitWall.Seconds(), "limit-rows/s")
		b.ReportMetric(float64(cpu.Microseconds())/rows, "cpu-µs/row")
		b.ReportMetric(float64(limitCPU.Microseconds())/rows, "limit-cpu-µs/row")
		b.ReportMetric(limitCPU.Seconds()/cpu.Seconds(), "of-limit")
		b.ReportMetric(replayCPU.Seconds()/cpu.Seconds(), "replay/first")
		b.ReportMetric(replayWall.Seconds()/wall.Seconds(), "replay/first-wall")
	}
}

// spent is the processor time of this process so far.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // zero at worst
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
