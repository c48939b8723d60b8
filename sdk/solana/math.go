package solana

import "math/bits"

// MulDiv returns a×b÷c with a 128-bit product, rounded down, as the programs do
// with u128. ok is false when c is 0 or the quotient needs more than 64 bits.
func MulDiv(a, b, c uint64) (q uint64, ok bool) {
	hi, lo := bits.Mul64(a, b)
	if hi >= c { // covers c == 0
		return 0, false
	}
	q, _ = bits.Div64(hi, lo, c)
	return q, true
}

// MulDivUp is MulDiv rounded up.
func MulDivUp(a, b, c uint64) (q uint64, ok bool) {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 0, false
	}
	q, rem := bits.Div64(hi, lo, c)
	if rem == 0 {
		return q, true
	}
	return q + 1, q+1 != 0
}
