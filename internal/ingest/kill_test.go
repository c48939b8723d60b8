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
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/proctest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
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

// The pipeline, one of its plugins or a node is killed again and again, at any
// request and a moment after it, and endpoints refuse now and then. In the end every
// tick is accounted for, no fact is doubled, and the warehouse holds what that of an
// undisturbed twin holds. LST_KILLS is how many kills there are (default 8), LST_SEED
// repeats them as far as the machine does.
func TestKillsDuringScheduledAndBackfillWorkLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	kills, seed := 8, rand.Uint64()
	if n, err := strconv.Atoi(os.Getenv("LST_KILLS")); err == nil {
		kills = n // for a long night
	}
	if n, err := strconv.ParseUint(os.Getenv("LST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	now := time.Date(2024, 9, 1, 0, 30, 0, 0, time.UTC)
	k := &killer{world: newWorld(t, now), now: now, dir: t.TempDir(), dice: rand.New(rand.NewPCG(seed, 1)), kills: map[string]int{}}
	if err := k.setup("twin").work(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.twin = k.open(t, k.setup("twin").Database)
	for left := kills; left > 0; {
		k.kept = nil
		for left > 0 && k.disturbed(t) {
			left--
		}
		k.complete(t)
		k.compare(t)
		if t.Failed() {
			break
		}
		if err := os.Remove(k.setup("killed").Database); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d kills to go; so far: %v", left, k.kills)
	}
}

type killer struct {
	*world
	now   time.Time
	dir   string // of the warehouses
	dice  *rand.Rand
	twin  *pipeline
	kills map[string]int  // by victim
	kept  map[string]bool // what no later process may lose
}

// setup is that of a warehouse: scheduled work, and a backfill of 130 days.
func (k *killer) setup(name string) setup {
	s := k.world.setup(filepath.Join(k.dir, name+".duckdb"))
	s.From, s.To = k.now.Add(-130*24*time.Hour), k.now
	return s
}

// disturbed lets a helper work, with one kill on the way, and reports whether that
// came before the work was done.
func (k *killer) disturbed(t *testing.T) bool {
	t.Helper()
	if k.dice.IntN(3) == 0 {
		k.SpoilEthereum(`"eth_call"`, chaintest.RPCError(-32000, "busy"))
	}
	defer k.Heal()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), helperEnv+"="+marshal(t, k.setup("killed")))
	cmd.Stderr = os.Stderr
	victim := []string{"host", "plugin", "endpoint"}[k.dice.IntN(3)]
	after, outage := time.Duration(k.dice.IntN(400))*time.Millisecond, time.Duration(k.dice.IntN(400))*time.Millisecond
	kill, revive := k.KillEthereum, func() error { return nil }
	if k.dice.IntN(4) == 0 {
		kill = k.KillSolana
	}
	pick := k.dice.Int()
	started, struck := make(chan struct{}), ""
	var once sync.Once
	strike := func() {
		once.Do(func() {
			<-started
			pid := cmd.Process.Pid
			switch children := proctest.Children(pid); {
			case victim == "endpoint":
				revive = kill()
				time.AfterFunc(outage, func() { _ = revive() }) // and it is told below
				struck = victim
				return
			case victim == "plugin" && len(children) > 0:
				pid = children[pick%len(children)]
			default:
				victim = "host"
			}
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				struck = victim
			}
		})
	}
	k.OnRequest(1+k.dice.IntN(8), func() { time.AfterFunc(after, strike) })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	once.Do(func() {}) // a late strike finds nothing to do
	if err := revive(); err != nil {
		t.Fatal(err)
	}
	if err != nil && (struck != "host" || cmd.ProcessState.ExitCode() != -1) {
		t.Fatalf("the pipeline ended with %v after the kill of its %s", err, struck)
	}
	k.nothingLost(t)
	if struck != "" {
		k.kills[struck]++
	}
	return struck != ""
}

// read opens the warehouse as the kill has left it, only to ask it.
func (k *killer) read(t *testing.T) (p *pipeline, done func()) {
	t.Helper()
	db, err := store.OpenReadOnly(t.Context(), k.setup("killed").Database)
	if err != nil {
		t.Fatal(err)
	}
	return &pipeline{db: db}, func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// nothingLost compares what is stored for good with what was so before.
func (k *killer) nothingLost(t *testing.T) {
	t.Helper()
	p, done := k.read(t)
	defer done()
	now := map[string]bool{}
	for _, row := range p.ask(t, `SELECT 'tick', plugin, chain_id, tick::VARCHAR FROM ingest_task WHERE state = 'have'
		UNION ALL SELECT 'observation', token_id, metric_id, obs_id::VARCHAR FROM raw_observation
		UNION ALL SELECT 'metric', token_id, metric_id, ts::VARCHAR FROM fact_metric`) {
		now[row] = true
	}
	for row := range k.kept {
		if !now[row] {
			t.Fatalf("lost: %s", row)
		}
	}
	k.kept = now
}

// complete works undisturbed until nothing is open. What failed while a node was
// away waits for its next try.
func (k *killer) complete(t *testing.T) {
	t.Helper()
	last := k.setup("killed")
	for range 8 {
		if err := last.work(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, done := k.read(t)
		open := p.ask(t, `SELECT plugin, tick FROM ingest_task WHERE state IN ('due', 'running', 'failed', 'partial')`)
		done()
		if len(open) == 0 {
			break
		}
		last.Now = last.Now.Add(time.Hour)
	}
	k.nothingLost(t)
}

// compare holds what is left of the killed pipeline against its twin.
func (k *killer) compare(t *testing.T) {
	t.Helper()
	p, done := k.read(t)
	defer done()
	twin := k.twin
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
