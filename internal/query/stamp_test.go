package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// asked is a query with a parameter of every kind, and one row that answers it.
func asked(t *testing.T, given map[string]string) (query.Named, map[string]string, *query.Result) {
	t.Helper()
	n, err := query.Parse("asked", `-- name: asked
-- question: Which?
-- column: token | text | symbol
-- column: basis | text | mark
-- param: window | 30 | days
-- param: token | all | one token id
-- param: as_of | now | the moment
-- param: known_at | latest | known by then
-- caveat: None.
-- methodology: 3
SELECT $window, $token, $as_of, $known_at`)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := n.Bind(given, query.Defaults{AsOf: time.Date(2023, 11, 30, 18, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return n, bound, &query.Result{
		Columns: []query.Column{{Name: "token", Type: "VARCHAR"}, {Name: "basis", Type: "VARCHAR"}},
		Rows:    [][]any{{"aETH", "△"}, {"bETH", "◆"}, {"cETH", nil}},
	}
}

func TestAnAnswerSaysWhatItWasAskedInEveryFormat(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": `asked  as of 2023-11-30 18:00Z  window 90 d  token all  methodology 3
┌───────┬───────┐
│ token │ basis │
├───────┼───────┤
│ aETH  │ △     │
│ bETH  │ ◆     │
│ cETH  │ —     │
└───────┴───────┘
◆ on-chain  △ published or API
`,
		"markdown": `asked  as of 2023-11-30 18:00Z  window 90 d  token all  methodology 3

| token | basis |
|:--- |:--- |
| aETH | △ |
| bETH | ◆ |
| cETH | — |

◆ on-chain  △ published or API
`,
		"csv": `token,basis,as_of,window,known_at,methodology
aETH,△,2023-11-30T18:00:00Z,90,latest,3
bETH,◆,2023-11-30T18:00:00Z,90,latest,3
cETH,,2023-11-30T18:00:00Z,90,latest,3
`,
		"json": `[
  {"token": "aETH", "basis": "△", "as_of": "2023-11-30T18:00:00Z", "window": 90, "known_at": "latest", "methodology": 3},
  {"token": "bETH", "basis": "◆", "as_of": "2023-11-30T18:00:00Z", "window": 90, "known_at": "latest", "methodology": 3},
  {"token": "cETH", "basis": null, "as_of": "2023-11-30T18:00:00Z", "window": 90, "known_at": "latest", "methodology": 3}
]
`,
	} {
		n, bound, res := asked(t, map[string]string{"window": "90"})
		var got strings.Builder
		if err := n.Render(&got, res, bound, format, 0); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s:\n%s", format, diff)
		}
		if len(res.Columns) != 2 || len(res.Rows[0]) != 2 {
			t.Errorf("%s: the answer itself was changed", format)
		}
	}
}

func TestTheHeadingSaysWhatOnlyWasKnownThen(t *testing.T) {
	t.Parallel()
	n, bound, _ := asked(t, map[string]string{"known_at": "2024-01-02T03:04:05Z"})
	if want, got := "asked  as of 2023-11-30 18:00Z  window 30 d  token all  known at 2024-01-02 03:04:05Z  methodology 3", n.Heading(bound); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
