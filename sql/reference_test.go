package sql_test

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// This file holds every formula of sql/views/01_constants.sql a second time, in
// rationals, and compares the two with random numbers.

// firstRow answers a query of one row.
func firstRow(t interface{ Fatalf(string, ...any) }, s *store.Store, text string, args ...any) []any {
	rows, err := s.Query(context.Background(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("%s: no row: %v", text, rows.Err())
	}
	return slices.Clone(rows.Values())
}

// scalar evaluates one expression; ok is false for NULL.
func scalar(t interface{ Fatalf(string, ...any) }, s *store.Store, expr string, args ...any) (float64, bool) {
	f, ok := firstRow(t, s, "SELECT ("+expr+")::DOUBLE", args...)[0].(float64)
	return f, ok
}

// Short names for the rationals.
var (
	add, sub, mul, quo = historytest.Add, historytest.Sub, historytest.Mul, historytest.Quo
	rat, one           = historytest.Exactly, historytest.One
)

// near allows the rounding of a few operations on terms of the given size.
func near(got float64, want, scale *big.Rat) bool {
	w, _ := want.Float64()
	size, _ := scale.Float64()
	return math.Abs(got-w) <= 1e-14*math.Abs(size)
}

// truth is what SQL makes of a flag as a number.
func truth(is bool) *big.Rat {
	if is {
		return one
	}
	return new(big.Rat)
}

func TestFormulasAgreeWithRationals(t *testing.T) {
	t.Parallel()
	s := open(t)
	bps := big.NewRat(10000, 1)
	inputs := []struct {
		name      string
		low, high float64
	}{
		{"s0", 0.001, 1e9}, {"s1", 0.001, 1e9}, {"fee", 0, 1e4}, {"r0", 0.5, 5}, {"r1", 0.5, 5}, {"p0", 0.01, 1e5}, {"p1", 0.01, 1e5},
		{"secs", 1, 1e9}, {"net", -10, 100}, {"bench", -0.1, 1}, {"days", 0, 100}, {"part", 0, 1},
	}
	type values map[string]*big.Rat
	formulas := []struct {
		expr string
		want func(x values) *big.Rat // nil: NULL is wanted
		// scale is the size of the largest term, where terms can cancel; nil: the result's own
		scale func(x values) *big.Rat
	}{
		{"annualise(r1 / r0, secs, 'apr')", func(x values) *big.Rat {
			return quo(mul(sub(quo(x["r1"], x["r0"]), one), big.NewRat(31536000, 1)), x["secs"])
		}, func(x values) *big.Rat { return quo(mul(big.NewRat(31536000, 1), quo(x["r1"], x["r0"])), x["secs"]) }},
		{"capture_of(net, bench)", func(x values) *big.Rat {
			if x["bench"].Sign() <= 0 {
				return nil
			}
			return quo(x["net"], x["bench"])
		}, nil},
		{"premium_of(r0, r1)", func(x values) *big.Rat { return sub(quo(x["r0"], x["r1"]), one) }, func(x values) *big.Rat { return quo(x["r0"], x["r1"]) }},
		{"take_rate_of(net, part)", func(x values) *big.Rat {
			gross := add(x["net"], x["part"])
			if gross.Sign() <= 0 {
				return nil
			}
			return quo(x["part"], gross)
		}, func(x values) *big.Rat {
			gross := add(x["net"], x["part"])
			if gross.Sign() == 0 {
				return one
			}
			return quo(mul(add(new(big.Rat).Abs(x["net"]), x["part"]), x["part"]), mul(gross, gross))
		}},
		{"flow_of(s0, s1, fee, r1)", func(x values) *big.Rat { return mul(sub(sub(x["s1"], x["s0"]), x["fee"]), x["r1"]) }, func(x values) *big.Rat { return mul(add(add(x["s0"], x["s1"]), x["fee"]), x["r1"]) }},
		{"haircut_bps_of(s0, s1)", func(x values) *big.Rat { return mul(bps, sub(one, quo(x["s1"], x["s0"]))) }, func(x values) *big.Rat { return mul(bps, add(one, quo(x["s1"], x["s0"]))) }},
		{"forgone_bps_of(part, days)", func(x values) *big.Rat { return quo(mul(bps, x["part"], x["days"]), big.NewRat(365, 1)) }, nil},
		{"hhi_part(part)", func(x values) *big.Rat { return mul(bps, x["part"], x["part"]) }, nil},
		{"leg_rewards(s0, r0, r1, p1)", func(x values) *big.Rat { return mul(x["s0"], sub(x["r1"], x["r0"]), x["p1"]) }, func(x values) *big.Rat { return mul(x["s0"], add(x["r0"], x["r1"]), x["p1"]) }},
		{"accrued(bench, secs)", func(x values) *big.Rat { return add(one, quo(mul(x["bench"], x["secs"]), big.NewRat(31536000, 1))) },
			func(x values) *big.Rat {
				return add(one, quo(mul(new(big.Rat).Abs(x["bench"]), x["secs"]), big.NewRat(31536000, 1)))
			}},
		// near means by two expected updates or by a quarter of the window
		{"covers((part + 0.5000003) * days * 86400, days * 86400, fee)", func(x values) *big.Rat {
			window := mul(x["days"], big.NewRat(86400, 1))
			off := mul(new(big.Rat).Abs(sub(x["part"], big.NewRat(4999997, 1e7))), window)
			return truth(off.Cmp(mul(x["fee"], big.NewRat(2, 1))) <= 0 || off.Cmp(quo(window, big.NewRat(4, 1))) <= 0)
		}, func(values) *big.Rat { return one }},
		// moved means by more than both uncertainties and a billionth of the larger rate
		{"rate_moved(r0, part, r1, part)", func(x values) *big.Rat {
			larger := x["r0"]
			if larger.Cmp(x["r1"]) < 0 {
				larger = x["r1"]
			}
			noise := add(mul(x["part"], big.NewRat(2, 1)), quo(larger, big.NewRat(1e9, 1)))
			return truth(new(big.Rat).Abs(sub(x["r1"], x["r0"])).Cmp(noise) > 0)
		}, func(values) *big.Rat { return one }},
		// the four legs sum to the whole change
		{"leg_deposits(s0, s1, fee, r1, p1) + leg_fees(fee, r1, p1) + leg_rewards(s0, r0, r1, p1) + leg_price(s0, r0, p0, p1)", func(x values) *big.Rat {
			return sub(mul(x["s1"], x["r1"], x["p1"]), mul(x["s0"], x["r0"], x["p0"]))
		}, func(x values) *big.Rat {
			return mul(add(add(x["s0"], x["s1"]), x["fee"]), add(x["r0"], x["r1"]), add(x["p0"], x["p1"]))
		}},
	}
	var columns, names []string
	for _, f := range formulas {
		columns = append(columns, "("+f.expr+")::DOUBLE")
	}
	for _, in := range inputs {
		names = append(names, in.name)
	}
	text := "SELECT " + strings.Join(columns, ", ") + " FROM (VALUES %s) v(n, " + strings.Join(names, ", ") + ") ORDER BY n"
	rapid.Check(t, func(t *rapid.T) {
		var cases []values
		var rows []string
		for n := range 50 { // a question costs more than a row
			x, row := values{}, fmt.Sprint("(", n)
			for _, in := range inputs {
				// No tinier step than a millionth: overflow to infinity is not the subject.
				f := math.Round(rapid.Float64Range(in.low, in.high).Draw(t, in.name)*1e6) / 1e6
				x[in.name] = rat(f)
				row += fmt.Sprintf(", %.17e", f)
			}
			cases, rows = append(cases, x), append(rows, row+")")
		}
		res, err := query.Adhoc(context.Background(), s, fmt.Sprintf(text, strings.Join(rows, ", ")))
		if err != nil {
			t.Fatalf("%v", err)
		}
		for n, x := range cases {
			for i, f := range formulas {
				want := f.want(x)
				got, ok := res.Rows[n][i].(float64)
				if ok != (want != nil) {
					t.Fatalf("%s: got %v, want %v", f.expr, res.Rows[n][i], want)
				}
				scale := want
				if f.scale != nil {
					scale = f.scale(x)
				}
				if ok && !near(got, want, scale) {
					w, _ := want.Float64()
					t.Fatalf("%s: got %.17g, want %.17g", f.expr, got, w)
				}
			}
		}
	})
}

// Compound and continuous rates are no rationals: over a whole number of the same
// intervals they are checked by going back.
func TestCompoundRatesComeBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	rapid.Check(t, func(t *rapid.T) {
		growth := rapid.Float64Range(0.9, 1.2).Draw(t, "growth")
		n := rapid.IntRange(1, 400).Draw(t, "n") // the window fits n times into a year
		apy, _ := scalar(t, s, "annualise($1, year_s() / $2, 'apy')", growth, float64(n))
		want := new(big.Float).SetPrec(300).SetInt64(1)
		g := new(big.Float).SetPrec(300).SetFloat64(growth)
		for range n {
			want.Mul(want, g)
		}
		w, _ := want.Float64()
		if math.Abs(1+apy-w) > 1e-11*math.Max(1, w) {
			t.Fatalf("apy %.17g, want %.17g", apy, w-1)
		}
		log, _ := scalar(t, s, "annualise($1, year_s() / $2, 'log')", growth, float64(n))
		if math.Abs(math.Exp(log/float64(n))-growth) > 1e-13 {
			t.Fatalf("log %.17g does not lead back to %.17g", log, growth)
		}
	})
}

