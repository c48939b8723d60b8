// Package serve turns an sdk.Fetcher into a plugin process.
//
// The main of a plugin is one line:
//
//	func main() { serve.Main(lido.New()) }
//
// Started by the pipeline, the process serves gRPC over go-plugin's handshake,
// sends log/slog and log to the host, and ends when the host ends. Started by a
// person, it answers `describe` and `version`, or explains itself.
//
// Nothing may be printed to standard output before Main, in an init function for
// example: the first line a plugin prints is its handshake. After that,
// everything printed arrives in the host's log as a warning; use log/slog.
//
// This is the only package of the sdk that knows gRPC. It does not retry, and it
// promises nothing about a Fetcher that ignores its context: the host kills it.
package serve
