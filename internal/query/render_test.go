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
			if err := query.Render(&got, res, format); err != nil {
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
		if err := query.Render(&got, res, format); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s:\n%s", format, diff)
		}
	}
	var got strings.Builder
	if err := query.Render(&got, res, "xml"); err == nil || !strings.Contains(err.Error(), "table, csv, json, markdown") {
		t.Errorf("got %v", err)
	}
}
