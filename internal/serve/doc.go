// Package serve is the daemon: it keeps one warehouse open, wakes each job at its
// ticks and at every heartbeat, has done what is due, publishes copies for readers,
// has receivers told, and answers for its health over HTTP and to systemd.
//
// It decides when, never what: the planner of internal/ingest says what is due, the
// ledger what is done, so a wake too many or a restart at any moment is harmless.
// Jobs run beside each other and never beside themselves; a slow or broken one does
// not hold up another. What the package does not promise: that a tick is read at its
// moment, that two daemons share a warehouse (the store refuses the second), and any
// password on its HTTP server, which belongs on the loopback.
//
// It stops within Generation.Grace + StopMargin of being told to.
package serve
