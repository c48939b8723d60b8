package wire

import (
	"fmt"
	"math/big"
)

// ToInteger encodes x as two's complement, big-endian, in as few bytes as
// possible. nil becomes no bytes; 0 becomes one zero byte. It fails when the
// result would be longer than MaxValueBytes.
func ToInteger(x *big.Int) ([]byte, error) {
	if x == nil {
		return nil, nil
	}
	magnitude := x
	if x.Sign() < 0 {
		magnitude = new(big.Int).Not(x) // -x-1 has the bits of x inverted
	}
	n := magnitude.BitLen()/8 + 1 // one bit more than the magnitude, for the sign
	if n > MaxValueBytes {
		return nil, fmt.Errorf("integer needs %d bytes, the limit is %d", n, MaxValueBytes)
	}
	b := magnitude.FillBytes(make([]byte, n))
	if x.Sign() < 0 {
		for i := range b {
			b[i] = ^b[i]
		}
	}
	return b, nil
}

// FromInteger decodes what ToInteger made; longer encodings of the same integer
// are accepted. No bytes become nil.
func FromInteger(b []byte) (*big.Int, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) > MaxValueBytes {
		return nil, fmt.Errorf("integer has %d bytes, the limit is %d", len(b), MaxValueBytes)
	}
	x := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return x, nil
}
