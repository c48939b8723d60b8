package solana_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

func TestMulDivEqualsBigIntegers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b"), rapid.Uint64().Draw(t, "c")
		down, okDown := solana.MulDiv(a, b, c)
		up, okUp := solana.MulDivUp(a, b, c)
		if c == 0 {
			if okDown || okUp {
				t.Fatal("a division by zero succeeded")
			}
			return
		}
		q, r := new(big.Int).QuoRem(new(big.Int).Mul(u(a), u(b)), u(c), new(big.Int))
		check := func(name string, want *big.Int, got uint64, ok bool) {
			if ok != want.IsUint64() || ok && got != want.Uint64() {
				t.Fatalf("%s: got %d, %v; want %s", name, got, ok, want)
			}
		}
		check("down", q, down, okDown)
		if r.Sign() > 0 {
			q = new(big.Int).Add(q, big.NewInt(1))
		}
		check("up", q, up, okUp)
	})
}

func u(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
