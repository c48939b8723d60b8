package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names in the folder of published snapshots that do not change.
const (
	LatestSnapshot = "latest.duckdb" // link to the newest snapshot
	LatestManifest = "latest.json"   // link to its manifest
)

// PublishOptions says where snapshots go.
type PublishOptions struct {
	Dir string
	// Keep is how many snapshots stay, the new one included; less than 1 means 3.
	Keep int
	// RunID is the run the snapshot follows, for the manifest.
	RunID string
	// Copy is the command that runs CopySnapshot in another process; the paths of
	// the live file and of the copy are appended. It is required: this process
	// would lose its lock by reading the live file.
	Copy []string
	// Now is the moment of publishing, for name and manifest; zero: the store's clock.
	Now time.Time
}

// Manifest describes a published snapshot. It lies beside it as NAME.json.
type Manifest struct {
	File string `json:"file"`
	// Sequence is one more than the greatest of the folder's other snapshots. It says
	// which is newer, whatever the clock said.
	Sequence    int64     `json:"sequence"`
	PublishedAt time.Time `json:"published_at"`
	RunID       string    `json:"run_id,omitempty"`
	// Changes counts the tries of tasks and the verdicts up to the snapshot: the
	// warehouse has changed since if it counts another number.
	Changes       int64                `json:"changes"`
	SchemaVersion int64                `json:"schema_version"`
	DuckDBVersion string               `json:"duckdb_version"`
	Bytes         int64                `json:"bytes"`
	SHA256        string               `json:"sha256"`
	Rows          map[string]int64     `json:"rows"`
	AsOf          map[string]time.Time `json:"as_of"` // newest anchor by chain
}

// Publish makes a consistent copy of the warehouse that others may read while this
// process goes on writing: checkpoint, copy by a child process, open and check the
// copy, and only then switch LatestSnapshot to it. Until the switch readers see
// the snapshot before; a failure at any point leaves that one in place.
//
// Commits go on during the copy. They go to the WAL only, because automatic
// checkpoints are held back; a checkpoint would change the file under the copy.
func (s *Store) Publish(ctx context.Context, opts PublishOptions) (m Manifest, err error) {
	if s.readOnly {
		return m, fmt.Errorf("publish: %w", ErrReadOnly)
	}
	if len(opts.Copy) == 0 {
		return m, errors.New("publish: no copy command is set; this process must not read its own live file")
	}
	if opts.Now.IsZero() {
		opts.Now = s.opts.Now()
	}
	if opts.Keep < 1 {
		opts.Keep = 3
	}
	s.publishMu.Lock()
	defer s.publishMu.Unlock()

	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return m, fmt.Errorf("publish: %w", err)
	}
	defer func() { err = explainDisk(dir, err) }()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return m, fmt.Errorf("publish: create the folder of snapshots: %w", err)
	}
	if err := s.sweep(dir); err != nil {
		return m, fmt.Errorf("publish: %w", err)
	}
	m = Manifest{
		File:        s.snapshotPrefix() + opts.Now.UTC().Format("20060102T150405.000000Z") + ".duckdb",
		PublishedAt: opts.Now.UTC(), RunID: opts.RunID, DuckDBVersion: duckdbVersion(),
	}
	older, err := s.snapshots(dir)
	if err != nil {
		return m, fmt.Errorf("publish: look at the earlier snapshots: %w", err)
	}
	m.Sequence = 1
	if len(older) > 0 {
		m.Sequence = older[0].sequence + 1
	}
	copied := filepath.Join(dir, m.File+".tmp")
	defer func() {
		if err != nil {
			_ = os.Remove(copied) // the error that led here says more
		}
	}()
	live, err := s.copyLive(ctx, opts.Copy, copied, &m)
	if err != nil {
		return m, fmt.Errorf("publish: %w", err)
	}
	if err := s.verifyCopy(ctx, copied, live, &m); err != nil {
		return m, fmt.Errorf("publish: the copy was thrown away: %w", err)
	}
	if err := switchTo(dir, copied, m); err != nil {
		return m, fmt.Errorf("publish: %w", err)
	}
	if err := s.retain(dir, opts.Keep); err != nil {
		return m, fmt.Errorf("publish: %s is published, but old snapshots could not be removed: %w", m.File, err)
	}
	return m, nil
}

