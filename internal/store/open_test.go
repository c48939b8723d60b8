package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

func TestAnEmptyFolderBecomesAWarehouse(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "new", "folder", "w.duckdb"), Options{})
	for _, table := range []string{"raw_observation", "fact_metric", "fact_price", "fact_event", "fact_exit_quote",
		"fact_operator_stake", "dim_metric", "ingest_run", "ingest_task", "quarantine"} {
		if n := count(t, s, "SELECT count(*) FROM duckdb_tables() WHERE table_name = '"+table+"'"); n != 1 {
			t.Errorf("table %s is missing", table)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM dim_metric"); n < 50 {
		t.Errorf("dim_metric has %d rows, want the whole catalogue", n)
	}
	got := rows(t, s, `SELECT param, value FROM dim_chain_param WHERE chain_id = 'ethereum' AND valid_to IS NULL
		AND param IN ('exit_churn_native_per_epoch', 'epoch_s', 'withdrawable_delay_epochs', 'min_slashing_penalty_quotient') ORDER BY 1`)
	want := []string{"epoch_s | 384", "exit_churn_native_per_epoch | 256", "min_slashing_penalty_quotient | 4096", "withdrawable_delay_epochs | 256"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOptionsReachDuckDB(t *testing.T) {
	t.Parallel()
	spill := filepath.Join(t.TempDir(), "spill")
	s := open(t, filepath.Join(t.TempDir(), "w.duckdb"), Options{MemoryLimit: "512MiB", Threads: 1, TempDir: spill})
	got := rows(t, s, `SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory'),
		current_setting('TimeZone'), current_setting('asof_loop_join_threshold'), current_setting('enable_external_access'), current_setting('autoload_known_extensions')`)
	if diff := cmp.Diff([]string{"512.0 MiB | 1 | " + spill + " | UTC | 0 | false | false"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "50%.duckdb"), Options{}); err == nil || !strings.Contains(err.Error(), "cannot be part of it") {
		t.Errorf("a path DuckDB's driver would misread: %v", err)
	}
}

func TestOpeningAgainWritesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	for range 2 {
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, path, Options{})
	files, err := fs.Glob(warehouse.FS(), "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count(*) FROM "+versionTable); int(n) != 1+len(files) { // goose's zero, and ours
		t.Errorf("%d migrations are recorded, there are %d files", n, len(files))
	}
	if n := count(t, s, "SELECT count(*) FROM schema_views"); n != 1 {
		t.Errorf("%d view hashes are recorded", n)
	}
}

func fileHash(t *testing.T, path string) [32]byte {
	t.Helper()
	text, err := os.ReadFile(path) // nobody has it open: the store is closed
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(text)
}

func TestANewerSchemaIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.ExecContext(t.Context(), `INSERT INTO `+versionTable+` VALUES (99, now()::TIMESTAMP)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := fileHash(t, path)
	_, err = Open(t.Context(), path, Options{})
	if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("open: %v", err)
	}
	if _, err = OpenReadOnly(t.Context(), path); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("open read-only: %v", err)
	}
	if fileHash(t, path) != before {
		t.Error("the file was changed")
	}
	if _, err := os.Stat(path + ".wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a WAL was left behind: %v", err)
	}
}

// blockSum is DuckDB's checksum of a block whose length is a multiple of 8.
func blockSum(b []byte) uint64 {
	sum := uint64(5381)
	for i := 0; i < len(b); i += 8 {
		sum ^= binary.LittleEndian.Uint64(b[i:]) * 0xbf58476d1ce4e5b9
	}
	return sum
}

func TestAFileThatIsNotOursIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	warehouseFile := func(t *testing.T) []byte {
		path := filepath.Join(t.TempDir(), "w.duckdb")
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tests := map[string]struct {
		make func(t *testing.T) []byte
		want error
		says string
	}{
		"a text file": {
			func(*testing.T) []byte { return []byte(strings.Repeat("hello, this is no database\n", 1000)) },
			ErrNotWarehouse, "not a DuckDB database",
		},
		"a file of DuckDB 2": {
			func(t *testing.T) []byte {
				b := warehouseFile(t)
				const header = 4096
				if sum := blockSum(b[8:header]); sum != binary.LittleEndian.Uint64(b) {
					t.Fatalf("checksum of an untouched header is %d, the file says %d", sum, binary.LittleEndian.Uint64(b))
				}
				binary.LittleEndian.PutUint64(b[12:], 69)
				binary.LittleEndian.PutUint64(b, blockSum(b[8:header]))
				return b
			},
			ErrNewerDuckDB, "storage version 69",
		},
		"a file cut in half": {
			func(t *testing.T) []byte { b := warehouseFile(t); return b[:len(b)/2] },
			ErrDamaged, "restore the newest published snapshot",
		},
		"a file with a zeroed header": {
			func(t *testing.T) []byte { b := warehouseFile(t); clear(b[4096:12288]); return b },
			ErrDamaged, "restore the newest published snapshot",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "other.duckdb")
			if err := os.WriteFile(path, tc.make(t), 0o644); err != nil {
				t.Fatal(err)
			}
			before := fileHash(t, path)
			_, err := Open(t.Context(), path, Options{})
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("open: %v, want %v saying %q", err, tc.want, tc.says)
			}
			_, err = OpenReadOnly(t.Context(), path)
			if !errors.Is(err, tc.want) {
				t.Errorf("open read-only: %v, want %v", err, tc.want)
			}
			if fileHash(t, path) != before {
				t.Error("the file was changed")
			}
		})
	}
}

func TestAFailedMigrationLeavesTheSchemaAsItWas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	files := sqlFiles(t)
	files["migrations/0099_bad.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE half (a INT);\nCREATE TABLE half (a INT);\n-- +goose Down\nSELECT 1;\n")}
	if _, err := Open(t.Context(), path, Options{SQL: files}); err == nil || !strings.Contains(err.Error(), "version:99") {
		t.Fatalf("open: %v", err)
	}
	s := open(t, path, Options{})
	if n := count(t, s, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half'"); n != 0 {
		t.Error("half a migration stayed")
	}
}

// sqlFiles is a changeable copy of the embedded files.
func sqlFiles(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(warehouse.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(warehouse.FS(), path)
		files[path] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestViewsAreReplacedWhenTheirFilesChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	files := sqlFiles(t)
	for name := range files {
		if strings.HasPrefix(name, "views/") {
			delete(files, name)
		}
	}
	set := func(name, text string) { files["views/"+name] = &fstest.MapFile{Data: []byte(text)} }
	set("10_a.sql", "CREATE VIEW a AS SELECT 1 AS x; CREATE MACRO twice(n) AS n * 2;")
	set("20_b.sql", "CREATE VIEW b AS SELECT twice(x) AS y FROM a; CREATE MACRO several(n) AS TABLE SELECT * FROM range(n);")
	reopen := func(want ...string) {
		t.Helper()
		s, err := Open(t.Context(), path, Options{SQL: files})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		got := rows(t, s, `SELECT view_name FROM duckdb_views() WHERE NOT internal
			UNION SELECT function_name FROM duckdb_functions() WHERE NOT internal ORDER BY 1`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	reopen("a", "b", "several", "twice")
	reopen("a", "b", "several", "twice") // unchanged
	delete(files, "views/20_b.sql")
	reopen("a", "twice")
	set("30_bad.sql", "CREATE VIEW c AS SELECT missing FROM a;")
	if _, err := Open(t.Context(), path, Options{SQL: files}); err == nil || !strings.Contains(err.Error(), "30_bad.sql") {
		t.Errorf("open with a broken view: %v", err)
	}
	delete(files, "views/30_bad.sql")
	reopen("a", "twice")
}

func init() {
	// hold opens the warehouse, says so, and waits for its input to end.
	children["hold"] = func(args []string) error {
		s, err := Open(context.Background(), args[0], Options{Command: "pipeline serve"})
		if err != nil {
			return err
		}
		os.Stdout.WriteString("held\n")
		io.Copy(io.Discard, os.Stdin)
		return s.Close()
	}
	// foreign opens the database as another program would, without the lock file.
	children["foreign"] = func(args []string) error {
		s, err := OpenReadOnly(context.Background(), args[0])
		if err != nil {
			return err
		}
		os.Stdout.WriteString("held\n")
		io.Copy(io.Discard, os.Stdin)
		return s.Close()
	}
}

func TestTheHolderIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrHeld) {
		t.Errorf("a second open in one process: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"hold", "foreign"} {
		cmd := child(t.Context(), kind, path)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
			t.Fatalf("child said %q, %v", line, err)
		}
		_, err = Open(t.Context(), path, Options{})
		var held *HeldError
		if !errors.As(err, &held) || held.PID != cmd.Process.Pid {
			t.Errorf("%s: open: %v, want the holder's pid %d", kind, err, cmd.Process.Pid)
		}
		if kind == "hold" {
			if held.Command != "pipeline serve" || time.Since(held.Since) > time.Hour {
				t.Errorf("holder is %+v", held)
			}
			_, err = OpenReadOnly(t.Context(), path)
			if !errors.As(err, &held) || held.PID != cmd.Process.Pid || held.Command != "pipeline serve" {
				t.Errorf("open read-only: %v", err)
			}
		}
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path, Options{}) // free again
}

func TestWhatADeadProcessLeftRunningIsDueAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.StartRun(t.Context(), "run", "dev", t0)
	if err != nil {
		t.Fatal(err)
	}
	key := result(tick, 0).Task.TaskKey
	if err := s.FailTask(t.Context(), key, run, StateFailed, "transient", "timeout", t0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MarkRunning(t.Context(), []TaskKey{key}, run, t0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // a killed process leaves the same rows
		t.Fatal(err)
	}
	s = open(t, path, Options{Now: func() time.Time { return t0.Add(time.Hour) }})
	if diff := cmp.Diff(Recovered{Runs: 1, Tasks: 1}, s.Recovered); diff != "" {
		t.Error(diff)
	}
	if got := rows(t, s, "SELECT status, ended_at FROM ingest_run"); got[0] != "interrupted | 2024-03-01T13:00:00Z" {
		t.Errorf("run is %v", got)
	}
	tasks, err := s.Tasks(t.Context(), TaskFilter{States: []string{StateDue}})
	if err != nil || len(tasks) != 1 || tasks[0].Attempts != 1 || !strings.Contains(tasks[0].Error, "interrupted") {
		t.Errorf("tasks are %+v, %v", tasks, err)
	}
}
