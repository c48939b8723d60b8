package report

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

var (
	update = flag.Bool("update", false, "write the golden files; read them before you commit them")
	keep   = flag.String("keep", "", "write the page of the test's world to this file")
)

var lookedAt = time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)

// worlds are the reports of an empty warehouse, of testdata/seed.sql, and of one
// token of it: made once, since they are only read.
var worlds = sync.OnceValues(func() ([3]*Data, error) {
	seed, err := os.ReadFile("testdata/seed.sql")
	if err != nil {
		return [3]*Data{}, err
	}
	return collectAll(string(seed))
})

func collectAll(seed string) (all [3]*Data, err error) {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		return all, err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, "w.duckdb"), store.Options{Threads: 2})
	if err != nil {
		return all, err
	}
	defer s.Close()
	for i, o := range []Options{{}, {}, {Tokens: []string{"BETH"}}} {
		if i == 1 {
			if _, err := s.DB().ExecContext(ctx, seed); err != nil {
				return all, err
			}
		}
		o.AsOf, o.Version = lookedAt, "test"
		if all[i], err = Collect(ctx, s, o); err != nil {
			return all, err
		}
		all[i].MadeAt = lookedAt.Add(7 * time.Minute)
	}
	return all, nil
}

func nthWorld(t *testing.T, n int) *Data {
	t.Helper()
	all, err := worlds()
	if err != nil {
		t.Fatal(err)
	}
	return all[n]
}

func emptyWorld(t *testing.T) *Data { t.Helper(); return nthWorld(t, 0) }
func seeded(t *testing.T) *Data     { t.Helper(); return nthWorld(t, 1) }
func onlyBETH(t *testing.T) *Data   { t.Helper(); return nthWorld(t, 2) }
