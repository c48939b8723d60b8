package store

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Errors of Open and OpenReadOnly that callers tell apart. The file is unchanged.
var (
	// ErrHeld means another process has the file; the error is a *HeldError.
	ErrHeld = errors.New("held by another process")
	// ErrNewerSchema means a newer pipeline has migrated the warehouse.
	ErrNewerSchema = errors.New("newer schema")
	// ErrNewerDuckDB means a newer DuckDB wrote the file.
	ErrNewerDuckDB = errors.New("newer DuckDB file format")
	// ErrNotWarehouse means the file is no DuckDB file, or one without our tables.
	ErrNotWarehouse = errors.New("not a warehouse")
	// ErrDamaged means DuckDB cannot read its own file.
	ErrDamaged = errors.New("damaged file")
	// ErrReadOnly means a writing method of a Store opened with OpenReadOnly.
	ErrReadOnly = errors.New("opened read-only")
)

var (
	conflictText = regexp.MustCompile(`Conflicting lock is held in (.+?) \(PID (\d+)\)`)
	versionText  = regexp.MustCompile(`version number (\d+), but we can only read versions? (?:between )?(\d+)(?: and (\d+))?`)
)

// explainOpen turns what DuckDB says when it cannot open a file into what
// happened and what to do.
func explainOpen(path, duckdbVersion string, err error) error {
	if err := explainDisk(path, err); errors.Is(err, ErrDisk) {
		return fmt.Errorf("open warehouse: %w", err) // it must not look damaged
	}
	text := err.Error()
	if m := conflictText.FindStringSubmatch(text); m != nil {
		pid, _ := strconv.Atoi(m[2]) // digits by the pattern
		h := readHolder(path)
		if h.PID == pid {
			return &HeldError{Path: path, Command: h.Command, PID: pid, Since: h.Since}
		}
		return &HeldError{Path: path, Command: m[1], PID: pid}
	}
	if m := versionText.FindStringSubmatch(text); m != nil {
		newest := m[2]
		if m[3] != "" {
			newest = m[3]
		}
		return fmt.Errorf("open warehouse %s: %w: it is in storage version %s, this pipeline has DuckDB %s, which reads up to %s; the file was not touched, use the newer pipeline that wrote it",
			path, ErrNewerDuckDB, m[1], duckdbVersion, newest)
	}
	switch {
	case strings.Contains(text, "not a valid DuckDB database file"):
		return fmt.Errorf("open warehouse %s: %w: the file exists but is not a DuckDB database; the file was not touched, choose another path or move it away", path, ErrNotWarehouse)
	case strings.Contains(text, "Corrupt database file"), strings.Contains(text, "Could not read enough bytes"),
		strings.Contains(text, "Failure while replaying WAL"), strings.Contains(text, "MetadataReader"),
		strings.Contains(text, "Serialization Error"):
		return fmt.Errorf("open warehouse %s: %w; move it and its .wal away and restore the newest published snapshot, the next run fetches what is missing: %w", path, ErrDamaged, err)
	}
	return fmt.Errorf("open warehouse %s: %w", path, err)
}
