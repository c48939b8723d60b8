package sql_test

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
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

// SIMD-0525: an epoch is 432,000 slots; two boundaries seen that many slots apart
// give its length and how many fill a year.
func TestEpochsAYearFollowTheSlotLength(t *testing.T) {
	t.Parallel()
	s := open(t)
	table := []struct {
		slotMS         int
		hours, perYear float64
	}{
		{400, 48, 182.5}, {350, 42, 208.6}, {300, 36, 243.3}, {250, 30, 292}, {200, 24, 365},
	}
	at := start
	rows := []string{fmt.Sprintf("('solana', 700, '%s', 'onchain', '2024-01-01')", stamp(at))}
	for i, v := range table {
		at = at.Add(432_000 * time.Duration(v.slotMS) * time.Millisecond)
		rows = append(rows, fmt.Sprintf("('solana', %d, '%s', 'onchain', '2024-01-01')", 701+i, stamp(at)))
	}
	// A boundary as somebody published it, an hour late, gives way to the one seen on
	// the chain; and no length spans the epoch that was missed.
	rows = append(rows, fmt.Sprintf("('solana', 701, '%s', 'published', '2024-02-01')", stamp(start.Add(49*time.Hour))),
		fmt.Sprintf("('solana', 707, '%s', 'onchain', '2024-01-01')", stamp(at.Add(60*time.Hour))))
	exec(t, s, "INSERT INTO dim_epoch (chain_id, epoch, start_ts, basis, known_at) VALUES "+strings.Join(rows, ","))
	for i, v := range table {
		row := firstRow(t, s, fmt.Sprintf("SELECT hours::DOUBLE, per_year::DOUBLE FROM epoch_length WHERE epoch = %d", 700+i))
		if hours, perYear := row[0].(float64), row[1].(float64); hours != v.hours || math.Abs(perYear-v.perYear) > 0.05 {
			t.Errorf("%v ms: %v h, %v a year; want %v h, %v", v.slotMS, hours, perYear, v.hours, v.perYear)
		}
	}
	if n, _ := scalar(t, s, "SELECT count(*) FROM epoch_length"); n != 5 {
		t.Errorf("%v epochs have a length, want 5: the one after which nothing was read has none", n)
	}
}

func integer(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}
