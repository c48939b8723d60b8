package store

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkCommit measures one task's transaction: n observations with a fact
// each, new every time, and the same again when nothing has changed.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		for _, repeat := range []bool{false, true} {
			name := fmt.Sprintf("new/%d", n)
			if repeat {
				name = fmt.Sprintf("repeated/%d", n)
			}
			b.Run(name, func(b *testing.B) {
				s := openNew(b)
				mustCommit(b, s, result(t0, n))
				at := t0
				for b.Loop() {
					if !repeat {
						at = at.Add(time.Hour)
					}
					mustCommit(b, s, result(at, n))
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/fact")
			})
		}
	}
}
