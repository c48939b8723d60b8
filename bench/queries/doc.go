// Package queries measures what questions cost on a large warehouse: every named
// query and the queries of a report on a synthetic warehouse of up to 50 million
// facts, beside the same question asked of tables tuned by hand for it.
//
// It promises ratios of one machine, no absolute times; bench/README.md has them.
package queries
