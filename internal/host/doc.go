// Package host finds, checks, starts, supervises and stops plugin processes.
//
// A plugin is an executable in a directory; its file name is its name. Every
// start verifies its checksum, gives it an empty environment, mutual TLS over a
// Unix socket in a private directory, and a process group of its own. Every call
// has a deadline. A plugin that does not answer in time, sends what cannot be
// read, or whose rows cannot be taken, is killed with all its children; one that
// dies is reported with the reason and its last lines on standard error. What a
// plugin logs arrives in slog with its name.
//
// A Process is used for one task after another and is never restarted: after an
// error that is not the plugin's own answer it has ended, and the caller starts
// a new one. Retrying is the caller's business.
//
// The package promises no sandbox: a plugin runs as the same user and can read
// that user's files. A child of a plugin that leaves the process group escapes.
// It needs a Unix; asking the kernel to kill plugins with their host, and
// measuring their memory, need Linux.
package host
