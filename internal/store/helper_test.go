package store

import (
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

var (
	t0   = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	tick = time.Date(2024, 3, 1, 12, 5, 0, 0, time.UTC)
)

func open(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func openNew(t testing.TB) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "w.duckdb"), Options{})
}

// rows reads a query as text, one string a row.
func rows(t testing.TB, s *Store, query string, args ...any) []string {
	t.Helper()
	r, err := s.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer r.Close()
	list := []string{}
	for r.Next() {
		line := ""
		for i, v := range r.Values() {
			if i > 0 {
				line += " | "
			}
			if at, ok := v.(time.Time); ok {
				v = at.Format(time.RFC3339Nano)
			}
			line += fmt.Sprint(v)
		}
		list = append(list, line)
	}
	if err := r.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}

func count(t testing.TB, s *Store, query string) int {
	t.Helper()
	var n int
	if err := s.DB().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func mustCommit(t testing.TB, s *Store, res TaskResult) CommitStats {
	t.Helper()
	stats, err := s.Commit(t.Context(), res)
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("not a number: " + text)
	}
	return r
}

func bigint(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		panic("not an integer: " + text)
	}
	return n
}

// result is a task with n observations of distinct tokens and a fact of each.
func result(at time.Time, n int) TaskResult {
	res := TaskResult{
		Task: Task{
			TaskKey: TaskKey{Job: "hourly", Plugin: "lido", Chain: "ethereum", Tick: at},
			State:   StateHave, RunID: "run-1", AnchorHeight: 19_000_000, AnchorTime: at, Finality: sdk.Finalized,
		},
		KnownAt: at.Add(time.Minute), PluginVersion: "1.0.0", PluginSHA256: "ab12",
	}
	for i := range n {
		token := sdk.TokenID(fmt.Sprintf("t%05d", i))
		value := new(big.Int).Add(bigint("1000000000000000000"), big.NewInt(int64(i)))
		res.Observations = append(res.Observations, Observation{
			Observation: sdk.Observation{
				Token: token, Metric: sdk.BackingNative, Value: value, Decimals: 18, Quality: sdk.QualityOK, Basis: sdk.OnChain,
				Source: sdk.Source{Method: "getTotalPooledEther()", Target: "0xae7ab96520de3a18e5e111b5eaab095312d7fe84", Field: "word 0"},
			},
			At:       sdk.Position{Height: 19_000_000, Hash: "0xabc", Time: at},
			Finality: sdk.Finalized, Endpoint: "public", FetchedAt: at.Add(time.Second),
		})
		res.Metrics = append(res.Metrics, transforms.MetricFact{
			Metric: sdk.BackingNative, Token: token, TS: at, Value: new(big.Rat).SetFrac(value, scale18),
			Uncertainty: new(big.Rat), Height: 19_000_000, Quality: sdk.QualityOK, Basis: sdk.OnChain,
			Finality: sdk.Finalized, Obs: []int{i}, Transform: "scale@1",
		})
	}
	return res
}
