// Package layers holds the tests that keep the rooms apart: which package may
// import which, who may know DuckDB and go-plugin, and that no protocol is named
// outside its plugin. docs/architecture.md draws the arrows.
//
// It looks at what the code imports, not at what it does, and leaves test files
// alone: a test may use anything.
package layers
