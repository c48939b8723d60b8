package sql_test

import (
	"math"
	"math/big"
	"testing"
)

// Lido's own test vectors (lido-ethereum-sdk, statistics): post-report over
// pre-report ether per share. Expected percentages are theirs, to 4 decimals.
func TestLidosVectors(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, v := range []struct {
		elapsed                                  float64
		preShares, preEther, postShares, postEth string
		want                                     float64
	}{
		{4608, "380434172050725886214426", "381568992239135809181277", "380434280124073199943710", "381570076199165808306368", 1.7497},
		{96768, "380431956104410024720267", "381546767228440793115619", "380434280124073199943710", "381570076199165808306368", 1.7918},
		{188928, "380429818132108977600266", "381525342519484532036668", "380434280124073199943710", "381570076199165808306368", 1.7613},
		{950400, "8066681860242338824295513", "9263068471084128020814862", "8015162922459393384526309", "9214558073511239726258077", 3.8393},
		{9244800, "7381214257921691114069196", "8394212555328852098606993", "8015162922459393384526309", "9214558073511239726258077", 3.7196},
		{12009600, "352884611916239405037988", "411807460465253736065963", "941217337772777324482426", "1117524237432571389949096", 4.5775},
	} {
		r0 := quo(integer(v.preEther), integer(v.preShares))
		r1 := quo(integer(v.postEth), integer(v.postShares))
		f0, _ := r0.Float64() // what the warehouse stores: the nearest double of each ratio
		f1, _ := r1.Float64()
		got, ok := scalar(t, s, "100 * annualise($1::DOUBLE / $2, $3, 'apr')", f1, f0, v.elapsed)
		if !ok || math.Abs(got-v.want) > 1e-4 {
			t.Errorf("over %v s: got %v %%, Lido says %v %%", v.elapsed, got, v.want)
		}
		exact := quo(mul(sub(quo(r1, r0), one), big.NewRat(3153600000, 1)), rat(v.elapsed))
		if e, _ := exact.Float64(); math.Abs(got-e) > 1e-6 {
			t.Errorf("over %v s: doubles give %v %%, exact integers %v %%", v.elapsed, got, e)
		}
	}
}

// SIMD-0525: 432,000 slots an epoch at each slot length.
func TestEpochsAYearFollowTheSlotLength(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, v := range []struct{ slotMS, hours, perYear float64 }{
		{400, 48, 182.5}, {350, 42, 208.6}, {300, 36, 243.3}, {250, 30, 292}, {200, 24, 365},
	} {
		hours, _ := scalar(t, s, "432000 * $1 / 3600000", v.slotMS)
		perYear, _ := scalar(t, s, "year_s() / ($1 * 3600)", hours)
		if hours != v.hours || math.Abs(perYear-v.perYear) > 0.05 {
			t.Errorf("%v ms: %v h, %v a year", v.slotMS, hours, perYear)
		}
	}
}

func integer(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}
