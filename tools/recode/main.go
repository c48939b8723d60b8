// Recode writes the series of plugins/history from recorded sources: it takes
// over the numbers and none of the files. The same sources give the same bytes.
//
// It refuses a source whose columns or rows are not of the form it knows, and
// counts whatever it leaves out in PROVENANCE.md, which it writes beside the
// series. It does not fetch anything.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	from := flag.String("from", "", "folder with the recorded sources (required)")
	to := flag.String("to", "plugins/history/data", "folder to write the series to")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "recode:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	if from == "" {
		return fmt.Errorf("say where the recorded sources are with -from")
	}
	files, err := recode(os.DirFS(from))
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
