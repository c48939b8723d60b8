package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// The glossary is what readers trust; a query or metric that changes without it
// would make it wrong.
func TestMetricsDocIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := metrics()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "docs", "metrics.md")
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("docs/metrics.md is not what the code says; run make generate (-want +got):\n%s", d)
	}
}
