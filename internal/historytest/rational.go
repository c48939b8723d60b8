package historytest

import "math/big"

// One is 1.
var One = big.NewRat(1, 1)

// Add is x + y.
func Add(x, y *big.Rat) *big.Rat { return new(big.Rat).Add(x, y) }

// Sub is x − y.
func Sub(x, y *big.Rat) *big.Rat { return new(big.Rat).Sub(x, y) }

// Mul is the product of all.
func Mul(x ...*big.Rat) *big.Rat {
	p := big.NewRat(1, 1)
	for _, f := range x {
		p.Mul(p, f)
	}
	return p
}

// Quo is x ÷ y.
func Quo(x, y *big.Rat) *big.Rat { return new(big.Rat).Quo(x, y) }

// Exactly is what a double really holds.
func Exactly(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }

// Float is the double nearest to x.
func Float(x *big.Rat) float64 {
	f, _ := x.Float64()
	return f
}
