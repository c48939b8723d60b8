package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/proctest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

const (
	// owed is how many hours each series is behind when a warehouse is fresh.
	owed = 8
	// past is how many hours the backfill reads, and pastLag how long before the
	// oldest owed hour it begins.
	past    = 6
	pastLag = 48 * time.Hour
)

// series are those of the site's jobs. Two plugins on one chain share its anchors.
var series = []store.TaskKey{
	{Job: "prices", Plugin: "chainlink", Chain: "ethereum"},
	{Job: "state", Plugin: "rocketpool", Chain: "ethereum"},
	{Job: "state", Plugin: "marinade", Chain: "solana"},
}

// What is killed, and what the pipeline does meanwhile.
var (
	verbs   = []string{"run", "serve", "backfill"}
	victims = []string{"host", "plugin", "endpoint"}
)

// TestKilledAtAnyMoment kills the pipeline or one of its plugins with SIGKILL, or a
// node it reads, at random requests, lines of output and writes to the warehouse or a copy of it,
// while it does what is due, once or as the daemon, or reads the past, until it
// comes through, and then looks whether the warehouse is as if nothing had happened.
// LST_KILLS is how many kills there are (default 25), LST_SEED repeats them.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	number := func(name string, def int64) int64 {
		n, err := strconv.ParseInt(cmp.Or(os.Getenv(name), strconv.FormatInt(def, 10)), 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	kills := number("LST_KILLS", 25)
	var left atomic.Int64
	left.Store(kills)
	seed := number("LST_SEED", 1)
	count := &killCount{kills: map[string]int{}}
	t.Cleanup(func() {
		t.Logf("kills: %v; ticks said to be stored: %d; copies read: %d", count.kills, count.told, count.copies.Load())
		if count.copies.Load() == 0 {
			t.Error("no copy was published: nothing was seen of them")
		}
		if count.told == 0 {
			t.Error("no process said that a tick is stored: its output was not understood")
		}
		if all := len(verbs) * len(victims); kills >= 100 && len(count.kills) < all {
			t.Errorf("only %d of the %d pairs of verb and victim were hit", len(count.kills), all)
		}
	})
	for worker := range 3 {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			o := patient.with("rocketpool", "marinade")
			o.schedule, o.publish = "@hourly", "1ms"
			k := &killer{site: newSite(t, o), random: rand.New(rand.NewPCG(uint64(seed), uint64(worker))), count: count}
			fresh := k.fresh()
			for left.Load() > 0 {
				k.setWarehouse(fresh)
				k.story, k.kept = nil, nil
				for left.Load() > 0 && k.disturbedRun() {
					left.Add(-1)
				}
				k.complete()
				k.check()
				if t.Failed() {
					t.Fatalf("with LST_SEED=%d, after: %s", seed, strings.Join(k.story, "; "))
				}
			}
		})
	}
}

// killCount counts the kills of all workers.
type killCount struct {
	mu    sync.Mutex
	kills map[string]int // by verb and victim
	told  int            // ticks that processes said they have stored

	copies atomic.Int64 // that were read after a kill
}

func (c *killCount) add(what string) { c.mu.Lock(); defer c.mu.Unlock(); c.kills[what]++ }

type killer struct {
	*site
	random *rand.Rand
	count  *killCount
	from   time.Time       // the newest tick of the fresh warehouse
	story  []string        // kills since the last fresh warehouse
	kept   map[string]bool // what no later process may lose
}

// fresh makes a warehouse that owes ticks and returns its bytes.
func (k *killer) fresh() []byte {
	k.t.Helper()
	ctx := k.t.Context()
	s, err := store.Open(ctx, k.database(), store.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Join(k.dir, "pipeline.yaml"))
	if err != nil {
		k.t.Fatal(err)
	}
	settled := time.Now().UTC().Add(-settle(cfg)["ethereum"]) // Solana may be one tick ahead
	k.from = settled.Truncate(time.Hour).Add(-owed * time.Hour)
	var keys []store.TaskKey
	for _, key := range series {
		key.Tick = k.from
		keys = append(keys, key)
	}
	err = s.CloseTasks(ctx, keys, "", store.StateSuperseded, "", "where the test begins", time.Now())
	if err = errors.Join(err, s.Close()); err != nil {
		k.t.Fatal(err)
	}
	data, err := os.ReadFile(k.database())
	if err != nil {
		k.t.Fatal(err)
	}
	return data
}

// verb is the command line of a verb.
func (k *killer) verb(name string) []string {
	if name != "backfill" {
		return []string{name}
	}
	from := k.from.Add(-pastLag)
	return []string{name, "--every", "1h", "--from", from.Format(time.RFC3339), "--to", from.Add((past - 1) * time.Hour).Format(time.RFC3339)}
}

