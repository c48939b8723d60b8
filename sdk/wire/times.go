package wire

import (
	"fmt"
	"time"
)

// maxSeconds is the last second of the year 9999: later times cannot be printed
// as RFC 3339.
const maxSeconds = 253402300799

// toSeconds gives Unix seconds, 0 for the zero time.
func toSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// fromSeconds gives the time in UTC, the zero time for 0.
func fromSeconds(s int64) (time.Time, error) {
	if s == 0 {
		return time.Time{}, nil
	}
	if s < 0 || s > maxSeconds {
		return time.Time{}, fmt.Errorf("time %d is not in the years 1970 to 9999", s)
	}
	return time.Unix(s, 0).UTC(), nil
}
