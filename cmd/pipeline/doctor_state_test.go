package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestTheDoctorReportsHolesAndSaysWhatClosesThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := &config.Config{Database: filepath.Join(dir, "w.duckdb")}
	a := &app{}
	if got := a.checkHoles(t.Context(), cfg); got != nil {
		t.Errorf("without a warehouse: %+v", got)
	}
	db, err := store.Open(t.Context(), cfg.Database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	put := func(job string, states ...string) {
		t.Helper()
		for i, state := range states {
			key := store.TaskKey{Job: job, Plugin: "p", Chain: "c", Tick: noon.Add(time.Duration(i) * time.Hour)}
			if _, err := db.Commit(t.Context(), store.TaskResult{KnownAt: key.Tick, Task: store.Task{
				TaskKey: key, State: state, RunID: "r", AnchorHeight: 1, AnchorTime: key.Tick, Finality: sdk.Finalized,
			}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	look := func() check {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		got := a.checkHoles(t.Context(), cfg)
		if len(got) != 1 {
			t.Fatalf("%+v", got)
		}
		if db, err = store.Open(t.Context(), cfg.Database, store.Options{}); err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
	put("whole", "have", "have", "failed") // the newest end is no hole
	if c := look(); c.state != "ok" || !strings.HasPrefix(c.found, "no tick is missing") {
		t.Errorf("%+v", c)
	}
	put("gone", "have", "unrecoverable", "have")
	if c := look(); c.state != "ok" || c.found != "gone/p/c: 1 unrecoverable" {
		t.Errorf("what nothing can be done about: %+v", c)
	}
	put("broken", "superseded", "superseded", "failed", "partial", "have")
	want := check{"holes", "warn", "broken/p/c: 1 failed; broken/p/c: 1 partial; broken/p/c: 2 superseded; gone/p/c: 1 unrecoverable",
		"failed and partial ones: pipeline run --retry; superseded ones: pipeline backfill"}
	if c := look(); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheDoctorFindsACopyThatIsNotRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, err := config.Parse(filepath.Join(dir, "p.yaml"), []byte(`
chains: [{ name: ethereum, kind: evm, native_asset: ETH, settle: 20m }]
publish: { dir: published, every: 30m }
job_defaults: { jitter: 5m }
jobs: [{ name: state, schedule: "@hourly" }, { name: rare, schedule: "@daily" }, { name: request }]
`))
	if err != nil {
		t.Fatal(err)
	}
	look := func(now time.Time) check {
		t.Helper()
		all := checkPublish(t.Context(), cfg, now)
		return all[len(all)-1]
	}
	noon := time.Date(2024, 3, 1, 12, 10, 0, 0, time.UTC)
	if c := look(noon); c.state != "ok" || !strings.HasPrefix(c.found, "none yet") {
		t.Errorf("%+v", c)
	}
	// A copy as Publish leaves it.
	db, err := store.Open(t.Context(), filepath.Join(cfg.Publish.Dir, "w-1.duckdb"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(store.Manifest{File: "w-1.duckdb", PublishedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Publish.Dir, store.LatestManifest), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("w-1.duckdb", filepath.Join(cfg.Publish.Dir, store.LatestSnapshot)); err != nil {
		t.Fatal(err)
	}
	// The tick of 13:00 is due at 13:20, may wait 30 min for its copy, and 15 min for itself.
	if c := look(noon.Add(114 * time.Minute)); c.state != "ok" || !strings.Contains(c.found, "1h 54m old") {
		t.Errorf("at 14:04: %+v", c)
	}
	if c := look(noon.Add(116 * time.Minute)); c.state != "warn" || !strings.Contains(c.found, "older than the tick 2024-03-01T13:00:00Z of job state") {
		t.Errorf("at 14:06: %+v", c)
	}
	if err := os.Remove(filepath.Join(cfg.Publish.Dir, "w-1.duckdb")); err != nil {
		t.Fatal(err)
	}
	if c := look(noon); c.state != "fail" {
		t.Errorf("a link to nothing: %+v", c)
	}
}

func TestTheDoctorListsReceiversAndTellsThemNothing(t *testing.T) {
	t.Parallel()
	if c := checkNotify(&config.Config{}); len(c) != 1 || c[0].state != "warn" {
		t.Errorf("nobody: %+v", c)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	got := checkNotify(&config.Config{Notify: []config.Notify{
		{Name: "chat", Events: []string{"stale"}},
		{Name: "pager", Command: []string{"touch", ran}},
		{Name: "typo", Command: []string{"no-such-command"}},
	}})
	states := ""
	for _, c := range got {
		states += c.state + " "
	}
	if states != "ok ok fail " || !strings.Contains(got[0].found, "a webhook, nothing was sent; events: stale") {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it ran the command")
	}
}
