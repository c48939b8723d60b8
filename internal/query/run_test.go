package query_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "w.duckdb"), store.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const echo = `-- name: echo
-- question: What was said?
-- column: said | text | it
-- param: word | hello | what to say
-- caveat: None.
-- methodology: 1
SELECT $word AS said, $word = 'hello' AS is_default, (SELECT count(*) FROM dim_chain) AS chains`

// Whatever a person passes as a parameter, it is a value and nothing else.
func TestParametersAreNeverSQL(t *testing.T) {
	t.Parallel()
	s := open(t)
	n, err := query.Parse("echo", echo)
	if err != nil {
		t.Fatal(err)
	}
	check := func(t interface{ Fatalf(string, ...any) }, word string) {
		res, err := query.Run(context.Background(), s, n, map[string]string{"word": word}, query.Defaults{})
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		want := [][]any{{word, word == "hello", int64(0)}}
		if diff := cmp.Diff(want, res.Rows); diff != "" {
			t.Fatalf("bound %q:\n%s", word, diff)
		}
		// The query written out with its values says the same.
		bound, err := n.Bind(map[string]string{"word": word}, query.Defaults{})
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		res, err = query.Adhoc(context.Background(), s, n.Literal(bound))
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		if diff := cmp.Diff(want, res.Rows); diff != "" {
			t.Fatalf("literal %q:\n%s", word, diff)
		}
	}
	for _, word := range []string{"'; DROP TABLE dim_chain; --", `\'; SELECT 1`, "$word", "$$", "x' OR 'a'='a", "ünï ☃", "", "-- ", "/*"} {
		check(t, word)
	}
	alphabet := rapid.StringOfN(rapid.SampledFrom([]rune(`'";$\-/* abSELECT(%`)), 0, 30, -1)
	rapid.Check(t, func(t *rapid.T) { check(t, alphabet.Draw(t, "word")) })
}

func TestTypedStatementsOnlyRead(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, text := range []string{
		"SELECT 1", "FROM dim_chain", "WITH x AS (SELECT 1) SELECT * FROM x", "VALUES (1)", "TABLE dim_chain", "DESCRIBE dim_chain",
		"SHOW TABLES", "SUMMARIZE dim_chain", "EXPLAIN SELECT 1", "SELECT ';' -- ; DROP", "SELECT 1;", "SELECT * FROM apr(30, '2024-01-01')",
	} {
		if _, err := query.Adhoc(context.Background(), s, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	file := filepath.Join(t.TempDir(), "x.csv")
	for _, text := range []string{
		"DELETE FROM dim_chain", "INSERT INTO dim_chain VALUES ('a', 'b', 'c', 'd', 'e')", "DROP TABLE dim_chain", "CREATE TABLE x (a INT)",
		"COPY dim_chain TO '" + file + "'", "ATTACH '" + file + "' AS other", "SELECT 1; DELETE FROM dim_chain", "SET threads = 1", "INSTALL httpfs",
		"CALL pragma_version()", "BEGIN", "COMMIT", "COMMIT; DROP TABLE dim_chain", "EXPLAIN ANALYZE DELETE FROM dim_chain", "", ";", "SELEC 1",
		"CHECKPOINT", "WITH x AS (SELECT 1) DELETE FROM dim_chain",
	} {
		if _, err := query.Adhoc(context.Background(), s, text); err == nil {
			t.Errorf("%s: was run", text)
		}
	}
	res, err := query.Adhoc(context.Background(), s, "SELECT count(*) FROM dim_chain")
	if err != nil || res.Rows[0][0] != int64(0) {
		t.Errorf("the warehouse changed: %v %v", res, err)
	}
}

func TestAnErrorOfANamedQueryNamesIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	n, err := query.Parse("bad", strings.Replace(echo, "echo", "bad", 1)+" FROM no_such_table")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query.Run(context.Background(), s, n, nil, query.Defaults{}); err == nil || !strings.Contains(err.Error(), "query bad") || !strings.Contains(err.Error(), "no_such_table") {
		t.Errorf("got %v", err)
	}
}

func TestAQueryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := query.Adhoc(ctx, s, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b"); err == nil {
		t.Error("it ran to its end")
	}
	if _, err := query.Adhoc(context.Background(), s, "SELECT 1"); err != nil {
		t.Errorf("the next query: %v", err)
	}
}
