package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrDisk means that a disk cannot be written; the error is a *DiskError. It is
// nobody's fault but the disk's, and ends with it: what was stored is still there,
// and the same call goes through once the disk takes writes again.
var ErrDisk = errors.New("the disk cannot be written")

// DiskError says which disk cannot be written, and what to do.
type DiskError struct {
	Path  string // a file or folder on the disk
	State string // "is full"
	Todo  string
	Err   error
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("the disk of %s %s: %s, then the next try goes through; what was stored is not lost (%v)", e.Path, e.State, e.Todo, e.Err)
}

func (e *DiskError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrDisk) true.
func (e *DiskError) Is(target error) bool { return target == ErrDisk }

// room is what a disk that was full must take before the warehouse is written
// again: as much as DuckDB lets its log grow. With less, small writes would go
// through and those that matter fail again.
const room = 16 << 20

// diskStates are the troubles of a disk, as the operating system and so DuckDB and
// Go say them.
var diskStates = []struct{ text, state, todo string }{
	{"no space left on device", "is full", fmt.Sprintf("free %d MB or more", room>>20)},
	{"quota exceeded", "has no more quota for this user", "free some space or raise the quota"},
	{"read-only file system", "is mounted read-only", "mount it writable, or set another path in the configuration"},
	{"input/output error", "fails", "look at the system's log; the disk may be dying"},
}

// explainDisk turns an error that a disk is behind into a *DiskError, and leaves
// others alone.
func explainDisk(path string, err error) error {
	if err == nil || errors.Is(err, ErrDisk) {
		return err
	}
	text := strings.ToLower(err.Error()) // DuckDB's errors are text only
	for _, d := range diskStates {
		if strings.Contains(text, d.text) {
			return &DiskError{Path: path, State: d.state, Todo: d.todo, Err: err}
		}
	}
	return err
}

// noted explains a writing error, and remembers it if the disk is behind it.
// Callers hold writeMu.
func (s *Store) noted(ctx context.Context, err error) error {
	err = explainDisk(s.path, err)
	if errors.Is(err, ErrDisk) {
		s.diskFailed = true
		// A checkpoint that failed took the instance with it; readers need one now.
		_ = s.alive(context.WithoutCancel(ctx), `SELECT 1`)
	}
	return err
}

// hasRoom refuses to write while the disk that failed the last time would fail
// again. So nothing is read from a chain in vain, nor does DuckDB give up its
// instance time and again. Callers hold writeMu.
func (s *Store) hasRoom() error {
	if !s.diskFailed {
		return nil
	}
	if err := tryDisk(filepath.Dir(s.path)); err != nil {
		return err
	}
	s.diskFailed = false
	return nil
}

// tryDisk writes a file of the size of room into a folder. Its name is removed
// before it is written, so that nothing is left whatever happens.
func tryDisk(dir string) error {
	f, err := os.CreateTemp(dir, "room-*.tmp")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	noise := make([]byte, 1<<20) // a disk that compresses would take zeros
	for range room / len(noise) {
		_, _ = rand.Read(noise) // it never fails
		if _, err := f.Write(noise); err != nil {
			return err
		}
	}
	return f.Sync()
}
