package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ReadManifest reads the manifest of a snapshot: LatestManifest in the folder, or
// the one beside a snapshot. The error is fs.ErrNotExist if there is none.
func ReadManifest(path string) (m Manifest, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("read the manifest of a snapshot: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read the manifest of a snapshot: %s: %w", path, err)
	}
	return m, nil
}

// PublishDue reports whether the warehouse has changed since the newest snapshot in
// the folder was made, and that one is old enough for another. One that is dated
// after now, by a clock since set back, does not hold it up.
func (s *Store) PublishDue(ctx context.Context, dir string, every time.Duration) (bool, error) {
	m, _ := ReadManifest(filepath.Join(dir, LatestManifest)) // none, or not ours: everything is a change
	if age := s.opts.Now().Sub(m.PublishedAt); age >= 0 && age < every {
		return false, nil
	}
	n, err := s.changes(ctx)
	return n != m.Changes, err
}

// changes counts what has come to an end in the warehouse: tries of tasks, and
// verdicts about what is in quarantine. Looking for due work and finding none is no
// change.
func (s *Store) changes(ctx context.Context) (n int64, err error) {
	err = s.DB().QueryRowContext(ctx, `SELECT (SELECT coalesce(sum(tasks), 0) FROM ingest_run)::BIGINT
		+ (SELECT count(*) FROM quarantine WHERE state <> 'held')`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the changes of the warehouse: %w", err)
	}
	return n, nil
}

// snapshotPrefix begins the names of this warehouse's snapshots.
func (s *Store) snapshotPrefix() string {
	return strings.TrimSuffix(filepath.Base(s.path), filepath.Ext(s.path)) + "-"
}

// sweep removes what a publisher that died left behind.
func (s *Store) sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, s.snapshotPrefix()+"*.tmp"))
	if err != nil {
		return err
	}
	for _, link := range []string{LatestSnapshot, LatestManifest} {
		left = append(left, filepath.Join(dir, link+".tmp"))
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what an earlier publishing left: %w", err)
		}
	}
	return nil
}

// snapshot is a published file of the folder.
type snapshot struct {
	path     string
	sequence int64 // 0 if no manifest tells it
}

// snapshots lists the snapshots of this warehouse in a folder, the newest first.
// Names and file times come from a clock that may have been set back, so they only
// order those without a sequence.
func (s *Store) snapshots(dir string) ([]snapshot, error) {
	files, err := filepath.Glob(filepath.Join(dir, s.snapshotPrefix()+"*.duckdb"))
	if err != nil {
		return nil, err
	}
	list := make([]snapshot, len(files))
	for i, f := range files {
		m, _ := ReadManifest(f + ".json") // without one it is older than all that have one
		list[i] = snapshot{f, m.Sequence}
	}
	slices.SortFunc(list, func(a, b snapshot) int {
		return cmp.Or(cmp.Compare(b.sequence, a.sequence), strings.Compare(b.path, a.path))
	})
	return list, nil
}

// retain removes all but the newest snapshots. A reader that has one open keeps it.
func (s *Store) retain(dir string, keep int) error {
	all, err := s.snapshots(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, old := range all[min(keep, len(all)):] {
		for _, f := range []string{old.path, old.path + ".json"} {
			if err := os.Remove(f); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