// disturbedRun runs the pipeline once, with one kill at a random event, and reports
// whether that came before the end. A daemon ends when it has caught up.
func (k *killer) disturbedRun() (killed bool) {
	k.t.Helper()
	verb, victim := verbs[k.random.IntN(len(verbs))], victims[k.random.IntN(len(victims))]
	p := k.prepare(k.verb(verb)...)
	spin := k.random.IntN(3000)
	pick := k.random.Uint32()
	kill, revive := k.net.KillEthereum, func() error { return nil }
	if k.random.IntN(4) == 0 {
		kill = k.net.KillSolana
	}
	outage := time.Duration(k.random.IntN(1500)) * time.Millisecond
	var once sync.Once
	strike := func() {
		once.Do(func() {
			// A while, but no clock: the same event, not always the same instruction.
			for range spin {
				runtime.Gosched()
			}
			<-p.ready
			pid := p.cmd.Process.Pid
			switch children := proctest.Children(pid); {
			case victim == "endpoint":
				revive = kill()
				time.AfterFunc(outage, func() { _ = revive() }) // and it is told below
				killed = true
				return
			case victim == "plugin" && len(children) > 0:
				pid = children[int(pick)%len(children)]
			default:
				victim = "host"
			}
			killed = syscall.Kill(pid, syscall.SIGKILL) == nil
		})
	}
	event := []string{"request", "line", "write"}[k.random.IntN(3)]
	n := 1 + k.random.IntN(map[string]int{"request": 6, "line": 17, "write": 30}[event])
	if event == "request" {
		k.net.OnRequest(n, func() { go strike() }) // and the request goes on
	}
	lines, rest := 0, restOf(verb)
	p.stderr.line = func(line string) {
		if lines++; event == "line" && lines == n {
			strike()
		}
		if rest(line) {
			<-p.ready
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may just have been killed
		}
	}
	if event == "write" {
		defer k.onWrite(n, strike)()
	}
	p.begin()
	end := p.wait()
	once.Do(func() {}) // a late event finds nothing to do; an early one has ended
	k.story = append(k.story, fmt.Sprintf("%s of %s at %s %d", victim, verb, event, n))
	k.t.Logf("%s: killed %v", k.story[len(k.story)-1], killed)
	if killed {
		k.count.add(verb + " " + victim)
	}
	if err := revive(); err != nil {
		k.t.Fatal(err)
	}
	k.noOrphans()
	// Its children are the plugins and the process that copies the warehouse for readers.
	noCopy := killed && victim == "plugin" && strings.Contains(end.stderr, "everything is stored, but no copy for readers was made")
	switch {
	case end.code == exitOK, end.code == exitIncomplete, end.code == -1, end.code == exitFailure && noCopy:
	default:
		k.t.Fatalf("exit code %d after %v\n%s", end.code, k.story, end.stderr)
	}
	k.nothingLost(end.stderr)
	return killed
}

// restOf recognises the line of output after which a daemon has caught up: each of
// its jobs has done what was due when it started. Other verbs end by themselves.
func restOf(verb string) func(line string) bool {
	done := map[string]bool{}
	return func(text string) bool {
		var line struct{ Msg, Job string }
		if verb != "serve" || json.Unmarshal([]byte(text), &line) != nil {
			return false
		}
		switch line.Msg {
		case "run ended", "nothing is due":
			done[line.Job] = true
		}
		return done["prices"] && done["state"]
	}
}

// complete runs the pipeline undisturbed until nothing is open. A failed tick waits
// a minute for its next try, which the test takes away.
func (k *killer) complete() {
	k.t.Helper()
	undisturbed := func(verb string) {
		k.t.Helper()
		end := k.run(k.verb(verb)...)
		if end.code != exitOK {
			k.t.Fatalf("an undisturbed %s after %v ends with %d\n%s", verb, k.story, end.code, end.stderr)
		}
		k.nothingLost(end.stderr)
	}
	for {
		undisturbed("run")
		// A tick whose hour has just begun is due until the chain has come so far.
		if len(k.ask(`FROM ingest_task WHERE state IN ('failed', 'partial') AND next_try IS NOT NULL OR state = 'due' AND tick >= ?`, k.from)) == 0 {
			break
		}
		s, err := store.Open(k.t.Context(), k.database(), store.Options{})
		if err != nil {
			k.t.Fatal(err)
		}
		_, err = s.DB().ExecContext(k.t.Context(), `UPDATE ingest_task SET next_try = NULL`)
		if err = errors.Join(err, s.Close()); err != nil {
			k.t.Fatal(err)
		}
	}
	undisturbed("backfill")
}
