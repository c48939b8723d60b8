package main

import (
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// publishing sets the site's shortest time between two copies.
func (s *site) publishing(every string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "pipeline.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "publish:")
	if err := os.WriteFile(path, []byte(before+"publish: { dir: published, every: "+every+" }\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// newest is the manifest of the site's newest copy.
func (s *site) newest() store.Manifest {
	s.t.Helper()
	m, err := store.ReadManifest(filepath.Join(s.dir, "published", store.LatestManifest))
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// refuse puts n rows into a warehouse's quarantine, as a check does.
func refuse(t *testing.T, database string, n int) {
	t.Helper()
	db, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	res := store.TaskResult{KnownAt: tick, PluginVersion: "1", PluginSHA256: "ab",
		Task: store.Task{TaskKey: store.TaskKey{Job: "old", Plugin: "a", Chain: "ethereum", Tick: tick}, State: store.StateQuarantined, RunID: "r"}}
	for i := range n {
		res.Observations = append(res.Observations, store.Observation{At: sdk.Position{Height: 1, Time: tick}, Observation: sdk.Observation{
			Token: "tst", Metric: sdk.ExchangeRateMetric, Value: big.NewInt(int64(900 + i)), Source: sdk.Source{Method: "rate()", Target: "0xfeed"},
		}})
		res.Rejects = append(res.Rejects, transforms.Reject{Obs: i, Token: "tst", Metric: sdk.ExchangeRateMetric, Check: "bounds", Reason: "a rate of hundreds"})
	}
	if _, err = db.Commit(t.Context(), res); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// What changes the warehouse is published, at most every publish.every, and what
// came too soon by the next verb that writes.
func TestOneShotVerbsPublishWhatTheyChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, patient.with("marinade"))
	ok := func(args ...string) {
		t.Helper()
		if end := s.run(args...); end.code != exitOK {
			t.Fatalf("%v: exit code %d\n%s", args, end.code, end.stderr)
		}
	}
	refuse(t, s.database(), 3)
	s.publishing("24h")
	ok("run")
	first := s.newest()
	if first.Rows["fact_metric"] == 0 || first.RunID == "" {
		t.Fatalf("the first run published %+v", first)
	}
	ok("quarantine", "dismiss", "1", "--reason", "a typo")
	ok("run")
	if m := s.newest(); m.Sequence != first.Sequence {
		t.Errorf("another copy within publish.every: %+v", m)
	}
	s.publishing("1ms")
	ok("run") // finds nothing due
	second := s.newest()
	if second.Changes != first.Changes+1 {
		t.Errorf("the verdict of before is not in the copy: %+v after %+v", second, first)
	}
	ok("run")
	if m := s.newest(); m.Sequence != second.Sequence {
		t.Errorf("a copy without a change: %+v", m)
	}
	ok("quarantine", "release", "2", "--reason", "seen on chain")
	if m := s.newest(); m.Changes != second.Changes+1 {
		t.Errorf("the release published %+v after %+v", m, second)
	}
}
