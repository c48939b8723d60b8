package store

import (
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// exactScale is the scale of value_exact, DECIMAL(38,18).
const exactScale = 18

var (
	scale18 = new(big.Int).Exp(big.NewInt(10), big.NewInt(exactScale), nil)
	// limit38 is the first integer that does not fit 38 digits.
	limit38 = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
)

// exact rounds r half-even to 18 decimals for a DECIMAL(38,18) column, or gives
// nil (NULL) when r is unknown or does not fit.
//
// The Appender ignores Decimal.Scale and stores Value as the column's unscaled
// integer, so a value for another column type must not come through here.
func exact(r *big.Rat) any {
	if r == nil {
		return nil
	}
	n := roundHalfEven(new(big.Int).Mul(r.Num(), scale18), r.Denom())
	if n.CmpAbs(limit38) >= 0 {
		return nil
	}
	return duckdb.Decimal{Width: 38, Scale: exactScale, Value: n}
}

// roundHalfEven divides to the nearest integer, ties to even. den is positive.
func roundHalfEven(num, den *big.Int) *big.Int {
	q, rem := new(big.Int).QuoRem(num, den, new(big.Int))
	twice := rem.Abs(rem).Lsh(rem, 1)
	if c := twice.Cmp(den); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(num.Sign())))
	}
	return q
}

// double is the nearest float64 of r, or nil when r is unknown. A rational beyond
// float64 is an error: no chain holds one.
func double(r *big.Rat) (any, error) {
	if r == nil {
		return nil, nil
	}
	f, _ := r.Float64()
	if math.IsInf(f, 0) {
		return nil, fmt.Errorf("value with %d bits does not fit a double", r.Num().BitLen())
	}
	return f, nil
}

// parseDecimal reads the text of a DECIMAL exactly.
func parseDecimal(text string) (*big.Rat, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("stored decimal %q cannot be read", text)
	}
	return r, nil
}

// Small helpers that turn Go's "nothing" into NULL.

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return utc(t)
}

func uintOrNull(n uint64) any {
	if n == 0 {
		return nil
	}
	return n
}

// utc is t as DuckDB stores it: microseconds, UTC.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// literal writes t as a DuckDB constant. Probes of the big tables carry their time
// range as literals, because only constants prune row groups in every plan.
func literal(t time.Time) string {
	return "TIMESTAMP '" + utc(t).Format("2006-01-02 15:04:05.000000") + "'"
}

// span is the time range of a batch.
type span struct{ from, to time.Time }

func (s *span) add(t time.Time) {
	t = utc(t)
	if s.from.IsZero() || t.Before(s.from) {
		s.from = t
	}
	if s.to.IsZero() || t.After(s.to) {
		s.to = t
	}
}

// covers is the SQL condition that column lies in the span.
func (s span) covers(column string) string {
	return column + " BETWEEN " + literal(s.from) + " AND " + literal(s.to)
}
