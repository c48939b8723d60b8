// Package bench measures what the pipeline promises about cost: how many requests
// and how much time a long backfill takes. It holds benchmarks only; README.md has
// the numbers.
package bench