// A figure of two readings is worth no more than the worse of them.
func TestTheWorseBasisOfTwoMarksAFigure(t *testing.T) {
	t.Parallel()
	s := open(t)
	best := []string{"'onchain'", "'derived'", "'published'", "'api'", "'manual'", "'hearsay'"}
	for i, a := range best {
		for k, b := range best {
			if got, want := firstRow(t, s, "SELECT worse_basis("+a+", "+b+")")[0], strings.Trim(best[max(i, k)], "'"); got != want {
				t.Errorf("of %s and %s: %v, want %v", a, b, got, want)
			}
		}
		for _, pair := range []string{a + ", NULL", "NULL, " + a} {
			if got := firstRow(t, s, "SELECT worse_basis("+pair+")")[0]; got != strings.Trim(a, "'") {
				t.Errorf("of %s: %v", pair, got)
			}
		}
	}
}

func TestSecondsBetweenTwoMoments(t *testing.T) {
	t.Parallel()
	s := open(t)
	rapid.Check(t, func(t *rapid.T) {
		a := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "a"), 0)
		b := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "b"), 0)
		got, _ := scalar(t, s, fmt.Sprintf("seconds_between(TIMESTAMP '%s', TIMESTAMP '%s')", stamp(a), stamp(b)))
		if want := float64(b.Unix() - a.Unix()); got != want {
			t.Fatalf("from %v to %v: %v s, want %v s", a, b, got, want)
		}
	})
}

func TestNoYieldWithoutTimeOrGrowthFactor(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, expr := range []string{
		"annualise(1.1, 0, 'apr')", "annualise(1.1, -5, 'apy')", "annualise(0, 5, 'log')",
		"annualise(-1, 5, 'apr')", "annualise(NULL, 5, 'apr')", "annualise(1.1, NULL, 'apy')", "annualise(1.1, 5, 'other')",
		"premium_of(1, 0)", "premium_of(NULL, 1)", "haircut_bps_of(100, NULL)", "take_rate_of(-1, 0.5)", "forgone_bps_of(0.05, NULL)",
	} {
		if got, ok := scalar(t, s, expr); ok {
			t.Errorf("%s = %v, want unknown", expr, got)
		}
	}
	if got, ok := scalar(t, s, "forgone_bps_of(NULL, 0)"); !ok || got != 0 {
		t.Errorf("no wait forgoes nothing, whatever the rate; got %v (%v)", got, ok)
	}
}
