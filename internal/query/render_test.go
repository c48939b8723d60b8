package query_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

var update = flag.Bool("update", false, "write the golden files")

// One row of every kind of value, one of unknowns.
const kinds = `SELECT * FROM (
SELECT 0 AS n, true AS yes, (-7)::TINYINT AS small, 18446744073709551615::UBIGINT AS u64,
       170141183460469231731687303715884105727::HUGEINT AS huge, 0.1::DOUBLE AS tenth, 1e-9::DOUBLE AS tiny, 1e22::DOUBLE AS large, 'nan'::DOUBLE AS nothing,
       '12345678901234567890.123456789012345678'::DECIMAL(38,18) AS exact, '1.50'::DECIMAL(4,2) AS padded,
       E'a|b, "c"\n<d>' AS words, E'\x1b[31mred' AS escape, TIMESTAMP '2024-01-31 12:00:00' AS ts, TIMESTAMP '2024-01-31 12:00:00.123456' AS micros,
       'infinity'::TIMESTAMP AS forever, DATE '2024-01-31' AS day, INTERVAL 90 MINUTE AS span,
       [1, NULL, 3] AS list, {'k': 1.5::DECIMAL(2,1), 'at': TIMESTAMP '2024-01-31'} AS record, MAP {'x': 170141183460469231731687303715884105727::HUGEINT} AS dict,
       '\xFF\x00'::BLOB AS bytes, '6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID AS id, 1 AS twice, 2 AS twice
UNION ALL
SELECT 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) ORDER BY n`

func TestEveryKindOfValueKeepsItsDigits(t *testing.T) {
	t.Parallel()
	s := open(t)
	res, err := query.Adhoc(context.Background(), s, kinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range query.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := query.Render(&got, res, format, 0); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "kinds."+format)
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
			if format == "json" {
				decoder := json.NewDecoder(&got)
				decoder.UseNumber()
				var rows []map[string]any
				if err := decoder.Decode(&rows); err != nil {
					t.Fatal(err)
				}
				if rows[0]["huge"] != json.Number("170141183460469231731687303715884105727") || rows[0]["exact"] != json.Number("12345678901234567890.123456789012345678") || rows[1]["exact"] != nil {
					t.Errorf("got %v", rows[0])
				}
			}
		})
	}
}

func TestNoRowsAreStillAnAnswer(t *testing.T) {
	t.Parallel()
	res := &query.Result{Columns: []query.Column{{Name: "a", Type: "INTEGER"}, {Name: "b", Type: "VARCHAR"}}}
	for format, want := range map[string]string{"csv": "a,b\n", "json": "[]\n", "markdown": "| a | b |\n| ---:|:--- |\n"} {
		var got strings.Builder
		if err := query.Render(&got, res, format, 0); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s:\n%s", format, diff)
		}
	}
	var got strings.Builder
	if err := query.Render(&got, res, "xml", 0); err == nil || !strings.Contains(err.Error(), "table, csv, json, markdown") {
		t.Errorf("got %v", err)
	}
}

// Two rows of a narrow column, a negative number and a sentence.
func sentences() *query.Result {
	return &query.Result{
		Columns: []query.Column{{Name: "token", Type: "VARCHAR"}, {Name: "premium_bps", Type: "DOUBLE"}, {Name: "note", Type: "VARCHAR"}},
		Rows:    [][]any{{"aETH", -132.8, "the queue has room for forty withdrawals"}, {"bETH", nil, nil}},
	}
}

func TestATableFitsTheWidthItIsGiven(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		width int
		want  string
	}{
		{"as it is where there is room", 80, `
┌───────┬─────────────┬──────────────────────────────────────────┐
│ token │ premium_bps │ note                                     │
├───────┼─────────────┼──────────────────────────────────────────┤
│ aETH  │      −132.8 │ the queue has room for forty withdrawals │
│ bETH  │           — │ —                                        │
└───────┴─────────────┴──────────────────────────────────────────┘
`},
		{"with its heads broken", 63, `
┌───────┬──────────┬──────────────────────────────────────────┐
│ token │ premium_ │ note                                     │
│       │      bps │                                          │
├───────┼──────────┼──────────────────────────────────────────┤
│ aETH  │   −132.8 │ the queue has room for forty withdrawals │
│ bETH  │        — │ —                                        │
└───────┴──────────┴──────────────────────────────────────────┘
`},
		{"with its prose wrapped", 46, `
┌───────┬──────────┬─────────────────────────┐
│ token │ premium_ │ note                    │
│       │      bps │                         │
├───────┼──────────┼─────────────────────────┤
│ aETH  │   −132.8 │ the queue has room for  │
│       │          │ forty withdrawals       │
│ bETH  │        — │ —                       │
└───────┴──────────┴─────────────────────────┘
`},
		{"as records where wrapping is not enough", 40, `
┌─────────────┬────────────────────────┐
│ token       │ aETH                   │
│ premium_bps │ −132.8                 │
│ note        │ the queue has room for │
│             │ forty withdrawals      │
├─────────────┼────────────────────────┤
│ token       │ bETH                   │
│ premium_bps │ —                      │
│ note        │ —                      │
└─────────────┴────────────────────────┘
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			if err := query.Render(&got, sentences(), "table", tt.width); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, "\n"+got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
	empty := sentences()
	empty.Rows = nil
	var got strings.Builder
	if err := query.Render(&got, empty, "table", 20); err != nil || got.String() != "no rows\n" {
		t.Errorf("an answer without rows that is too wide: %q, %v", got.String(), err)
	}
}

func TestAMinusIsOneInTextAndAHyphenForMachines(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"table": "−132.8", "markdown": "−132.8", "csv": "-132.8", "json": "-132.8"} {
		var got strings.Builder
		if err := query.Render(&got, sentences(), format, 0); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.String(), want) {
			t.Errorf("%s: no %s in\n%s", format, want, got.String())
		}
	}
}
