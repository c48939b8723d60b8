package historytest

import (
	"math/big"
	"time"
)

// Yield is the growth of a rate between two real changes of it.
type Yield struct {
	From, To Point
	Updates  int // changes after From, up to To
}

// YieldOf is the growth between the last changes at or before both ends of a window.
// Where the history begins inside the window, it begins with its first value, and
// whole is false. Without a change between them there is none.
func (s Series) YieldOf(window time.Duration, asOf time.Time) (_ Yield, whole bool) {
	changes := s.changes()
	to, ok := changes.At(asOf)
	if !ok {
		return Yield{}, false
	}
	from, whole := changes.At(asOf.Add(-window))
	if !whole {
		from = changes[0]
	}
	y := Yield{From: from, To: to}
	for _, c := range changes {
		if c.Time.After(from.Time) && !c.Time.After(to.Time) {
			y.Updates++
		}
	}
	return y, whole
}

// changes are the values that are a change: by more than both last places together,
// and by more than dust, from the value before or from the last change.
func (s Series) changes() (changes Series) {
	dust := Exactly(1e-9)
	moved := func(p, q Point) bool {
		by := new(big.Rat).Abs(Sub(q.Value, p.Value))
		return by.Cmp(Add(Add(Exactly(p.Unit), Exactly(q.Unit)), Mul(dust, q.Value))) > 0
	}
	var lastMoved Point
	for i, p := range s {
		switch {
		case i == 0, moved(s[i-1], p):
			changes, lastMoved = append(changes, p), p
		case p.Value.Cmp(s[i-1].Value) != 0 && moved(lastMoved, p): // crept away
			changes = append(changes, p)
		}
	}
	return changes
}

// Seconds is the time the yield was earned in.
func (y Yield) Seconds() *big.Rat { return Seconds(y.To.Time.Sub(y.From.Time)) }

// Days is the same in days.
func (y Yield) Days() *big.Rat { return Quo(y.Seconds(), big.NewRat(86400, 1)) }

// APR is the growth per year of 365 days, simple; nil where no time has passed.
func (y Yield) APR() *big.Rat {
	if y.Seconds().Sign() <= 0 {
		return nil
	}
	return Quo(Mul(Sub(Quo(y.To.Value, y.From.Value), One), yearSeconds), y.Seconds())
}

var yearSeconds = big.NewRat(31536000, 1)

// Seconds is a time of whole seconds.
func Seconds(d time.Duration) *big.Rat { return big.NewRat(int64(d/time.Second), 1) }
