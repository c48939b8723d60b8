package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

// Options of a Store. The zero value is right for most.
type Options struct {
	// Command is how the lock file names this process to others, for example
	// "pipeline serve". Empty: the program and its words, without flags.
	Command string
	// MemoryLimit and Threads bound DuckDB ("2GB"; 4); empty and 0 leave its own
	// defaults. TempDir is where it spills; empty: beside the database.
	MemoryLimit string
	Threads     int
	TempDir     string
	// ExternalAccess lets SQL read and write other files. Off by default, and it
	// cannot be switched on later.
	ExternalAccess bool
	// Now is the clock; nil means time.Now. It dates recovery and the lock file.
	Now func() time.Time
	// SQL holds migrations and views; nil means the embedded ones.
	SQL fs.FS
}

// Recovered says what Open found left over from a process that died.
type Recovered struct{ Runs, Tasks int64 }

// Store is an open warehouse. Its methods may be called from many goroutines;
// writes queue behind each other.
type Store struct {
	path     string
	opts     Options
	readOnly bool
	lock     *flock.Flock // nil when read-only
	db       atomic.Pointer[sql.DB]

	writeMu sync.Mutex // held by the one write transaction, and by checkpoints
	writer  *sql.Conn  // nil after a failed revival
	closed  bool
	// diskFailed says that the disk failed the last write.
	diskFailed bool

	// views are those of this program, made temporary, where a file opened read-only
	// has others: one that an earlier program with the same tables wrote last.
	views []string
	// behind says which schema a file has whose tables are older, and what to do.
	behind string

	// live holds the ids of the runs under way in this process.
	live sync.Map

	// publishMu is held while the file is copied: nothing may checkpoint then. It
	// is taken before writeMu.
	publishMu sync.Mutex

	// Recovered is what Open put right.
	Recovered Recovered
}

// Open opens the warehouse for writing, creates folder and file if they are not
// there, migrates the schema and replaces the views. Runs and tasks that a dead
// process left running become interrupted and due.
//
// Errors: *HeldError, *DiskError, ErrNewerSchema, ErrNewerDuckDB, ErrNotWarehouse, ErrDamaged;
// in all these cases the database file is as it was.
func Open(ctx context.Context, path string, opts Options) (_ *Store, err error) {
	s, err := newStore(path, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = explainDisk(s.path, err); err != nil && s.lock != nil {
			_ = s.Close() // the first error says more
		}
	}()
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return nil, fmt.Errorf("create the folder of the warehouse: %w", err)
	}
	if s.lock, err = acquire(s.path, s.opts.Command, s.opts.Now()); err != nil {
		return nil, err
	}

	// Look before writing anything: a first, read-only opening.
	if info, statErr := os.Stat(s.path); statErr == nil && info.Size() > 0 {
		if err := s.inspect(ctx); err != nil {
			return nil, err
		}
	}
	db, err := s.connect(false)
	if err != nil {
		return nil, err
	}
	s.db.Store(db)
	migrated, err := migrate(ctx, db, s.opts.SQL)
	if err != nil {
		return nil, err
	}
	replaced, err := applyViews(ctx, db, s.opts.SQL)
	if err != nil {
		return nil, err
	}
	if s.writer, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("open the writing connection: %w", err)
	}
	if err := s.PutMetrics(ctx, sdk.Catalogue(), s.opts.Now()); err != nil {
		return nil, err
	}
	if err := s.recover(ctx); err != nil {
		return nil, err
	}
	if migrated || replaced {
		// Schema changes must not wait in the WAL: replaying them after a crash is
		// where DuckDB has been weakest.
		if err := s.Checkpoint(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// OpenReadOnly opens a warehouse for queries: a published snapshot, or a live file
// nobody holds. Queries see the views and macros of this program, also in a file that
// an earlier one with the same tables wrote. Writing methods return ErrReadOnly. While it is open, nobody can
// open the file for writing, so close it soon.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	s, err := newStore(path, Options{})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.path); err != nil {
		return nil, fmt.Errorf("open warehouse: %w; run the pipeline first, it creates the file", err)
	}
	s.readOnly = true
	db, err := s.connect(true)
	if err != nil {
		return nil, err
	}
	s.db.Store(db)
	err = s.checkVersion(ctx, db)
	if err == nil && s.behind == "" { // they might ask for columns that are not there
		s.views, err = otherViews(ctx, db, s.opts.SQL)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func newStore(path string, opts Options) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("warehouse path %s: %w", path, err)
	}
	// DuckDB caches instances by path: a switched link must be seen as another file.
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	if strings.ContainsAny(abs, "?%#") {
		return nil, fmt.Errorf("warehouse path %s: the characters ? %% # cannot be part of it; choose another path", abs)
	}
	if opts.Command == "" {
		opts.Command = commandLine()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.SQL == nil {
		opts.SQL = warehouse.FS()
	}
	return &Store{path: abs, opts: opts}, nil
}

// inspect opens the file read-only, so that a file we must not have is refused
// before anything is written to it.
func (s *Store) inspect(ctx context.Context) error {
	db, err := s.connect(true)
	if err != nil {
		return err
	}
	return errors.Join(s.checkVersion(ctx, db), db.Close())
}

func (s *Store) checkVersion(ctx context.Context, db *sql.DB) error {
	have, ours, empty, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if empty && !s.readOnly {
		return nil // a process died before its first migration
	}
	if !ours {
		return fmt.Errorf("open warehouse %s: %w: it is a DuckDB file without the pipeline's tables; the file was not touched, choose another path", s.path, ErrNotWarehouse)
	}
	know, err := newestMigration(db, s.opts.SQL)
	if err != nil {
		return err
	}
	if have > know {
		return fmt.Errorf("open warehouse %s: %w: it has schema %d, this pipeline knows up to %d; the file was not touched, use the newer pipeline", s.path, ErrNewerSchema, have, know)
	}
	if have < know {
		s.behind = fmt.Sprintf("%s has schema %d, and this pipeline's questions want %d: `pipeline run`, or any other verb that writes, brings it up to date", s.path, have, know)
	}
	return nil
}

// Close ends the writing connection and lets the file go. Close all Rows first.
func (s *Store) Close() error {
	s.publishMu.Lock() // closing checkpoints
	defer s.publishMu.Unlock()
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	s.closed = true
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if db := s.db.Load(); db != nil {
		errs = append(errs, db.Close())
	}
	if s.lock != nil {
		errs = append(errs, release(s.lock))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close warehouse %s: %w", s.path, err)
	}
	return nil
}

// Path is the absolute path of the database file.
func (s *Store) Path() string { return s.path }

// DB gives the pool of connections for reading with database/sql. Ask for it each
// time: after a full disk the store may have opened the file anew. Use Query for SQL
// that people type: it holds to reading, and to exact values.
func (s *Store) DB() *sql.DB { return s.db.Load() }

// DuckDBVersion is the version of the linked DuckDB, for example "v1.5.5".
func DuckDBVersion() string { return duckdbVersion() }

var duckdbVersion = sync.OnceValue(func() string {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return "unknown"
	}
	defer db.Close()
	var v string
	if err := db.QueryRow(`SELECT version()`).Scan(&v); err != nil {
		return "unknown"
	}
	return v
})

// SchemaVersion is the newest migration the warehouse has.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	v, _, _, err := schemaVersion(ctx, s.DB())
	return v, err
}
