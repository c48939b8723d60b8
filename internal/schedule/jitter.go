package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Jitter returns an offset in [0, most) that depends on the job's name alone, so
// that many jobs of the same minute do not meet at one endpoint, and a job keeps
// its place over restarts. It is whole seconds when most is at least a minute.
// A most of zero or less gives zero.
func Jitter(job string, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	unit := time.Nanosecond
	if most >= time.Minute {
		unit = time.Second
	}
	sum := sha256.Sum256([]byte(job))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%uint64(most/unit)) * unit
}
