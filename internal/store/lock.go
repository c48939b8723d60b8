package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// HeldError says that another process has the warehouse. Callers that only read
// may fall back to the published snapshot.
type HeldError struct {
	Path    string
	Command string    // what the holder runs; empty if it did not say
	PID     int       // 0 if unknown
	Since   time.Time // zero if unknown
}

// Holder names the other process: "pipeline serve (pid 123)".
func (e *HeldError) Holder() string {
	holder := "another process"
	if e.Command != "" {
		holder = e.Command
	}
	if e.PID != 0 {
		holder += fmt.Sprintf(" (pid %d)", e.PID)
	}
	return holder
}

func (e *HeldError) Error() string {
	holder := e.Holder()
	if !e.Since.IsZero() {
		holder += " since " + e.Since.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("warehouse %s is held by %s; wait for it to end or stop it, and read the published snapshot meanwhile", e.Path, holder)
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// holder is what the lock file says about the process that has it.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

func lockPath(db string) string { return db + ".lock" }

// acquire takes the lock file of a database and writes into it who has it. The
// lock is an flock on the lock file, never on the database, and ends with the
// process however that dies.
func acquire(db, command string, now time.Time) (*flock.Flock, error) {
	lock := flock.New(lockPath(db), flock.SetPermissions(0o644))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock warehouse %s: %w; check that the folder exists and can be written", db, err)
	}
	if !ok {
		h := readHolder(db)
		return nil, &HeldError{Path: db, Command: h.Command, PID: h.PID, Since: h.Since}
	}
	text, err := json.Marshal(holder{PID: os.Getpid(), Command: command, Since: now.UTC().Truncate(time.Second)})
	if err == nil {
		err = os.WriteFile(lockPath(db), append(text, '\n'), 0o644)
	}
	if err != nil {
		_ = lock.Close() // the write error matters more
		return nil, fmt.Errorf("write lock file of warehouse %s: %w", db, err)
	}
	return lock, nil
}

// release empties the lock file, so that nobody reads a holder that is gone, and
// lets go. The file stays: removing it would let two processes lock two files.
func release(lock *flock.Flock) error {
	if err := os.Truncate(lock.Path(), 0); err != nil {
		_ = lock.Close()
		return fmt.Errorf("empty lock file: %w", err)
	}
	return lock.Close()
}

// readHolder reads the lock file; what cannot be read stays zero.
func readHolder(db string) holder {
	var h holder
	if text, err := os.ReadFile(lockPath(db)); err == nil {
		_ = json.Unmarshal(text, &h) // half-written: the holder stays unknown
	}
	return h
}

// commandLine is the holder's name for people: the program and its words, without
// flags, whose values might be private.
func commandLine() string {
	words := []string{filepath.Base(os.Args[0])}
	for _, w := range os.Args[1:] {
		if strings.HasPrefix(w, "-") {
			break
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}
