// Package sdk is what the author of a plugin imports.
//
// A plugin reads the state of one protocol at the anchors the host asks for and
// emits observations: exact integers, each with the evidence of where it was
// read. It decides nothing else. Scheduling, retries, units, rates, storage and
// comparison belong to the host, so a plugin holds no key, keeps no state and
// computes no yield.
//
// An author writes one type with two methods (Fetcher), hands it to
// sdk/serve.Main in a main of one line, and describes the protocol in
// protocol.yaml (sdk/card). sdk/evm and sdk/solana are readers for the two
// families of chains, sdk/rest for HTTP APIs; any other client works too, because
// the host passes plain URLs of its gateway.
//
// Rules that keep numbers honest:
//
//   - A value is an integer (or a ratio of two integers) with a decimal exponent.
//     Never a float.
//   - Unknown is a nil value with a Reason. Zero means the chain said zero.
//   - Check owner, length, version and method before decoding; an unknown layout
//     is an error, not a number.
//   - One anchor failing must not lose the others: report it with Sink.Fail and
//     go on.
//
// The package imports only the standard library and promises nothing about
// transport; it does not fetch, retry or log.
package sdk
