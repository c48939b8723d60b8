package sql_test

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// What is made of something unknown (nil) is unknown, and so is a part of nothing.
func times(x, y *big.Rat) *big.Rat { return known(func() *big.Rat { return mul(x, y) }, x, y) }
func minus(x, y *big.Rat) *big.Rat { return known(func() *big.Rat { return sub(x, y) }, x, y) }
func plus(x, y *big.Rat) *big.Rat  { return known(func() *big.Rat { return add(x, y) }, x, y) }
func over(x, y *big.Rat) *big.Rat {
	return known(func() *big.Rat {
		if y.Sign() == 0 {
			return nil
		}
		return quo(x, y)
	}, x, y)
}

func known(f func() *big.Rat, x ...*big.Rat) *big.Rat {
	if slices.Contains(x, nil) {
		return nil
	}
	return f()
}

// about is a figure whose terms may cancel: scale is the size of the largest.
type about struct{ value, scale *big.Rat }

// agree asks SQL and wants the rows computed by hand, in their order: numbers to one
// part in a billion, all else exactly. A nil is unknown.
func agree(t *rapid.T, s *store.Store, text string, want [][]any) {
	res, err := query.Adhoc(context.Background(), s, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	show := func() (out string) {
		for i := range max(len(want), len(res.Rows)) {
			var w, g []string
			if i < len(want) {
				for _, c := range want[i] {
					w = append(w, cell(c))
				}
			}
			if i < len(res.Rows) {
				for _, c := range res.Rows[i] {
					g = append(g, cell(c))
				}
			}
			out += "\n  hand " + strings.Join(w, " | ") + "\n  SQL  " + strings.Join(g, " | ")
		}
		return out
	}
	if len(res.Rows) != len(want) {
		t.Fatalf("%s:\nSQL has %d rows, by hand there are %d%s", text, len(res.Rows), len(want), show())
	}
	for i, row := range want {
		for k, w := range row {
			if got := res.Rows[i][k]; !same(got, w) {
				t.Fatalf("%s:\nrow %d, %s: SQL says %s, by hand it is %s%s", text, i, res.Columns[k].Name, cell(got), cell(w), show())
			}
		}
	}
}

func same(got, want any) bool {
	x, scale := number(want), (*big.Rat)(nil)
	if a, ok := want.(about); ok {
		x, scale = a.value, a.scale
	}
	if _, isText := want.(string); x == nil && !isText {
		if moment, ok := want.(time.Time); ok {
			g, ok := got.(time.Time)
			return ok && g.Equal(moment)
		}
		if is, ok := want.(bool); ok {
			return got == is
		}
		return got == nil
	}
	if x == nil {
		return got == want
	}
	g := number(got)
	if g == nil {
		return false
	}
	if scale == nil {
		scale = x
	}
	return new(big.Rat).Abs(sub(g, x)).Cmp(mul(big.NewRat(1, 1e9), new(big.Rat).Abs(scale))) <= 0
}

// number is a cell as a rational, nil where it is none.
func number(c any) *big.Rat {
	switch c := c.(type) {
	case *big.Rat:
		return c
	case float64:
		return rat(c)
	case int:
		return big.NewRat(int64(c), 1)
	case int64:
		return big.NewRat(c, 1)
	case *big.Int:
		return new(big.Rat).SetInt(c)
	}
	return nil
}

func cell(c any) string {
	if a, ok := c.(about); ok {
		c = a.value
	}
	if ts, ok := c.(time.Time); ok {
		return stamp(ts)
	}
	if x := number(c); x != nil {
		return fmt.Sprintf("%.17g", historytest.Float(x))
	}
	return fmt.Sprint(c)
}
