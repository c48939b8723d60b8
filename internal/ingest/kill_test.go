package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
)

// helperEnv makes the test binary the pipeline that is to be killed.
const helperEnv = "LST_INGEST_HELPER"

func dailyJob() Job {
	return Job{Name: "state", Schedule: every(24 * time.Hour), CatchUp: CatchUpAll, Max: 1000}
}

// helper does what is due and then a backfill, as `pipeline run` and `pipeline
// backfill` do in one process.
func helper(text string) int {
	var s setup
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = s.work(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (s setup) work(ctx context.Context) error {
	p, err := open(ctx, s, func() time.Time { return s.Now })
	if err != nil {
		return err
	}
	if _, err := p.wake(ctx, dailyJob()); err != nil {
		return err
	}
	if _, _, err := p.backfill(ctx, Range{From: s.From, To: s.To}, dailyJob()); err != nil {
		return err
	}
	return p.close()
}

// The pipeline is killed again and again, at any request and a moment after it, its
// plugins too, and endpoints refuse now and then. In the end every tick is
// accounted for, no fact is doubled, and the warehouse holds what that of an
// undisturbed twin holds.
func TestKillsDuringScheduledAndBackfillWorkLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	kills := 6
	if n, err := strconv.Atoi(os.Getenv("LST_KILLS")); err == nil {
		kills = n // for a long night
	}
	now := time.Date(2024, 9, 1, 0, 30, 0, 0, time.UTC)
	w := newWorld(t, now)
	dir := t.TempDir()
	at := func(name string) setup {
		s := w.setup(filepath.Join(dir, name))
		s.From, s.To = now.Add(-130*24*time.Hour), now
		return s
	}
	if err := at("twin.duckdb").work(t.Context()); err != nil {
		t.Fatal(err)
	}

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	killed := 0
	for range 10 * kills {
		if killed == kills {
			break
		}
		if dice.IntN(3) == 0 {
			w.SpoilEthereum(`"eth_call"`, chaintest.RPCError(-32000, "busy"))
		}
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), helperEnv+"="+marshal(t, at("killed.duckdb")))
		var once sync.Once
		after := time.Duration(dice.IntN(400)) * time.Millisecond
		w.OnRequest(1+dice.IntN(8), func() {
			once.Do(func() { time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) })
		})
		if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() == -1 {
			killed++
		} else if err != nil {
			t.Fatal(err)
		}
		w.Heal()
	}
	if killed < kills {
		t.Logf("only %d of %d kills came before the work was done", killed, kills)
	}

	// What failed while endpoints refused waits for its next try.
	last := at("killed.duckdb")
	for range 8 {
		if err := last.work(t.Context()); err != nil {
			t.Fatal(err)
		}
		last.Now = last.Now.Add(time.Hour)
		if last.Now.Day() != now.Day() {
			break
		}
	}
	p := w.open(t, filepath.Join(dir, "killed.duckdb"))
	twin := w.open(t, filepath.Join(dir, "twin.duckdb"))
	const tasks = `SELECT plugin, state, count(*), min(tick), max(tick) FROM ingest_task GROUP BY ALL ORDER BY ALL`
	if d := cmp.Diff(twin.ask(t, tasks), p.ask(t, tasks)); d != "" {
		t.Errorf("the ledger (-twin +killed):\n%s", d)
	}
	want := twin.ask(t, ethereumFacts)
	if d := cmp.Diff(want, p.ask(t, ethereumFacts)); d != "" {
		t.Errorf("the facts (-twin +killed):\n%s", d)
	}
	if len(want) < 3000 {
		t.Errorf("the twin has only %d facts", len(want))
	}
	if rows := p.ask(t, doubled); len(rows) > 0 {
		t.Errorf("facts twice: %v", rows)
	}
	if rows := p.ask(t, `SELECT status, count(*) FROM ingest_run WHERE status = 'running' GROUP BY 1`); len(rows) > 0 {
		t.Errorf("runs that never end: %v", rows)
	}
	if orphans := p.ask(t, `SELECT count(*) FROM fact_metric f WHERE len(f.obs_ids) <> (SELECT count(*) FROM raw_observation o WHERE list_contains(f.obs_ids, o.obs_id))`); orphans[0] != "0" {
		t.Errorf("%s facts lost an observation", orphans[0])
	}
}
