package chaintest

import (
	"math/big"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

func method(signature string) evm.Method { return evm.MustMethod(signature) }

// pow10 is factor × 10^n.
func pow10(n int64, factor ...int64) *big.Int {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
	for _, f := range factor {
		p.Mul(p, big.NewInt(f))
	}
	return p
}

// ether is n ETH in wei.
func ether(n int64) *big.Int { return pow10(18, n) }

func number(s string) *big.Int {
	n, ok := new(big.Int).SetString(strings.ReplaceAll(s, "_", ""), 10)
	if !ok {
		panic(s)
	}
	return n
}

func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }

// quo is a × b ÷ c, rounded down.
func quo(a, b, c *big.Int) *big.Int {
	x := new(big.Int).Mul(a, b)
	return x.Quo(x, c)
}
