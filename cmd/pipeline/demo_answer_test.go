package main

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
)

// answer is what the demo says to a named query, beside which an independent
// computation is held figure by figure.
type answer struct {
	t        *testing.T
	question string
	rows     []answered
}

// answered is one row of it.
type answered struct {
	*answer
	values   map[string]any
	compared *int
}

// asks asks the demo a named query, as a person does, and reads the numbers with all
// their digits.
func (s demoSite) asks(t *testing.T, question string) *answer {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(s.sh(t, "bin/pipeline query "+question+" --config config/demo.yaml -o json")))
	decoder.UseNumber()
	var rows []map[string]any
	if err := decoder.Decode(&rows); err != nil {
		t.Fatalf("query %s: %v", question, err)
	}
	a := &answer{t: t, question: question}
	compared := 0
	for _, values := range rows {
		a.rows = append(a.rows, answered{a, values, &compared})
	}
	t.Cleanup(func() { t.Logf("query %s: %d figures compared", question, compared) })
	return a
}

// of returns the rows of a token.
func (a *answer) of(symbol string) (rows []answered) {
	for _, r := range a.rows {
		if r.values["token"] == symbol {
			rows = append(rows, r)
		}
	}
	return rows
}

// theRow returns the one row of a token.
func (a *answer) theRow(symbol string) answered {
	a.t.Helper()
	rows := a.of(symbol)
	if len(rows) != 1 {
		a.t.Fatalf("query %s has %d rows of %s, want one", a.question, len(rows), symbol)
	}
	return rows[0]
}

// value is what a column holds, for a comparison.
func (r answered) value(column string) any {
	r.t.Helper()
	v, there := r.values[column]
	if !there {
		r.t.Fatalf("query %s has no column %s", r.question, column)
	}
	*r.compared++
	return v
}

// is checks a figure: it must be the exact number, rounded to the decimals that the
// query prints; nil: unknown. The doubles in between cost a part in 10¹².
func (r answered) is(column string, want *big.Rat, decimals int) {
	r.t.Helper()
	printed, known := r.value(column).(json.Number)
	if !known || want == nil {
		if known || want != nil {
			r.t.Errorf("query %s, %v, %s: the demo says %v, by hand it is %s", r.question, r.values["token"], column, r.values[column], decimal(want, decimals))
		}
		return
	}
	got, ok := new(big.Rat).SetString(printed.String())
	if !ok {
		r.t.Fatalf("query %s, %v, %s: %q is no number", r.question, r.values["token"], column, printed)
	}
	half := historytest.Quo(big.NewRat(1, 2), new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)))
	off := new(big.Rat).Abs(historytest.Sub(got, want))
	doubles := historytest.Mul(big.NewRat(1, 1e12), new(big.Rat).Abs(want))
	if off.Cmp(historytest.Add(half, doubles)) > 0 {
		r.t.Errorf("query %s, %v, %s: the demo says %s, by hand it is %s", r.question, r.values["token"], column, printed, decimal(want, decimals+3))
	}
}

func decimal(x *big.Rat, decimals int) string {
	if x == nil {
		return "unknown"
	}
	return x.FloatString(decimals)
}

// says checks a word or a flag, and nil for unknown.
func (r answered) says(column string, want any) {
	r.t.Helper()
	if got := r.value(column); got != want {
		r.t.Errorf("query %s, %v, %s: the demo says %v, by hand it is %v", r.question, r.values["token"], column, got, want)
	}
}

// isAt checks a moment.
func (r answered) isAt(column string, want time.Time) {
	r.t.Helper()
	r.says(column, want.UTC().Format(time.RFC3339))
}

// counts checks a number of things.
func (r answered) counts(column string, want int) {
	r.t.Helper()
	r.is(column, big.NewRat(int64(want), 1), 0)
}

// percent and bps are a fraction in those units; nil stays unknown.
func percent(fraction *big.Rat) *big.Rat { return times(100, fraction) }
func bps(fraction *big.Rat) *big.Rat     { return times(10000, fraction) }

func times(n int64, x *big.Rat) *big.Rat {
	if x == nil {
		return nil
	}
	return historytest.Mul(big.NewRat(n, 1), x)
}
