package evm

import (
	"math/big"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// maxUint256 is what contracts answer for "unlimited" and "never".
var maxUint256 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))

// IsUnlimited reports the sentinel 2^256−1.
func IsUnlimited(n *big.Int) bool { return n != nil && n.Cmp(maxUint256) == 0 }

// Number is a quantity on its way to an observation: an exact value with its
// evidence, or the error that says why there is none. Operations on Numbers keep
// the methods, targets and fields of all parts and the first error; of digests
// there is room for one, which is the first part's (all parts of a Multicall3
// round share it).
type Number struct {
	Value    *big.Int
	Divisor  *big.Int // nil means 1
	Decimals uint8
	Err      error
	Quality  sdk.Quality
	Reason   string
	RefTime  time.Time
	// Position is where the number belongs to, if not to the anchor.
	Position *sdk.Position
	Source   sdk.Source
}

// Number takes the integer at place i with its decimal exponent.
func (r Result) Number(i int, decimals uint8) Number {
	v, err := r.Int(i)
	return Number{Value: v, Decimals: decimals, Err: err, Quality: sdk.QualityOK, Position: r.Position, Source: r.Source(i)}
}

// Unknown is a Number without value, for a reason other than a failed call.
func Unknown(source sdk.Source, format string, args ...any) Number {
	return Number{Err: sdk.Errorf(sdk.KindNoData, format, args...), Quality: sdk.QualityOK, Source: source}
}

// Plus adds two numbers of the same scale.
func (n Number) Plus(m Number) Number { return n.combine("+", m, (*big.Int).Add) }

// Minus subtracts a number of the same scale.
func (n Number) Minus(m Number) Number { return n.combine("-", m, (*big.Int).Sub) }

// Mul multiplies two numbers; their decimals add up.
func (n Number) Mul(m Number) Number {
	out := n.combine("*", m, (*big.Int).Mul)
	out.Decimals = n.Decimals + m.Decimals
	return out
}

func (n Number) combine(op string, m Number, f func(z, x, y *big.Int) *big.Int) Number {
	out := n.with(op, m)
	if out.Err != nil {
		return out
	}
	if op != "*" && n.Decimals != m.Decimals {
		out.Err = sdk.Errorf(sdk.KindInternal, "%s: numbers of %d and %d decimals cannot be added", out.Source.Method, n.Decimals, m.Decimals)
		return out
	}
	out.Value = f(new(big.Int), n.Value, m.Value)
	return out
}

// Times multiplies by a constant that the source's unit asks for.
func (n Number) Times(factor int64) Number {
	if n.Err == nil {
		n.Value = new(big.Int).Mul(n.Value, big.NewInt(factor))
	}
	return n
}

// Over makes the exact ratio n ÷ m of two integers of the same scale, which
// therefore has no decimals. A zero or negative divisor is an error of kind no_data.
func (n Number) Over(m Number) Number {
	out := n.with("/", m)
	out.Decimals = 0
	switch {
	case out.Err != nil:
	case n.Decimals != m.Decimals:
		out.Err = sdk.Errorf(sdk.KindInternal, "%s: a ratio needs two numbers of one scale", out.Source.Method)
	case m.Value.Sign() <= 0:
		out.Err = sdk.Errorf(sdk.KindNoData, "%s: the divisor is %s", out.Source.Method, m.Value)
	default:
		out.Divisor = m.Value
	}
	return out
}

// Not turns a flag round.
func (n Number) Not() Number {
	if n.Err == nil {
		n.Value = new(big.Int).Sub(big.NewInt(1), n.Value)
	}
	n.Source.Method = "not " + n.Source.Method
	return n
}

// At dates the number by the moment its source describes.
func (n Number) At(t time.Time) Number { n.RefTime = t; return n }

// Marked lowers the quality, with the reason. Reasons add up.
func (n Number) Marked(q sdk.Quality, reason string) Number {
	if reason == "" {
		return n
	}
	n.Quality = q
	if n.Reason != "" {
		reason = n.Reason + "; " + reason
	}
	n.Reason = reason
	return n
}

// with joins the evidence of two numbers.
func (n Number) with(op string, m Number) Number {
	out := n
	if out.Err == nil {
		out.Err = m.Err
	}
	if out.Reason == "" {
		out.Quality, out.Reason = m.Quality, m.Reason
	}
	s, t := n.Source, m.Source
	if op == "*" || op == "/" {
		s.Method, t.Method = grouped(s.Method), grouped(t.Method)
	}
	// What both parts share is named once.
	out.Source.Method = join(s.Method, op, t.Method)
	out.Source.Target = join(s.Target, " ", t.Target)
	out.Source.Field = join(s.Field, op, t.Field)
	if out.Source.Digest == "" {
		out.Source.Digest = t.Digest
	}
	return out
}

func join(a, op, b string) string {
	if a == b {
		return a
	}
	return a + op + b
}

// grouped puts a sum into parentheses.
func grouped(method string) string {
	if strings.ContainsAny(method, "+-") {
		return "(" + method + ")"
	}
	return method
}
