package sql_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

func queries(t testing.TB) []query.Named {
	t.Helper()
	all, err := query.List(warehouse.FS())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryQueryAnswersAnEmptyWarehouseWithNoRowsAndItsDeclaredColumns(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, n := range queries(t) {
		t.Run(n.Name, func(t *testing.T) {
			t.Parallel()
			res, err := query.Run(context.Background(), s, n, nil, query.Defaults{AsOf: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Rows) != 0 {
				t.Errorf("an empty warehouse gave %d rows", len(res.Rows))
			}
			var declared, real []string
			for _, c := range n.Columns {
				declared = append(declared, c.Name)
			}
			for _, c := range res.Columns {
				real = append(real, c.Name)
			}
			if diff := cmp.Diff(declared, real); diff != "" {
				t.Errorf("columns of the header (-) and of the answer (+):\n%s", diff)
			}
		})
	}
}

func TestEveryExportSaysItsMomentAndTheVersionOfItsDefinitions(t *testing.T) {
	t.Parallel()
	for _, n := range queries(t) {
		bound, err := n.Bind(nil, query.Defaults{AsOf: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range n.Stamp(&query.Result{}, bound).Columns {
			names = append(names, c.Name)
		}
		if !contains(names, "as_of") || !contains(names, "methodology") {
			t.Errorf("query %s: an export has only the columns %v", n.Name, names)
		}
		if h := n.Heading(bound); !strings.HasPrefix(h, n.Name+"  as of ") {
			t.Errorf("query %s: the heading is %q", n.Name, h)
		}
	}
}

// What was never read is no row of unknowns: freshness alone says that it is missing.
func TestATokenThatWasNeverReadHasARowOnlyInFreshness(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens) // of which a is read, and b and the chain's own rate never
	var facts []fact
	for day := range 60 {
		at := start.AddDate(0, 0, day-60)
		facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: at, value: 1 + float64(day)*1e-4}, fact{metric: "lst_supply", token: "a", ts: at, value: 1000})
	}
	insertFacts(t, s, facts)
	listed := map[string][]string{} // the queries that have a row of a token
	for _, n := range queries(t) {
		res, err := query.Run(context.Background(), s, n, nil, query.Defaults{AsOf: start})
		if err != nil {
			t.Fatal(err)
		}
		for _, symbol := range []string{"A", "B", "BENCH"} {
			if slices.ContainsFunc(res.Rows, func(row []any) bool { return slices.Contains(row, any(symbol)) }) {
				listed[symbol] = append(listed[symbol], n.Name)
			}
		}
	}
	for _, symbol := range []string{"B", "BENCH"} {
		if diff := cmp.Diff([]string{"freshness"}, listed[symbol]); diff != "" {
			t.Errorf("rows of %s, which was never read (-want +got):\n%s", symbol, diff)
		}
	}
	if len(listed["A"]) < 12 {
		t.Errorf("only %v have a row of the token that was read", listed["A"])
	}
}

func TestAShareOfAnUnknownDenominatorIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	archive, err := txtar.ParseFile("tests/world.txtar")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, s, seedSQL(t, archive))
	for _, name := range []string{"share", "share-history"} {
		if got, err := ask(s, queries(t), name+" of=world"); err == nil || !strings.Contains(err.Error(), "'warehouse' or 'chain', not of 'world'") {
			t.Errorf("%s of=world: %v\n%s", name, err, got)
		}
	}
}

// Annual figures and plain returns look alike; only the name tells which is which.
func TestEveryYieldColumnSaysAprOrApy(t *testing.T) {
	t.Parallel()
	for _, n := range queries(t) {
		for _, c := range n.Columns {
			doc := strings.ToLower(c.Doc)
			yields := strings.Contains(doc, "net apr over") || strings.Contains(doc, "net apy over") || strings.Contains(doc, "own rate over")
			words := strings.Split(c.Name, "_")
			if yields && !strings.Contains(doc, " minus ") && !contains(words, "apr") && !contains(words, "apy") && c.Unit == "percent" && c.Name != "vs_chain_pct" {
				t.Errorf("query %s: column %s holds a yield and its name does not say apr or apy", n.Name, c.Name)
			}
			if c.Name == "yield" || strings.HasSuffix(c.Name, "_yield") {
				t.Errorf("query %s: column %s: say apr or apy", n.Name, c.Name)
			}
		}
	}
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}