// copyLive checkpoints and has the file copied while checkpoints are held back. It
// returns the row counts of the state that was copied.
func (s *Store) copyLive(ctx context.Context, command []string, to string, m *Manifest) (rows map[string]int64, err error) {
	s.writeMu.Lock()
	var limit string
	if err = s.hasRoom(); err == nil {
		err = s.alive(ctx, `SELECT 1`)
	}
	if err == nil {
		err = s.writer.QueryRowContext(ctx, `SELECT current_setting('wal_autocheckpoint')`).Scan(&limit)
	}
	if err == nil {
		_, err = s.writer.ExecContext(ctx, `SET GLOBAL wal_autocheckpoint = '1TB'`)
	}
	if err == nil {
		defer func() {
			_, back := s.DB().ExecContext(context.WithoutCancel(ctx), `SET GLOBAL wal_autocheckpoint = '`+limit+`'`)
			err = errors.Join(err, back)
		}()
		_, err = s.writer.ExecContext(ctx, `CHECKPOINT`)
	}
	if err == nil {
		rows, err = rowCounts(ctx, s.writer)
	}
	if err != nil {
		err = s.noted(ctx, err)
	}
	s.writeMu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("checkpoint before the copy: %w", err)
	}
	sum, err := runCopy(ctx, command, s.path, to)
	if err != nil {
		return nil, err
	}
	m.Bytes, m.SHA256 = sum.Bytes, sum.SHA256
	return rows, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// countedTables are the tables whose rows the manifest counts.
var countedTables = []string{
	"raw_observation", "fact_metric", "fact_price", "fact_exit_quote", "fact_operator_stake", "fact_event",
	"quarantine", "ingest_task", "ingest_run",
}

func rowCounts(ctx context.Context, db querier) (map[string]int64, error) {
	parts := make([]string, len(countedTables))
	for i, t := range countedTables {
		parts[i] = "SELECT '" + t + "', count(*) FROM " + t
	}
	rows, err := db.QueryContext(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	defer rows.Close()
	counts := make(map[string]int64, len(countedTables))
	for rows.Next() {
		var table string
		var n int64
		if err := rows.Scan(&table, &n); err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
		counts[table] = n
	}
	return counts, rows.Err()
}

// verifyCopy opens the copy, reads all of its facts, compares it with what was
// copied and completes the manifest from it.
func (s *Store) verifyCopy(ctx context.Context, path string, want map[string]int64, m *Manifest) (err error) {
	c, err := OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if m.Rows, err = rowCounts(ctx, c.DB()); err != nil {
		return err
	}
	for _, t := range countedTables {
		if m.Rows[t] != want[t] {
			return fmt.Errorf("table %s has %d rows in the copy and %d in the warehouse", t, m.Rows[t], want[t])
		}
	}
	// Reading every column of the facts finds a block that cannot be decoded.
	for _, t := range []string{"fact_metric", "fact_price", "raw_observation", "ingest_task"} {
		var sum sql.NullString
		if err := c.DB().QueryRowContext(ctx, `SELECT bit_xor(hash(x))::VARCHAR FROM `+t+` AS x`).Scan(&sum); err != nil {
			return fmt.Errorf("read table %s: %w", t, err)
		}
	}
	if m.Changes, err = c.changes(ctx); err != nil {
		return err
	}
	if m.SchemaVersion, err = c.SchemaVersion(ctx); err != nil {
		return err
	}
	m.AsOf = map[string]time.Time{}
	rows, err := c.DB().QueryContext(ctx, `SELECT chain_id, max(anchor_ts) FROM ingest_task
		WHERE state IN ('have', 'partial') AND anchor_ts IS NOT NULL GROUP BY 1`)
	if err != nil {
		return fmt.Errorf("read the newest anchors: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var chain string
		var at time.Time
		if err := rows.Scan(&chain, &at); err != nil {
			return fmt.Errorf("read the newest anchors: %w", err)
		}
		m.AsOf[chain] = at.UTC()
	}
	return rows.Err()
}

// switchTo gives the copy its name, writes the manifest beside it and points the
// links at both.
func switchTo(dir, copied string, m Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	final := filepath.Join(dir, m.File)
	if err := writeSynced(final+".json", append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(copied, final); err != nil {
		return err
	}
	for link, target := range map[string]string{LatestSnapshot: m.File, LatestManifest: m.File + ".json"} {
		tmp := filepath.Join(dir, link+".tmp")
		if err := os.Symlink(target, tmp); err != nil {
			return err
		}
		if err := os.Rename(tmp, filepath.Join(dir, link)); err != nil {
			return err
		}
	}
	return syncDir(dir)
}
