// Package transforms turns observations into facts and rejects.
//
// Everything here is a pure function from values to values: no context, no
// logger, no clock, no network, no database. The same input gives the same output
// in the same order, and the order of the observations does not matter.
//
// Normalise is the whole recipe: check, scale, derive, label, dedupe. Numbers are
// exact rationals throughout. An unknown value stays unknown, with its reason. An
// impossible value is refused: it becomes a Reject, which the host keeps in
// quarantine. An improbable one is held: it becomes a Reject and a suspect fact,
// which no answer uses until a person has released it.
//
// The package imports the standard library and sdk only. It does not compute
// yields, windows or ranks: what needs more than one batch is SQL.
package transforms
