package host

import (
	"strconv"
	"testing"
)

// BenchmarkStartToFirstRow is a whole small task: start, handshake with mutual
// TLS, description, one row, stop.
func BenchmarkStartToFirstRow(b *testing.B) {
	h, _ := newHost(b, Options{})
	bin := binary(b, "good")
	for b.Loop() {
		p, err := h.Start(b.Context(), bin)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Fetch(b.Context(), do("rows"), &basket{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		p.Stop()
		b.StartTimer()
	}
}

// BenchmarkStream compares rows by column, many to a message, with one message a
// row, from plugin process to sink, mutual TLS included.
func BenchmarkStream(b *testing.B) {
	const rows = 200_000
	for _, way := range []struct{ name, plugin, do string }{
		{"columns", "good", "rows"},
		{"one message a row", "raw", "row by row"},
	} {
		b.Run(way.name, func(b *testing.B) {
			h, _ := newHost(b, Options{})
			p := start(b, h, way.plugin)
			for b.Loop() {
				var got basket
				if err := p.Fetch(b.Context(), do(way.do, "rows", strconv.Itoa(rows)), &got); err != nil {
					b.Fatal(err)
				}
				if len(got.observed) != rows {
					b.Fatalf("%d rows arrived", len(got.observed))
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
