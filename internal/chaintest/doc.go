// Package chaintest is an Ethereum and a Solana for tests of the whole pipeline:
// two JSON-RPC servers on the loopback that hold a sound state of the protocols
// the plugins read, at any block and for any clock, and that can be told to
// misbehave.
//
// Ethereum's blocks come every 12 seconds without end, so that every tick of
// every schedule has one; what contracts answer is a function of the block. Solana
// is solanatest's node with the accounts of the day. Spoil puts a fault in front
// of either, for all requests or only for those that touch one contract or
// account.
//
// The package promises nothing about consensus, gas or transactions, and its
// numbers are invented: they agree with each other as the protocols' own do, and
// that is all.
package chaintest
