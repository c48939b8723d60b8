//go:build unix

package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const crashFacts = 20

func init() {
	// commit-forever commits one task an hour from args[1] on, repeats each once,
	// checkpoints and arranges now and then, and says on its output what is committed.
	children["commit-forever"] = func(args []string) error {
		ctx := context.Background()
		s, err := Open(ctx, args[0], Options{})
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		for ; ; n++ {
			res := result(t0.Add(time.Duration(n)*time.Hour), crashFacts)
			if _, err := s.MarkRunning(ctx, []TaskKey{res.Task.TaskKey}, "run-1", t0); err != nil {
				return err
			}
			for range 2 {
				if _, err := s.Commit(ctx, res); err != nil {
					return err
				}
			}
			if n%3 == 0 {
				if err := s.Checkpoint(ctx); err != nil {
					return err
				}
			}
			if n%2 == 0 {
				if _, err := s.Arrange(ctx, 1); err != nil {
					return err
				}
			}
			fmt.Println(n)
		}
	}
	// full-disk commits until the file size limit stops it, which to a program looks
	// like a full disk, then lifts the limit and commits again with the same store.
	children["full-disk"] = func(args []string) error {
		ctx := context.Background()
		signal.Ignore(syscall.SIGXFSZ) // writes fail with EFBIG instead
		s, err := Open(ctx, args[0], Options{})
		if err != nil {
			return err
		}
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		info, err := os.Stat(args[0])
		if err != nil {
			return err
		}
		small := limit
		small.Cur = uint64(info.Size()) + 100_000
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
			return err
		}
		n := 0
		for ; n < 1000; n++ {
			if _, err = s.Commit(ctx, result(t0.Add(time.Duration(n)*time.Hour), 500)); err != nil {
				break
			}
			fmt.Println(n)
		}
		if err == nil {
			return errors.New("the limit stopped nothing")
		}
		if !strings.Contains(err.Error(), "File too large") {
			return fmt.Errorf("the commit that met the limit does not say so: %w", err)
		}
		// Nothing more breaks while there is no space. A failed checkpoint makes DuckDB
		// give its instance up, which is the hard case; what was acknowledged counts.
		failed := 0
		for range 4 {
			if err := s.Checkpoint(ctx); err != nil {
				failed++
			}
			if _, err := s.Commit(ctx, result(t0.Add(time.Duration(n)*time.Hour), 500)); err == nil {
				fmt.Println(n)
				n++
			}
		}
		if failed == 0 {
			return errors.New("the limit stopped no checkpoint")
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		if _, err := s.Commit(ctx, result(t0.Add(time.Duration(n)*time.Hour), 500)); err != nil {
			return fmt.Errorf("with space again: %w", err)
		}
		fmt.Println(n)
		r, err := s.Query(ctx, "SELECT count(*) FROM ingest_task")
		if err != nil {
			return err
		}
		return errors.Join(r.Close(), s.Close())
	}
}

// checkWhole fails unless every task of the ledger that has its rows has all of
// them, once, no other rows are there, and all acknowledged tasks are.
func checkWhole(t *testing.T, s *Store, acknowledged, facts int) {
	t.Helper()
	for what, query := range map[string]string{
		"acknowledged tasks that are not there": fmt.Sprintf(`SELECT count(*) FROM range(%d) r LEFT JOIN ingest_task t
			ON t.tick = %s + to_hours(r.range::INT) AND t.state = 'have' WHERE t.tick IS NULL`, acknowledged, literal(t0)),
		"tasks without all of their facts": fmt.Sprintf(`SELECT count(*) FROM ingest_task t WHERE state = 'have' AND
			(SELECT count(*) FROM fact_metric f WHERE f.ts = t.tick) <> %d`, facts),
		"tasks without all of their observations": fmt.Sprintf(`SELECT count(*) FROM ingest_task t WHERE state = 'have' AND
			(SELECT count(*) FROM raw_observation o WHERE o.block_ts = t.tick) <> %d`, facts),
		"facts without a task":              `SELECT count(*) FROM fact_metric f WHERE f.ts NOT IN (SELECT tick FROM ingest_task WHERE state = 'have')`,
		"observations without a task":       `SELECT count(*) FROM raw_observation f WHERE f.block_ts NOT IN (SELECT tick FROM ingest_task WHERE state = 'have')`,
		"facts given twice":                 `SELECT count(*) FROM (SELECT 1 FROM fact_metric GROUP BY metric_id, token_id, ts, basis HAVING count(*) > 1)`,
		"observation ids given twice":       `SELECT count(*) FROM (SELECT 1 FROM raw_observation GROUP BY obs_id HAVING count(*) > 1)`,
		"facts naming no observation":       `SELECT count(*) FROM fact_metric f WHERE f.obs_ids[1] NOT IN (SELECT obs_id FROM raw_observation)`,
		"months whose facts are miscounted": `SELECT count(*) FROM fact_order FULL JOIN (SELECT date_trunc('month', ts) AS month, count(*) AS n FROM fact_metric GROUP BY 1) USING (month) WHERE n IS DISTINCT FROM rows`,
		"tasks still running":               `SELECT count(*) FROM ingest_task WHERE state = 'running'`,
	} {
		if n := count(t, s, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

func TestAKilledWriterLosesNothingAcknowledgedAndLeavesNothingPartial(t *testing.T) {
	t.Parallel()
	kills := 25
	if testing.Short() {
		kills = 5
	}
	path := filepath.Join(t.TempDir(), "w.duckdb")
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	acknowledged := 0
	for range kills {
		cmd := child(t.Context(), "commit-forever", path, strconv.Itoa(max(0, acknowledged-1))) // repeats the last one
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killAfter := random.Intn(8)
		if killAfter == 0 { // while it opens or writes its first
			time.AfterFunc(time.Duration(random.Intn(500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		lines := bufio.NewScanner(stdout)
		for n := 1; lines.Scan(); n++ {
			at, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = max(acknowledged, at+1)
			if n == killAfter {
				time.AfterFunc(time.Duration(random.Intn(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child ended by itself: %v", err)
		}
	}
	if acknowledged < kills/5 {
		t.Errorf("only %d tasks were acknowledged in %d lives", acknowledged, kills)
	}
	checkWhole(t, open(t, path, Options{}), acknowledged, crashFacts)
}

func TestAFullDiskStopsCommitsAndTheyResumeByThemselves(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	out, err := child(t.Context(), "full-disk", path).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkWhole(t, open(t, path, Options{}), strings.Count(string(out), "\n"), 500)
}
