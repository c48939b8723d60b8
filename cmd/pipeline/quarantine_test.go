package main

import (
	"bytes"
	"context"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// What was refused is seen, decided about once, and the verdict stays.
func TestQuarantineFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(config, []byte("database: w.duckdb\nchains: [{ name: ethereum, kind: evm, native_asset: ETH }]\njobs: [{ name: state, plugins: [a] }]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(context.Background(), filepath.Join(dir, "w.duckdb"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	res := store.TaskResult{
		KnownAt: tick, PluginVersion: "1", PluginSHA256: "ab",
		Task: store.Task{TaskKey: store.TaskKey{Job: "state", Plugin: "a", Chain: "ethereum", Tick: tick}, State: store.StateQuarantined, RunID: "r"},
	}
	for i, v := range []int64{900, 901} {
		res.Observations = append(res.Observations, store.Observation{At: sdk.Position{Height: uint64(i + 1), Time: tick.Add(time.Duration(i) * time.Minute)}, Observation: sdk.Observation{
			Token: "tst", Metric: sdk.ExchangeRateMetric, Value: big.NewInt(v), Source: sdk.Source{Method: "rate()", Target: "0xfeed"},
		}})
		res.Rejects = append(res.Rejects, transforms.Reject{Obs: i, Token: "tst", Metric: sdk.ExchangeRateMetric, Check: "bounds", Reason: "a rate of hundreds"})
	}
	if _, err := db.Commit(t.Context(), res); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	pipeline := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(append([]string{"--config", config}, args...), strings.NewReader(""), &out, &errs); got != code {
			t.Fatalf("%v exits with %d, want %d: %s", args, got, code, errs.String())
		}
		return out.String() + errs.String()
	}
	contains := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("%q is not in:\n%s", want, text)
			}
		}
	}
	contains(pipeline(0, "quarantine", "list", "-o", "csv"), `(?m)^1,held,a,ethereum,2024-03-01T12:00:00Z,tst,exchange_rate,bounds,a rate of hundreds,$`, `(?m)^2,held`)
	contains(pipeline(0, "quarantine", "list", "--token", "other", "-o", "json"), `^\[\]`)
	contains(pipeline(0, "quarantine", "show", "1"), `target +│ 0xfeed`, `value_text +│ 90[01]`)
	contains(pipeline(2, "quarantine", "release", "1"), "--reason is required")
	contains(pipeline(0, "quarantine", "release", "1", "--reason", "seen on chain"), "row 1 is released")
	contains(pipeline(1, "quarantine", "dismiss", "1", "--reason", "no"), "it was released before")
	contains(pipeline(0, "quarantine", "dismiss", "2", "--reason", "a typo"), "stays with your reason")
	contains(pipeline(0, "quarantine", "list", "-o", "json"), `^\[\]`)
	contains(pipeline(0, "quarantine", "list", "--state", "all", "-o", "csv"), `1,released,.*,seen on chain`, `2,dismissed,.*,a typo`)
	contains(pipeline(0, "sql", "-o", "csv", "select token_id, quality, reason, transform from metric_now"), "tst,ok,released: seen on chain,manual-release@1")
	contains(pipeline(0, "explain", "exchange_rate", "tst", "2024-03-02"), "a person released it: seen on chain", "the same")
}
