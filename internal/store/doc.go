// Package store is the only package that knows DuckDB. It owns the warehouse
// file: who may open it, how its schema comes to be, how the rows of one task
// reach it in one transaction, and how they are read back exactly.
//
// What it holds to:
//
//   - One process writes. Open takes a lock file beside the database and names the
//     holder when it cannot have it. Inside the process one connection writes, one
//     transaction at a time.
//   - The live file is never opened except by DuckDB. DuckDB's lock is a POSIX lock,
//     which the process loses as soon as it closes any descriptor of that file; so
//     copying and hashing belong to a child process (see Publish).
//   - Facts are appended, never changed. A second commit of the same rows adds
//     nothing; a different value, quality or reason becomes a new version.
//   - A disk that cannot be written is a *DiskError that says what to do. Until the
//     disk takes a file again nothing else is tried; then writing resumes by itself,
//     on a new DuckDB instance if the old one gave up.
//   - Numbers leave as exactly as they came: decimals, 128-bit integers and
//     timestamps are not turned into floats or local times on the way.
//
// It does not decide what a task's state should be, compute values, or render
// rows. It does not promise that the file can be read while a writer holds it:
// readers get a published snapshot, or ask the process that holds it.
package store
