package store

import (
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValuesComeOutExactly(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	at := time.Date(2024, 3, 10, 2, 30, 0, 123456000, time.UTC)
	tests := map[string]struct {
		sql  string
		kind string
		want any
	}{
		"null":          {"NULL::INTEGER", "INTEGER", nil},
		"boolean":       {"true", "BOOLEAN", true},
		"small integer": {"(-7)::TINYINT", "TINYINT", int64(-7)},
		"ubigint":       {"18446744073709551615::UBIGINT", "UBIGINT", uint64(18446744073709551615)},
		"hugeint":       {"(-170141183460469231731687303715884105728)::HUGEINT", "HUGEINT", bigint("-170141183460469231731687303715884105728")},
		"uhugeint":      {"340282366920938463463374607431768211455::UHUGEINT", "UHUGEINT", bigint("340282366920938463463374607431768211455")},
		"bignum":        {"'115792089237316195423570985008687907853269984665640564039457584007913129639935'::BIGNUM", "BIGNUM", bigint("115792089237316195423570985008687907853269984665640564039457584007913129639935")},
		"decimal":       {"12345678901234567890.123456789012345678::DECIMAL(38,18)", "DECIMAL(38,18)", Decimal{bigint("12345678901234567890123456789012345678"), 18}},
		"small decimal": {"(-0.05)::DECIMAL(4,2)", "DECIMAL(4,2)", Decimal{big.NewInt(-5), 2}},
		"double":        {"0.1::DOUBLE", "DOUBLE", 0.1},
		"text":          {"'ether'", "VARCHAR", "ether"},
		"timestamp":     {"TIMESTAMP '2024-03-10 02:30:00.123456'", "TIMESTAMP", at},
		"timestamptz":   {"TIMESTAMPTZ '2024-03-09 21:30:00.123456-05'", "TIMESTAMPTZ", at},
		"date":          {"DATE '2024-03-10'", "DATE", time.Date(2024, 3, 10, 0, 0, 0, 0, time.UTC)},
		"uuid":          {"'8c5c33a4-0b5c-4b1b-9c7f-7a2a86c4c1f0'::UUID", "UUID", "8c5c33a4-0b5c-4b1b-9c7f-7a2a86c4c1f0"},
		"list":          {"[1::HUGEINT, NULL]", "HUGEINT[]", []any{big.NewInt(1), nil}},
		"list of exact": {"[1.5::DECIMAL(38,18)]", "DECIMAL(38,18)[]", []any{Decimal{bigint("1500000000000000000"), 18}}},
		"struct":        {"{'a': 1::UTINYINT}", `STRUCT("a" UTINYINT)`, map[string]any{"a": uint64(1)}},
		"map":           {"MAP {'b': 2, 'a': 1}", "MAP(VARCHAR, INTEGER)", []MapEntry{{"b", int64(2)}, {"a", int64(1)}}},
		"interval":      {"INTERVAL '1 month 2 days 3 seconds'", "INTERVAL", Interval{1, 2, 3_000_000}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := s.Query(t.Context(), "SELECT "+tc.sql+" AS v")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if diff := cmp.Diff([]Column{{"v", tc.kind}}, r.Columns()); diff != "" {
				t.Error(diff)
			}
			if !r.Next() {
				t.Fatal("no row", r.Err())
			}
			same := cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
			if diff := cmp.Diff(tc.want, r.Values()[0], same); diff != "" {
				t.Error(diff)
			}
			if r.Next() || r.Err() != nil {
				t.Error("a second row", r.Err())
			}
		})
	}
}

func TestDecimalsPrintAllTheirPlaces(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]Decimal{
		"0.05": {big.NewInt(5), 2}, "-0.05": {big.NewInt(-5), 2}, "12.30": {big.NewInt(1230), 2}, "7": {big.NewInt(7), 0}, "0.000": {new(big.Int), 3},
	} {
		if got := d.String(); got != want {
			t.Errorf("%v prints %s, want %s", d, got, want)
		}
	}
}

func TestQueriesCannotChangeAnything(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	mustCommit(t, s, result(t0, 2))
	out := filepath.Join(t.TempDir(), "out")
	for _, sql := range []string{
		"DELETE FROM fact_metric", "UPDATE fact_metric SET value = 0", "DROP TABLE fact_metric", "CREATE TABLE x (a INT)",
		"INSERT INTO dim_chain VALUES ('a', 'b', 'c', 'd', 'e')", "SELECT 1; DROP TABLE fact_metric", "COMMIT", "ROLLBACK; DROP TABLE fact_metric",
		"CHECKPOINT", "FROM force_checkpoint()", "SET TimeZone = 'America/New_York'", "SET GLOBAL wal_autocheckpoint = '1KB'", "PRAGMA enable_profiling",
		"ATTACH '" + out + "' AS o", "COPY fact_metric TO '" + out + "'", "EXPORT DATABASE '" + out + "'", "SELECT * FROM read_text('/etc/hostname')",
		"INSTALL httpfs", "LOAD httpfs", "EXPLAIN ANALYZE DELETE FROM fact_metric", "SELECT nextval('seq_obs')", "CALL force_checkpoint()", "",
	} {
		r, err := s.Query(t.Context(), sql)
		if err != nil {
			continue
		}
		for r.Next() {
		}
		if r.Err() == nil {
			t.Errorf("%q ran", sql)
		}
		_ = r.Close()
	}
	if n := count(t, s, "SELECT count(*) FROM fact_metric"); n != 2 {
		t.Errorf("%d facts are left", n)
	}
	for _, sql := range []string{"FROM fact_metric", "WITH a AS (SELECT 1) SELECT * FROM a", "DESCRIBE fact_metric", "SHOW TABLES", "SUMMARIZE fact_metric", "EXPLAIN SELECT 1", "VALUES (1)"} {
		if got := rows(t, s, sql); len(got) == 0 {
			t.Errorf("%q gave no rows", sql)
		}
	}
	mustCommit(t, s, result(t0.Add(time.Hour), 1)) // and writing still works
}

func TestAQuerySeesOneStateWhileOthersWrite(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	mustCommit(t, s, result(t0, 5000))
	r, err := s.Query(t.Context(), "SELECT token_id FROM fact_metric")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r.Next() {
		if n == 0 {
			mustCommit(t, s, result(t0.Add(time.Hour), 10))
		}
		n++
	}
	if err := r.Close(); err != nil || n != 5000 {
		t.Errorf("read %d rows, %v", n, err)
	}
	if got := rows(t, s, "SELECT count(*) FROM fact_metric WHERE ts > ?", t0); got[0] != "10" {
		t.Errorf("after closing there are %v new rows", got)
	}
}

func TestAReadOnlyStoreRefusesToWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	if _, err := OpenReadOnly(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, result(t0, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := count(t, r, "SELECT count(*) FROM fact_metric"); n != 1 {
		t.Errorf("%d facts", n)
	}
	if _, err := r.Commit(t.Context(), result(t0, 1)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("commit: %v", err)
	}
	if err := r.Checkpoint(t.Context()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("checkpoint: %v", err)
	}
}
