package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheSizeIsThatOfTheFile(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	mustCommit(t, s, result(t0, 200))
	if err := s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, result(t0.Add(time.Hour), 200))
	size, err := s.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	// The file begins with three headers of 4 KiB that are in no block.
	if size.Database == 0 || size.Database > info.Size() || info.Size()-size.Database > 1<<20 || size.WAL < 1024 {
		t.Errorf("size = %+v, the file has %d bytes", size, info.Size())
	}
}

func TestPingTellsWhetherTheWriterWorks(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "closed.duckdb")
	r, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Ping(t.Context()); err == nil {
		t.Error("a closed warehouse answered")
	}
	ro, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	if err := ro.Ping(t.Context()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("read-only: %v", err)
	}
}
