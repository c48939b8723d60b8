// Demorec makes the recordings that `pipeline demo` replays.
//
// The numbers of the demo were read from public repositories, not from a node, so
// there is nothing to record. Demorec builds it: it derives the moments the
// numbers belong to, serves each from a node in memory that knows these numbers
// and nothing else, and lets the real plugins read it through the real gateway
// while that records. What no source holds is answered as absent, so that the demo
// shows it as unknown.
//
//	go run ./tools/demorec -from ../shared/data    derive the numbers, then record
//	go run ./tools/demorec                         record demo/moments.json again
//
// The second form needs no sources; use it after a change of what a plugin asks.
// Both need the plugins in bin/plugins (make build). The same input gives the same
// bytes.
//
// It does not check that a source was right, and it asks no network.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

// Files below the folder of the demo.
const (
	momentsFile    = "moments.json"
	manifestFile   = "manifest.json"
	provenanceFile = "PROVENANCE.md"
	recordingsDir  = "recordings"
)

func main() {
	from := flag.String("from", "", "folder with the recorded sources; without it the numbers come from moments.json")
	to := flag.String("to", "demo", "folder of the demo")
	plugins := flag.String("plugins", filepath.Join("bin", "plugins"), "folder with the built plugins")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *from, *to, *plugins); err != nil {
		fmt.Fprintln(os.Stderr, "demorec:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, from, to, plugins string) (err error) {
	var b book
	if from != "" {
		b, err = derive(os.DirFS(from))
	} else {
		b, err = readBook(filepath.Join(to, momentsFile))
	}
	if err != nil {
		return err
	}
	// Recordings merge with what is there, so they are made beside the old ones.
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(to, ".recordings-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := record(ctx, b, plugins, fresh); err != nil {
		return err
	}
	files, err := b.files()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
			return err
		}
	}
	final := filepath.Join(to, recordingsDir)
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	if err := os.Rename(fresh, final); err != nil {
		return err
	}
	return os.Chmod(final, 0o755)
}
