// Package sql holds everything a database sees, as files: migrations, views and
// macros, named queries, and the SQL tests. It promises the files only; the store
// applies them, and internal/query runs the named ones.
package sql

import (
	"embed"
	"io/fs"
)

//go:embed */*.sql
var files embed.FS

// FS returns all files, by folder: migrations, views, queries, tests. A folder
// without SQL files does not exist in it.
func FS() fs.FS { return files }
