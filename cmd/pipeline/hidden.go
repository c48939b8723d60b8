package main

import (
	"fmt"
	"io"
	"os"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// copySnapshotWord is the word that makes pipeline a child that copies the live
// file. The process that holds the warehouse must not read the file itself.
const copySnapshotWord = "copy-snapshot"

// runHidden runs what pipeline starts itself as a child process, never a person.
// It comes before everything else so that such a child loads nothing.
func runHidden(args []string, stderr io.Writer) (code int, ok bool) {
	if len(args) == 0 || args[0] != copySnapshotWord {
		return 0, false
	}
	if err := store.CopySnapshot(args[1:], os.Stdout); err != nil {
		fmt.Fprintf(stderr, "pipeline: %v\n", err)
		return exitFailure, true
	}
	return exitOK, true
}

// copyCommand is the command for store.PublishOptions.Copy: this program.
func copyCommand() ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to start it for copying: %w", err)
	}
	return []string{exe, copySnapshotWord}, nil
}
