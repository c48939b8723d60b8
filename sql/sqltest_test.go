package sql_test

import (
	"bufio"
	"bytes"
	stdcmp "cmp"
	"context"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

var update = flag.Bool("update", false, "write what the queries answer into sql/tests; check every number by hand")

// TestSQL runs every file of sql/tests. tests/README.md describes their format.
func TestSQL(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("tests/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "world.txtar" {
			continue // only seeds, for others to include
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runFile(t, file)
		})
	}
}

func TestEveryNamedQueryHasATest(t *testing.T) {
	t.Parallel()
	for _, n := range queries(t) {
		text, err := os.ReadFile("tests/query_" + n.Name + ".txtar")
		if err != nil || !strings.Contains(string(text), "-- query --\n"+n.Name) {
			t.Errorf("tests/query_%s.txtar does not ask %s: %v", n.Name, n.Name, err)
		}
	}
}

func runFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t)
	exec(t, s, seedSQL(t, archive))
	var question string
	asked, changed := 0, false
	for i := range archive.Files {
		f := &archive.Files[i]
		switch {
		case strings.HasPrefix(f.Name, "query"):
			question = string(f.Data)
			asked++
		case strings.HasPrefix(f.Name, "want"):
			got := answer(t, s, question)
			if *update && got != string(f.Data) {
				f.Data, changed = []byte(got), true
			}
			if diff := cmp.Diff(string(f.Data), got); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", strings.TrimSpace(question), diff)
			}
		}
	}
	if asked == 0 {
		t.Error("the file asks nothing")
	}
	if changed {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	removeGuards(t, s, archive)
}

// ask answers a query file: its first line is the name of one of the named queries
// followed by key=value words, or it is SQL.
func ask(s *store.Store, named []query.Named, question string) (string, error) {
	res, err := run(s, named, question)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := query.Render(&out, res, "csv", 0); err != nil {
		return "", err
	}
	return out.String(), nil
}

func run(s *store.Store, named []query.Named, question string) (*query.Result, error) {
	ctx := context.Background()
	words := strings.Fields(question)
	n, err := query.Find(named, words[0])
	if err != nil {
		return query.Adhoc(ctx, s, question)
	}
	params := map[string]string{}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		params[key] = value
	}
	return query.Run(ctx, s, n, params, query.Defaults{AsOf: time.Date(2024, 1, 31, 0, 0, 0, 0, time.UTC)})
}

func answer(t *testing.T, s *store.Store, question string) string {
	t.Helper()
	got, err := ask(s, queries(t), question)
	if err != nil {
		t.Fatalf("%s: %v", strings.TrimSpace(question), err)
	}
	return got
}

func exec(t testing.TB, s *store.Store, statements string) {
	t.Helper()
	if _, err := s.DB().ExecContext(context.Background(), statements); err != nil {
		t.Fatalf("%v\nin: %.2000s", err, statements)
	}
}

