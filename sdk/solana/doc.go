// Package solana reads accounts of a Solana cluster for plugins.
//
// A plugin asks for everything it needs in one Snapshot: one getMultipleAccounts
// at commitment finalized, with the Clock and EpochSchedule sysvars in the same
// batch. All accounts then belong to one bank, so a rate and its supply can not
// come from different slots, and slot, epoch and chain time can not disagree with
// the state. Rows turns decoded numbers into observations that carry the
// snapshot's position and the SHA-256 of its raw result.
//
// Codec describes an account's layout once, for reading and for writing, so that
// recordings and tests can build account bytes from numbers.
//
// The package keeps no past: a Solana node answers for its newest finalised slot
// only, and minContextSlot is a floor, not a choice. It does not retry, limit or
// log; that is the host's gateway. Base58 and derived addresses come from
// github.com/gagliardetto/solana-go; the JSON-RPC envelope is read here because
// the evidence of an observation is the hash of the raw result bytes.
package solana
