// Package gateway is the one way out to the network.
//
// A task opens a Session and hands its loopback address to the plugin. The
// gateway adds what the plugin must not know (URLs, keys, budgets), passes
// JSON-RPC, the Beacon API of Ethereum's consensus layer and declared paths of HTTP
// APIs through with the bytes of every result unchanged, retries what may go away and fails over between the
// endpoints of a chain. It writes the traffic to a folder (Options.Record) or
// answers from such a folder without a network (Options.Replay), and it finds the
// anchor of a tick.
//
// A file a concept: options.go the settings, gateway.go the pools and their
// life, session.go one task's door, server.go the loopback listener,
// jsonrpc.go the wire, endpoint.go one exchange with one endpoint, retry.go
// failover and backoff, classify.go what an error means, verify.go the second
// opinion, method.go what a plugin may ask, recording.go and replay.go the
// folder, rest.go what has paths, beacon.go the Beacon API, anchor*.go the search for
// blocks, slots and moments, secret.go redaction.
//
// It does not promise that an endpoint tells the truth (Chain.Verify asks a
// second one), does not decode values, and keeps nothing on disk but
// recordings. Errors, logs and recordings name endpoints by alias only.
package gateway
