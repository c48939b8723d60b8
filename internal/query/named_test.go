package query_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

const header = `-- name: some
-- question: What is it?
-- column: a | count | the first
-- column: b | text | the second,
--   told on two lines
-- param: n | 30 | a number
-- param: at | now-30d | a time
-- param: who | all | a text
-- caveat: It is a test.
-- methodology: 2
`

const body = "SELECT $n::INTEGER AS a, $who || ' $no -- $no' /* $no */ AS b -- $no\nWHERE $at::TIMESTAMP IS NOT NULL\n"

func some(t *testing.T) query.Named {
	t.Helper()
	n, err := query.Parse("some", header+body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAHeaderIsRead(t *testing.T) {
	t.Parallel()
	want := query.Named{
		Name: "some", Question: "What is it?", Methodology: 2, Caveats: []string{"It is a test."},
		Columns: []query.ColumnDoc{{Name: "a", Unit: "count", Doc: "the first"}, {Name: "b", Unit: "text", Doc: "the second, told on two lines"}},
		Params: []query.Param{
			{Name: "n", Default: "30", Doc: "a number"}, {Name: "at", Default: "now-30d", Doc: "a time"}, {Name: "who", Default: "all", Doc: "a text"},
		},
		SQL: header + body,
	}
	if diff := cmp.Diff(want, some(t)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFaultOfAHeaderIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"no header at all", "SELECT 1", "no name"},
		{"no question", strings.Replace(header, "-- question: What is it?\n", "", 1) + body, "no question"},
		{"no column", strings.ReplaceAll(strings.ReplaceAll(header, "-- column: a | count | the first\n", ""), "-- column: b | text | the second,\n", "") + body, "no column"},
		{"no caveat", strings.Replace(header, "-- caveat: It is a test.\n", "", 1) + body, "no caveat"},
		{"no methodology", strings.Replace(header, "-- methodology: 2\n", "", 1) + body, "no methodology"},
		{"a methodology of zero", strings.Replace(header, "methodology: 2", "methodology: 0", 1) + body, "not a version number"},
		{"another name than the file's", strings.Replace(header, "name: some", "name: other", 1) + body, `names it "other"`},
		{"an unknown key", strings.Replace(header, "-- caveat", "-- caveats", 1) + body, `unknown key "caveats"`},
		{"a column without a unit", strings.Replace(header, "a | count |", "a |", 1) + body, "not of the form"},
		{"a column twice", strings.Replace(header, "-- column: b", "-- column: a", 1) + body, "declared twice"},
		{"an empty default", strings.Replace(header, "n | 30 |", "n | |", 1) + body, "empty part"},
		{"a parameter that is not used", header + "SELECT $n, $at", "who is declared but not used"},
		{"a parameter that is not declared", header + body + "AND $more", "$more is used but not declared"},
		{"a parameter with a bad name", strings.Replace(header, "param: n |", "param: N |", 1) + body, "lower-case"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := query.Parse("some", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestAListNamesTheFaultsOfAllFiles(t *testing.T) {
	t.Parallel()
	_, err := query.List(fstest.MapFS{
		"queries/a.sql": {Data: []byte("SELECT 1")}, "queries/b.sql": {Data: []byte("SELECT 2")},
		"queries/some.sql": {Data: []byte(header + body)},
	})
	if err == nil || !strings.Contains(err.Error(), "a.sql") || !strings.Contains(err.Error(), "b.sql") || strings.Contains(err.Error(), "some.sql") {
		t.Errorf("got %v", err)
	}
	all, err := query.List(fstest.MapFS{"some.sql": {Data: []byte(header + body)}})
	if err != nil || len(all) != 1 {
		t.Errorf("a folder of queries itself: %v, %v", all, err)
	}
	if _, err := query.Find(all, "none"); err == nil || !strings.Contains(err.Error(), "there are: some") {
		t.Errorf("got %v", err)
	}
}

func TestParametersBecomeWhatIsBound(t *testing.T) {
	t.Parallel()
	d := query.Defaults{AsOf: time.Date(2024, 3, 1, 12, 0, 0, 500000000, time.FixedZone("CET", 3600))}
	for _, tt := range []struct {
		name        string
		given, want map[string]string
		err         string
	}{
		{"defaults", nil, map[string]string{"n": "30", "at": "2024-01-31 11:00:00.5", "who": "all"}, ""},
		{"a date", map[string]string{"at": "2024-02-29"}, map[string]string{"n": "30", "at": "2024-02-29 00:00:00", "who": "all"}, ""},
		{"a time with a zone is turned to UTC", map[string]string{"at": "2024-02-29T01:00:00+02:00"}, map[string]string{"n": "30", "at": "2024-02-28 23:00:00", "who": "all"}, ""},
		{"a time without one is UTC", map[string]string{"at": "2024-02-29T01:00"}, map[string]string{"n": "30", "at": "2024-02-29 01:00:00", "who": "all"}, ""},
		{"latest is everything known", map[string]string{"at": "latest"}, map[string]string{"n": "30", "at": "infinity", "who": "all"}, ""},
		{"a text stays as it is", map[string]string{"who": "'; DROP TABLE x; --"}, map[string]string{"n": "30", "at": "2024-01-31 11:00:00.5", "who": "'; DROP TABLE x; --"}, ""},
		{"no number", map[string]string{"n": "ten"}, nil, `parameter n: "ten" is not a number`},
		{"not a number", map[string]string{"n": "NaN"}, nil, "not a number"},
		{"an infinite number", map[string]string{"n": "1e999"}, nil, "not a number"},
		{"no time", map[string]string{"at": "yesterday"}, nil, "not a time"},
		{"a day that is not", map[string]string{"at": "2023-02-29"}, nil, "not a time"},
		{"now minus something else", map[string]string{"at": "now-2h"}, nil, "now-30d"},
		{"an unknown parameter", map[string]string{"when": "now"}, nil, `no parameter "when" (it takes n, at, who)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := some(t).Bind(tt.given, d)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want it to say %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if _, err := some(t).Bind(nil, query.Defaults{}); err == nil || !strings.Contains(err.Error(), "as-of") {
		t.Errorf("now without a time: got %v", err)
	}
}

func TestALiteralQueryQuotesItsValuesAndLeavesStringsAndCommentsAlone(t *testing.T) {
	t.Parallel()
	got := some(t).Literal(map[string]string{"n": "3", "at": "2024-01-01 00:00:00", "who": `it's \' $n`})
	want := header + "SELECT '3'::INTEGER AS a, 'it''s \\'' $n' || ' $no -- $no' /* $no */ AS b -- $no\nWHERE '2024-01-01 00:00:00'::TIMESTAMP IS NOT NULL\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyCodeHoldsPlaceholders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"strings", `SELECT 'a $x '' $x', $n`, `SELECT 'a $x '' $x', '1'`},
		{"strings with backslashes", `SELECT E'a \' $n', $n`, `SELECT E'a \' $n', '1'`},
		{"a name that ends in e", `SELECT the'$n', $n`, `SELECT the'$n', '1'`},
		{"quoted names", `SELECT "a $n "" $n", $n`, `SELECT "a $n "" $n", '1'`},
		{"line comments", "SELECT 1 -- $n\n, $n", "SELECT 1 -- $n\n, '1'"},
		{"nested comments", "SELECT /* /* $n */ $n */ $n", "SELECT /* /* $n */ $n */ '1'"},
		{"dollar quotes", "SELECT $$ $n $$, $t$ $n $$ $t$, $n", "SELECT $$ $n $$, $t$ $n $$ $t$, '1'"},
		{"names with a dollar", "SELECT a$n, $n", "SELECT a$n, '1'"},
		{"longer names", "SELECT $n1, $n", "SELECT $n1, '1'"},
		{"an open string", "SELECT $n, '$n", "SELECT '1', '$n"},
		{"an open comment", "SELECT $n /* $n", "SELECT '1' /* $n"},
		{"a dollar at the end", "SELECT $n, $", "SELECT '1', $"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (query.Named{SQL: tt.text}).Literal(map[string]string{"n": "1"}); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
