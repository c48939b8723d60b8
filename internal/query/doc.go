// Package query runs named and ad hoc SQL against the warehouse and renders the
// rows.
//
// A named query is one file of sql/queries with a header that says what it
// answers; the header is read by machine and must be complete. Parameters are
// bound by DuckDB, never pasted into the text.
//
// It promises exact digits: integers and decimals of any width leave as DuckDB
// has them. It does not promise that a figure is right; that is the work of
// sql/views.
package query
