package store

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func init() {
	children["copy"] = func(args []string) error { return CopySnapshot(args, os.Stdout) }
	// copy-torn does what a copy does whose disk lost a block.
	children["copy-torn"] = func(args []string) error {
		if err := CopySnapshot(args, os.Stdout); err != nil {
			return err
		}
		f, err := os.OpenFile(args[1], os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(make([]byte, 4096), 3*4096+4096)
		return errors.Join(err, f.Close())
	}
	children["copy-dies"] = func(args []string) error {
		if err := os.WriteFile(args[1], []byte("half"), 0o644); err != nil {
			return err
		}
		return errors.New("no space left on device")
	}
}

// copyBy runs a child of the test binary, which env tells what to be.
func copyBy(name string) []string {
	return []string{"/usr/bin/env", childEnv + "=" + name, os.Args[0]}
}

func TestAPublishedSnapshotIsOneCommittedState(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	dir := filepath.Join(t.TempDir(), "published")
	mustCommit(t, s, result(t0, 50))

	// A writer commits without pause; every commit adds 50 facts and one task.
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Add(1)
	go func() {
		defer writing.Done()
		for at := t0.Add(time.Hour); ctx.Err() == nil; at = at.Add(time.Hour) {
			if _, err := s.Commit(context.Background(), result(at, 50)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	var last Manifest
	for i := range 5 {
		m, err := s.Publish(t.Context(), PublishOptions{Dir: dir, Keep: 2, RunID: "run-1", Copy: copyBy("copy"), Now: t0.Add(time.Duration(i) * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		r, err := OpenReadOnly(t.Context(), filepath.Join(dir, LatestSnapshot))
		if err != nil {
			t.Fatal(err)
		}
		facts, tasks := count(t, r, "SELECT count(*) FROM fact_metric"), count(t, r, "SELECT count(*) FROM ingest_task")
		if facts != 50*tasks || int64(facts) != m.Rows["fact_metric"] || int64(facts) < last.Rows["fact_metric"] {
			t.Errorf("snapshot %d has %d facts of %d tasks, manifest %v, before %v", i, facts, tasks, m.Rows, last.Rows)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		last = m
	}
	stop()
	writing.Wait()

	if got := count(t, s, "SELECT (current_setting('wal_autocheckpoint') = '1TB')::INT"); got != 0 {
		t.Error("automatic checkpoints are still held back")
	}
	text, err := os.ReadFile(filepath.Join(dir, LatestManifest))
	if err != nil {
		t.Fatal(err)
	}
	var stored Manifest
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last, stored); diff != "" {
		t.Error(diff)
	}
	want := Manifest{File: "w-20240301T120004.000000Z.duckdb", PublishedAt: t0.Add(4 * time.Second), Sequence: 5, RunID: "run-1", SchemaVersion: 7, DuckDBVersion: DuckDBVersion()}
	if diff := cmp.Diff(want, stored, cmpopts.IgnoreFields(Manifest{}, "Bytes", "SHA256", "Rows", "AsOf")); diff != "" {
		t.Error(diff)
	}
	if _, ok := stored.AsOf["ethereum"]; !ok || stored.Bytes == 0 || len(stored.SHA256) != 64 {
		t.Errorf("manifest is %s", text)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		entries[i] = filepath.Base(e)
	}
	wantFiles := []string{LatestSnapshot, LatestManifest,
		"w-20240301T120003.000000Z.duckdb", "w-20240301T120003.000000Z.duckdb.json",
		"w-20240301T120004.000000Z.duckdb", "w-20240301T120004.000000Z.duckdb.json"}
	if diff := cmp.Diff(wantFiles, entries); diff != "" {
		t.Error(diff)
	}
}

func TestABadCopyIsNotPublished(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	dir := t.TempDir()
	mustCommit(t, s, result(t0, 50))
	if _, err := s.Publish(t.Context(), PublishOptions{Dir: dir, Copy: copyBy("copy"), Now: t0}); err != nil {
		t.Fatal(err)
	}
	before, err := os.Readlink(filepath.Join(dir, LatestSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"copy-torn": "thrown away", "copy-dies": "no space left"} {
		_, err := s.Publish(t.Context(), PublishOptions{Dir: dir, Copy: copyBy(name), Now: t0.Add(time.Hour)})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
	after, err := os.Readlink(filepath.Join(dir, LatestSnapshot))
	if err != nil || after != before {
		t.Errorf("latest is %s, was %s (%v)", after, before, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	mustCommit(t, s, result(t0.Add(time.Hour), 1)) // the warehouse goes on
}

func TestTheHolderRefusesToCopyItsOwnFile(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	if err := CopySnapshot([]string{s.Path(), filepath.Join(t.TempDir(), "copy")}, os.Stderr); err == nil {
		t.Error("the process read the live file it holds")
	}
	if _, err := s.Publish(t.Context(), PublishOptions{Dir: t.TempDir()}); err == nil {
		t.Error("published without a copy command")
	}
}

// A copy that is named after a clock that was set back is still the newest.
func TestAClockSetBackDoesNotCostTheNewestSnapshot(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	dir := t.TempDir()
	mustCommit(t, s, result(t0, 1))
	publish := func(now time.Time) Manifest {
		t.Helper()
		m, err := s.Publish(t.Context(), PublishOptions{Dir: dir, Keep: 2, Copy: copyBy("copy"), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	// One of a pipeline that wrote no sequence.
	old := publish(t0.Add(100 * time.Hour))
	if err := os.WriteFile(filepath.Join(dir, old.File+".json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for i := range 4 {
		m := publish(t0.Add(-time.Duration(i) * time.Hour))
		kept = append(kept, filepath.Join(dir, m.File))
		if got, err := ReadManifest(filepath.Join(dir, LatestManifest)); err != nil || got.File != m.File {
			t.Errorf("the newest manifest is of %s, want %s (%v)", got.File, m.File, err)
		}
		r, err := OpenReadOnly(t.Context(), filepath.Join(dir, LatestSnapshot))
		if err != nil {
			t.Fatal(err)
		}
		if r.Path() != kept[i] {
			t.Errorf("latest is %s, want %s", r.Path(), kept[i])
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "w-*.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	if diff := cmp.Diff(kept[:2], left); diff != "" { // the two of the earliest clock
		t.Error(diff)
	}
}

// Retention may take a copy from under a reader, and the link changes under readers
// that are about to open it: neither may see anything but a whole copy.
func TestReadersNeverMissASnapshot(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	dir := t.TempDir()
	mustCommit(t, s, result(t0, 50))
	publish := func(i int) {
		t.Helper()
		if _, err := s.Publish(t.Context(), PublishOptions{Dir: dir, Keep: 1, Copy: copyBy("copy"), Now: t0.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	publish(0)
	early, err := OpenReadOnly(t.Context(), filepath.Join(dir, LatestSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	looking.Go(func() {
		for ctx.Err() == nil {
			if _, err := os.Readlink(filepath.Join(dir, LatestSnapshot)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 3 {
		mustCommit(t, s, result(t0.Add(time.Duration(i+1)*time.Hour), 50))
		publish(i + 1)
	}
	stop()
	looking.Wait()
	if _, err := os.Stat(early.Path()); err == nil {
		t.Fatal("the copy under the reader is still there: nothing was tested")
	}
	if n := count(t, early, "SELECT count(*) FROM fact_metric"); n != 50 {
		t.Errorf("the reader of a removed copy sees %d facts, want its 50", n)
	}
	if err := early.Close(); err != nil {
		t.Error(err)
	}
}

func TestACopyIsDueAfterAChangeAndNotTooSoon(t *testing.T) {
	t.Parallel()
	now := t0
	s := open(t, filepath.Join(t.TempDir(), "w.duckdb"), Options{Now: func() time.Time { return now }})
	dir := t.TempDir()
	due := func(want bool, when string) {
		t.Helper()
		if got, err := s.PublishDue(t.Context(), dir, time.Hour); err != nil || got != want {
			t.Errorf("%s: due is %t, want %t (%v)", when, got, want, err)
		}
	}
	publish := func() {
		t.Helper()
		if _, err := s.Publish(t.Context(), PublishOptions{Dir: dir, Copy: copyBy("copy")}); err != nil {
			t.Fatal(err)
		}
	}
	run := func() string {
		t.Helper()
		id, err := s.StartRun(t.Context(), "run", "1", now)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	fail := func() {
		t.Helper()
		key := TaskKey{Job: "state", Plugin: "test", Chain: "ethereum", Tick: t0}
		if err := s.FailTask(t.Context(), key, run(), StateFailed, sdk.KindTransient, "no answer", now, nil); err != nil {
			t.Fatal(err)
		}
	}
	due(false, "an empty warehouse")
	fail()
	due(true, "a first change, and no copy")
	publish()
	fail()
	due(false, "a change right after a copy")
	now = now.Add(time.Hour)
	due(true, "the same an hour later, without another")
	publish()
	now = now.Add(time.Hour)
	run()
	due(false, "a run that found nothing to do")
	mustCommit(t, s, refused(sdk.Observation{Token: "a", Metric: sdk.Price, Value: big.NewInt(1)}))
	if err := s.Dismiss(t.Context(), Verdict{ID: heldID(t, s, sdk.Price), Reason: "a typo", At: now}); err != nil {
		t.Fatal(err)
	}
	due(true, "a verdict")
	publish()
	now = now.Add(time.Hour)
	due(false, "nothing since the verdict")
	now = now.Add(-10 * time.Hour)
	fail()
	due(true, "a change after the clock was set back")
}
