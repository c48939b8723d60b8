// Package ingest turns "what is due" into rows in the warehouse.
//
// The planner compares schedules with the coverage ledger (ingest_task); what is
// due but not covered becomes tasks. The runner takes tasks of one plugin and
// chain together, asks the gateway for their anchors, the plugin for its
// observations, the transforms for facts, and commits them in one transaction
// together with their ledger rows. Killing the process at any point
// loses at most work that was never acknowledged: the next run finds the same
// ticks still due.
//
// The package decides policy (catch-up, retry, states). It does not parse
// schedules, talk to chains, know DuckDB, or compute anything from a value.
package ingest