// template is an empty warehouse made once and copied for every test.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "warehouse")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "w.duckdb")
	s, err := store.Open(context.Background(), path, store.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// open returns an empty warehouse with the current views.
func open(t testing.TB) *store.Store {
	t.Helper()
	empty, err := template()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "w.duckdb")
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(context.Background(), path, store.Options{Threads: 1})
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

// seedSQL turns the seed sections of a file into statements.
func seedSQL(t testing.TB, archive *txtar.Archive) string {
	t.Helper()
	var out strings.Builder
	for _, f := range archive.Files {
		if f.Name == "include" {
			other, err := txtar.ParseFile(filepath.Join("tests", strings.TrimSpace(string(f.Data))))
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString(seedSQL(t, other))
			continue
		}
		if f.Name == "seed.sql" {
			out.Write(f.Data)
			out.WriteString(";\n")
			continue
		}
		insert, ok := seeders[f.Name]
		if !ok {
			if !strings.HasPrefix(f.Name, "query") && !strings.HasPrefix(f.Name, "want") && !strings.HasPrefix(f.Name, "without") {
				t.Fatalf("unknown section %s", f.Name)
			}
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(f.Data))
		for lines.Scan() {
			line, _, _ := strings.Cut(lines.Text(), "#")
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			stmt, err := insert(words)
			if err != nil {
				t.Fatalf("%s: %s: %v", f.Name, line, err)
			}
			out.WriteString(stmt)
		}
	}
	return out.String()
}

// seeders make one INSERT of one line: the fixed words, then key=value options.
var seeders = map[string]func(words []string) (string, error){
	"tokens": func(w []string) (string, error) { // token protocol chain underlying accrual
		if err := atLeast(w, 5); err != nil {
			return "", err
		}
		o := options(w[5:], map[string]string{"expected": "86400", "stale": "259200", "of": "", "symbol": w[0], "status": "live", "sunset": ""})
		return insert("dim_token", "token_id", w[0], "protocol_id", w[1], "chain_id", w[2], "symbol", o["symbol"], "decimals", "18",
				"underlying", w[3], "accrual", w[4], "rate_of", o["of"], "expected_update_s", o["expected"], "stale_after_s", o["stale"],
				"plugin", "test", "updated_at", "2020-01-01") +
				insertOr("dim_protocol", "protocol_id", w[1], "name", w[1], "status", o["status"], "sunset", o["sunset"], "plugin", "test", "updated_at", "2020-01-01"),
			nil
	},
	"facts": func(w []string) (string, error) { // metric token ts value
		if err := atLeast(w, 4); err != nil {
			return "", err
		}
		o := options(w[4:], map[string]string{"basis": "onchain", "quality": "ok", "known": w[2], "u": "0", "reason": "", "from": ""})
		value, reason := "", o["reason"]
		if w[3] == "unknown" {
			reason = stdcmp.Or(reason, "not read")
		} else {
			r, ok := new(big.Rat).SetString(w[3])
			if !ok {
				return "", fmt.Errorf("%q is not a number", w[3])
			}
			f, _ := r.Float64()
			value = fmt.Sprint(f)
		}
		return insert("fact_metric", "metric_id", w[0], "token_id", w[1], "ts", w[2], "period_start", o["from"], "value", value, "uncertainty", o["u"],
			"quality", o["quality"], "reason", reason, "basis", o["basis"], "known_at", o["known"], "run_id", "r", "transform", "t@1"), nil
	},
	"prices": func(w []string) (string, error) { // base quote venue ts price
		if err := atLeast(w, 5); err != nil {
			return "", err
		}
		o := options(w[5:], map[string]string{"size": "", "known": w[3], "quality": "ok", "basis": "onchain", "reason": "", "updated": ""})
		return insert("fact_price", "base_id", w[0], "quote", w[1], "venue", w[2], "ts", w[3], "ref_ts", o["updated"], "price", w[4], "size_base", o["size"],
			"quality", o["quality"], "reason", o["reason"], "basis", o["basis"], "known_at", o["known"], "run_id", "r", "transform", "t@1"), nil
	},
	"quotes": func(w []string) (string, error) { // token ts route size out wait
		if err := atLeast(w, 6); err != nil {
			return "", err
		}
		known := func(s string) string { return strings.TrimPrefix(s, "unknown") }
		return insert("fact_exit_quote", "token_id", w[0], "ts", w[1], "route", w[2], "size_native", w[3], "out_native", known(w[4]),
			"wait_days", known(w[5]), "quality", "ok", "basis", "onchain", "known_at", w[1], "run_id", "r", "transform", "t@1"), nil
	},
}

func atLeast(words []string, n int) error {
	if len(words) < n {
		return fmt.Errorf("want %d words or more, got %d", n, len(words))
	}
	return nil
}

func options(words []string, o map[string]string) map[string]string {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		if _, known := o[key]; !known {
			panic("unknown option " + key)
		}
		o[key] = strings.ReplaceAll(value, "_", " ")
	}
	return o
}

func insert(table string, pairs ...string) string { return insertInto("INSERT INTO ", table, pairs) }
func insertOr(table string, pairs ...string) string {
	return insertInto("INSERT OR IGNORE INTO ", table, pairs)
}

func insertInto(verb, table string, pairs []string) string {
	var names, values []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		names = append(names, pairs[i])
		values = append(values, "'"+strings.ReplaceAll(pairs[i+1], "'", "''")+"'")
	}
	return verb + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ");\n"
}
