package transforms

import (
	"math/big"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Key names a series: one metric of one token, as one kind of source tells it.
type Key struct {
	Metric sdk.MetricID
	Token  sdk.TokenID
	Basis  sdk.Basis
}

// Last is what a series did before a moment: its newest trusted value and the
// updates that led there. The zero value is a series without a past.
type Last struct {
	TS    time.Time
	Value *big.Rat
	// Seen is when the series was last read, be the value trusted or not.
	Seen time.Time
	// Updates are the newest real updates up to TS, oldest first; MaxUpdates are
	// enough.
	Updates []Update
}

// Update is one real change of a series.
type Update struct {
	TS   time.Time
	Size *big.Rat // |change|, as a fraction of the value before
}

// What of its updates a series is judged by.
const (
	MaxUpdates   = 20
	minUpdates   = 5
	UpdateWindow = 60 * 24 * time.Hour
)

// The smallest move that is an update: what exits leave to a pool between two
// reports, and rounding, stay below it.
var smallestUpdate = big.NewRat(1, 1_000_000)

// UpdateOf returns the update that a change of value is, if it is one.
func UpdateOf(ts time.Time, before, after *big.Rat) (Update, bool) {
	if before.Sign() <= 0 {
		return Update{}, false
	}
	size := change(before, after)
	size.Abs(size)
	return Update{TS: ts, Size: size}, size.Cmp(smallestUpdate) >= 0
}

// change is after ÷ before − 1.
func change(before, after *big.Rat) *big.Rat {
	c := new(big.Rat).Quo(after, before)
	return c.Sub(c, big.NewRat(1, 1))
}

// Then is the past after a trusted value that came later.
func (l Last) Then(ts time.Time, value *big.Rat) Last {
	next := Last{TS: ts, Value: value, Seen: ts, Updates: l.Updates}
	if l.Value == nil {
		return next
	}
	if u, moved := UpdateOf(ts, l.Value, value); moved {
		next.Updates = append(slices.Clip(l.Updates[max(0, len(l.Updates)-MaxUpdates+1):]), u)
	}
	return next
}

// Saw is the past after a reading, whatever came of it.
func (l Last) Saw(ts time.Time) Last {
	l.Seen = ts
	return l
}

// usual is the median size of the updates before ts, and how many of them fit into
// the time since the last one, at least 1. It is nil when there are too few to tell.
func (l Last) usual(ts time.Time) (size, times *big.Rat) {
	updates := slices.DeleteFunc(slices.Clone(l.Updates), func(u Update) bool { return ts.Sub(u.TS) > UpdateWindow })
	if len(updates) < minUpdates {
		return nil, nil
	}
	var sizes []*big.Rat
	var waits []time.Duration
	for i, u := range updates {
		sizes = append(sizes, u.Size)
		if i > 0 {
			waits = append(waits, u.TS.Sub(updates[i-1].TS))
		}
	}
	slices.SortFunc(sizes, (*big.Rat).Cmp)
	slices.Sort(waits)
	wait := waits[len(waits)/2]
	waited := max(wait, ts.Sub(updates[len(updates)-1].TS))
	return sizes[len(sizes)/2], big.NewRat(int64(waited), int64(wait))
}
