package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestATroubleOfTheDiskIsNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	duckdb := errors.New(`TransactionContext Error: Failed to commit: Could not write file "/w.duckdb.wal": No space left on device`)
	for name, tc := range map[string]struct {
		err  error
		says string // "": it is not the disk's
	}{
		"a full disk, by DuckDB":  {duckdb, "the disk of /w.duckdb is full: free 16 MB or more"},
		"a full disk, by Go":      {&fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, "is full"},
		"a quota":                 {&fs.PathError{Op: "write", Path: "/x", Err: syscall.EDQUOT}, "raise the quota"},
		"a read-only disk":        {&fs.PathError{Op: "open", Path: "/x", Err: syscall.EROFS}, "mounted read-only: mount it writable"},
		"a dying disk":            {&fs.PathError{Op: "sync", Path: "/x", Err: syscall.EIO}, "the disk may be dying"},
		"a folder without access": {&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, ""},
		"no error":                {nil, ""},
	} {
		got := explainDisk("/w.duckdb", tc.err)
		switch {
		case !errors.Is(got, tc.err):
			t.Errorf("%s: %v hides its cause", name, got)
		case tc.says == "" && got != tc.err:
			t.Errorf("%s: %v", name, got)
		case tc.says != "" && (!errors.Is(got, ErrDisk) || !strings.Contains(got.Error(), tc.says)):
			t.Errorf("%s: %v, want %q", name, got, tc.says)
		}
		if again := explainDisk("/other", got); again != got {
			t.Errorf("%s is explained twice: %v", name, again)
		}
	}
}

// Who throws a sound file away because its disk was full loses it.
func TestAFullDiskDoesNotLookLikeDamage(t *testing.T) {
	t.Parallel()
	err := explainOpen("/w.duckdb", "v1", errors.New(`Failure while replaying WAL file "/w.duckdb.wal": Could not write file: No space left on device`))
	if !errors.Is(err, ErrDisk) || errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestTryingTheDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := tryDisk(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
	if err := tryDisk(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there can be written")
	}
}
