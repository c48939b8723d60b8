package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// errNoWarehouse says that there is nothing to read yet.
var errNoWarehouse = errors.New("no warehouse")

// openReader opens the warehouse for reading: the live file, or, while another
// process holds it, the newest published copy. A person is told that it is a copy,
// how old it is, and why.
func (a *app) openReader(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	if _, err := os.Stat(cfg.Database); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s yet: `pipeline run` fills it (or `pipeline demo` the demo)", errNoWarehouse, cfg.Database)
	}
	db, err := store.OpenReadOnly(ctx, cfg.Database)
	var held *store.HeldError
	if !errors.As(err, &held) || cfg.Publish.Dir == "" {
		return db, err
	}
	copied, copyErr := store.OpenReadOnly(ctx, filepath.Join(cfg.Publish.Dir, store.LatestSnapshot))
	if copyErr != nil {
		return nil, errors.Join(err, fmt.Errorf("and there is no published copy to read instead: %w", copyErr))
	}
	if !a.quiet {
		old := "of unknown age"
		if m, err := store.ReadManifest(copied.Path() + ".json"); err == nil {
			old = "published " + age(time.Since(m.PublishedAt)) + " ago"
		}
		fmt.Fprintf(a.stderr, "reading the copy %s, %s: %s holds %s\n", copied.Path(), old, held.Holder(), held.Path)
	}
	return copied, nil
}
