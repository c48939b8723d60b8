package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
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
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// owed is how many hours each series is behind when a warehouse is fresh.
const owed = 8

// series are those of the site's jobs. Two plugins on one chain share its anchors.
var series = []store.TaskKey{
	{Job: "prices", Plugin: "chainlink", Chain: "ethereum"},
	{Job: "state", Plugin: "rocketpool", Chain: "ethereum"},
	{Job: "state", Plugin: "marinade", Chain: "solana"},
}

// TestKilledAtAnyMoment kills the pipeline or one of its plugins with SIGKILL at
// random requests, lines of output and writes to the warehouse, until a run comes
// through, and then looks whether the warehouse is as if nothing had happened.
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
	var left atomic.Int64
	left.Store(number("LST_KILLS", 25))
	seed := number("LST_SEED", 1)
	for worker := range 3 {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			o := patient
			o.schedule, o.plugins = "@hourly", []string{"rocketpool", "marinade"}
			k := &killer{site: newSite(t, o), random: rand.New(rand.NewPCG(uint64(seed), uint64(worker)))}
			fresh := k.fresh()
			for left.Load() > 0 {
				k.setWarehouse(fresh)
				k.story = nil
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

type killer struct {
	*site
	random *rand.Rand
	from   time.Time // the newest tick of the fresh warehouse
	story  []string  // kills since the last fresh warehouse
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

// disturbedRun runs the pipeline once, with one kill at a random event, and reports
// whether that came before the end.
func (k *killer) disturbedRun() (killed bool) {
	k.t.Helper()
	p := k.prepare("run")
	victim := []string{"host", "host", "plugin"}[k.random.IntN(3)]
	spin := k.random.IntN(3000)
	pick := k.random.Uint32()
	var once sync.Once
	strike := func() {
		once.Do(func() {
			// A while, but no clock: the same event, not always the same instruction.
			for range spin {
				runtime.Gosched()
			}
			<-p.ready
			pid := p.cmd.Process.Pid
			if children := childrenOf(pid); victim == "plugin" && len(children) > 0 {
				pid = children[int(pick)%len(children)]
			}
			killed = syscall.Kill(pid, syscall.SIGKILL) == nil
		})
	}
	event := []string{"request", "line", "write"}[k.random.IntN(3)]
	n := 1 + k.random.IntN(map[string]int{"request": 6, "line": 17, "write": 30}[event])
	k.story = append(k.story, fmt.Sprintf("%s at %s %d", victim, event, n))
	switch event {
	case "request":
		k.net.OnRequest(n, func() { go strike() }) // and the request goes on
	case "line":
		lines := 0
		p.stderr.line = func(string) {
			if lines++; lines == n {
				strike()
			}
		}
	case "write":
		defer k.onWrite(n, strike)()
	}
	p.begin()
	end := p.wait()
	once.Do(func() {}) // a late event finds nothing to do; an early one has ended
	k.t.Logf("%s: killed %v", k.story[len(k.story)-1], killed)
	k.noOrphans()
	switch end.code {
	case exitOK, exitIncomplete, -1:
	default:
		k.t.Fatalf("exit code %d after %v\n%s", end.code, k.story, end.stderr)
	}
	return killed
}

// onWrite calls f at the n-th write to the warehouse or its log: in the middle of a
// transaction, or between two. stop ends the watch.
func (k *killer) onWrite(n int, f func()) (stop func()) {
	k.t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err == nil {
		_, err = syscall.InotifyAddWatch(fd, filepath.Dir(k.database()), syscall.IN_MODIFY)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	done := make(chan struct{})
	go func() {
		defer close(done)
		seen := 0
		for buffer := make([]byte, 4096); ; {
			size, err := events.Read(buffer)
			if err != nil {
				return // closed
			}
			for at := 0; at < size; seen++ {
				// wd, mask, cookie and the length of the name, each of 4 bytes
				at += syscall.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buffer[at+12:]))
			}
			if seen >= n {
				f()
			}
		}
	}()
	return func() {
		_ = events.Close() // only to end the reading
		<-done
	}
}

// complete runs the pipeline undisturbed until nothing is open. A failed tick waits
// a minute for its next try, which the test takes away.
func (k *killer) complete() {
	k.t.Helper()
	for {
		if end := k.run("run"); end.code != exitOK {
			k.t.Fatalf("an undisturbed run after %v ends with %d\n%s", k.story, end.code, end.stderr)
		}
		if len(k.ask(`FROM ingest_task WHERE state IN ('failed', 'partial') AND next_try IS NOT NULL`)) == 0 {
			return
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
}

// check compares the warehouse with one that was never disturbed.
func (k *killer) check() {
	k.t.Helper()
	for _, s := range series {
		ticks := k.ask(`SELECT tick, state FROM ingest_task WHERE job = ? AND plugin = ? AND chain_id = ? ORDER BY tick`, s.Job, s.Plugin, string(s.Chain))
		if len(ticks) < 1+owed {
			k.t.Errorf("%s has %d ticks, want %d: %v", s.Plugin, len(ticks), 1+owed, ticks)
		}
		for i, row := range ticks {
			want := store.StateHave
			switch {
			case i == 0:
				want = store.StateSuperseded
			case s.Chain == "solana" && i < len(ticks)-1 && !strings.HasSuffix(row, store.StateHave):
				want = store.StateUnrecoverable
			}
			if row != k.from.Add(time.Duration(i)*time.Hour).Format(time.RFC3339)+"|"+want {
				k.t.Errorf("tick %d of %s is %s, want %s", i, s.Plugin, row, want)
			}
		}
	}
	k.checkWhole()
	k.nothingLeft()
}

// childrenOf lists the child processes of a process that are not dead.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// "pid (name) state ppid ...", and a name may hold anything.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// noOrphans waits until the processes of the site, which carry its temporary folder
// in their environment, are gone.
func (k *killer) noOrphans() {
	k.t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(k.temp)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if err := awaitEnd(pid, 10*time.Second); err != nil {
			name, _ := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
			k.t.Errorf("process %d (%s) outlives its host after %v: %v", pid, name, k.story, err)
		}
	}
}

// awaitEnd waits until a process, of whomever, has ended.
func awaitEnd(pid int, limit time.Duration) error {
	const pidfdOpen = 434 // on every architecture
	fd, _, errno := syscall.Syscall(pidfdOpen, uintptr(pid), syscall.O_NONBLOCK, 0)
	if errno == syscall.ESRCH {
		return nil
	}
	if errno != 0 {
		return errno
	}
	f := os.NewFile(fd, "pidfd")
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	asked := false // a pidfd is readable once its process has ended
	return raw.Read(func(uintptr) bool { defer func() { asked = true }(); return asked })
}
