// Package e2e holds tests of what only shows when the whole repository is built
// and run, and testdata/throwaway: the smallest plugin there can be, which one of
// them drops into a copy of the repository. It has no code of its own.
package e2e
