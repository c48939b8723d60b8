package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

// withViews is the embedded SQL with one file of views instead of all.
func withViews(t *testing.T, text string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{"views/01.sql": {Data: []byte(text)}}
	names, err := fs.Glob(warehouse.FS(), "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(warehouse.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// When a definition changes, what was published under the old one can still be asked,
// with the macros and views of that time, also in a copy opened read-only.
func TestAnOldDefinitionStaysQueryable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	year := func(days string) string {
		return "CREATE OR REPLACE MACRO year_days() AS " + days + ";\nCREATE OR REPLACE VIEW per_day AS SELECT 730 / year_days() AS x;\n" +
			"CREATE OR REPLACE MACRO scaled(n) AS TABLE SELECT x * n AS y FROM per_day;"
	}
	define := func(views string, version int, text string, at time.Time) {
		t.Helper()
		s, err := Open(t.Context(), path, Options{SQL: withViews(t, views)})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.PutDefinitions(t.Context(), []Definition{{Query: "growth", Version: version, SQL: text}}, at), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	define(year("365"), 1, "SELECT y FROM scaled(0)", t0)
	define(year("365"), 1, "SELECT y FROM scaled($n)", t0.Add(time.Hour)) // the same figure, said better
	define(year("73"), 2, "SELECT y + 1 AS y FROM scaled($n)", t0.Add(24*time.Hour))
	define(year("73"), 2, "SELECT y + 1 AS y FROM scaled($n)", t0.Add(48*time.Hour))

	s, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(version int) float64 {
		t.Helper()
		d, err := s.Definition(t.Context(), "growth", version)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.QueryAs(t.Context(), d, sql.Named("n", 10.0))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if !r.Next() {
			t.Fatal(r.Err())
		}
		return r.Values()[0].(float64)
	}
	for range 2 { // and the present one is not touched by asking for an old one
		if got := ask(1); got != 20 {
			t.Errorf("methodology 1 answers %v, want 730 / 365 × 10", got)
		}
		if got := ask(2); got != 101 {
			t.Errorf("methodology 2 answers %v, want 730 / 73 × 10 + 1", got)
		}
		if d := cmp.Diff([]string{"100"}, rows(t, s, "SELECT y FROM scaled(10)")); d != "" {
			t.Error(d)
		}
	}
	all, err := s.Definitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, d.Since.Format(time.RFC3339)+" "+d.SQL)
	}
	if d := cmp.Diff([]string{
		t0.Format(time.RFC3339) + " SELECT y FROM scaled($n)",
		t0.Add(24*time.Hour).Format(time.RFC3339) + " SELECT y + 1 AS y FROM scaled($n)",
	}, got); d != "" {
		t.Error(d)
	}
	if n := count(t, s, "SELECT count(*) FROM methodology_views"); n != 2 {
		t.Errorf("%d sets of views are kept, want those of the two versions", n)
	}
	if _, err := s.Definition(t.Context(), "growth", 3); !errors.Is(err, ErrNoDefinition) || !strings.Contains(err.Error(), "the warehouse has: 1, 2") {
		t.Errorf("%v", err)
	}
}

// The views as they are can be made again beside themselves.
func TestThePresentViewsAnswerAsADefinition(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	if err := s.PutDefinitions(t.Context(), []Definition{{Query: "league", Version: 1, SQL: "SELECT count(*) FROM league(30, '2024-01-01')"}}, t0); err != nil {
		t.Fatal(err)
	}
	d, err := s.Definition(t.Context(), "league", 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.QueryAs(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Next() || r.Values()[0] != int64(0) {
		t.Errorf("%v, %v", r.Values(), r.Err())
	}
	// Nothing of it stays behind for whoever gets the next connection.
	if n := count(t, s, "SELECT count(*) FROM duckdb_functions() WHERE database_name = 'temp'"); n != 0 {
		t.Errorf("%d temporary macros are left", n)
	}
}

// A program that is newer than the last one that wrote the file asks its own questions of it.
func TestAReaderHasTheViewsOfItsOwnProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	s, err := Open(t.Context(), path, Options{SQL: withViews(t, "CREATE OR REPLACE MACRO year_s() AS 1;\nCREATE OR REPLACE MACRO mine() AS 2;")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ask := func(query string) (string, error) {
		t.Helper()
		s, err := OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return onlyValue(s.Query(t.Context(), query))
	}
	for query, want := range map[string]string{
		"SELECT year_s()::BIGINT": "31536000", "SELECT count(*) FROM league(30, '2024-01-01')": "0", "SELECT mine()": "2",
	} {
		if got, err := ask(query); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", query, got, err, want)
		}
	}

	// Where the tables are older, too, a question that needs the newer ones says what to do.
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{"ALTER TABLE dim_fee DROP COLUMN known_at", "DELETE FROM schema_migration WHERE version >= 7"} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ask("SELECT mine()"); got != "2" || err != nil {
		t.Errorf("what needs no newer tables: %s, %v", got, err)
	}
	if _, err := ask("FROM fee_card('2024-01-01')"); err == nil || !strings.Contains(err.Error(), "has schema 6") || !strings.Contains(err.Error(), "pipeline run") {
		t.Errorf("of older tables: %v", err)
	}
}

// onlyValue is the only value of an answer, as text.
func onlyValue(rows *Rows, err error) (string, error) {
	if err != nil {
		return "", err
	}
	var text string
	if rows.Next() {
		text = fmt.Sprint(rows.Values()[0])
	}
	return text, errors.Join(rows.Err(), rows.Close())
}
