package host

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// A socket's path may have 103 bytes on every Unix. Below the base directory it
// is /h<10>/plugin-dir<10>/plugin<10>.
const (
	maxSocketPath = 103
	socketSuffix  = 1 + 11 + 1 + 20 + 1 + 16
)

// runDir is the private directory of one host, inside a base directory that
// hosts of one user share. A lock held while the host lives tells which private
// directories are left over from hosts that were killed.
type runDir struct {
	path string
	lock *flock.Flock
}

// defaultBase is short, because a socket's path must be.
func defaultBase() string {
	name := fmt.Sprintf("lst-pipeline-%d", os.Getuid())
	base := filepath.Join(os.TempDir(), name)
	if len(base)+socketSuffix > maxSocketPath {
		base = filepath.Join("/tmp", name)
	}
	return base
}

// openRunDir makes a private directory in base and removes those of dead hosts.
func openRunDir(base string) (*runDir, error) {
	if len(base)+socketSuffix > maxSocketPath {
		return nil, sdk.Errorf(sdk.KindConfig, "run directory %s has a path of %d bytes; sockets in it allow %d: choose a shorter one", base, len(base), maxSocketPath-socketSuffix)
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "run directory: %w", err)
	}
	if err := checkOwned(base); err != nil {
		return nil, err
	}
	// While this is held no other host can be between making its directory and
	// locking it.
	door := flock.New(filepath.Join(base, "lock"))
	if err := door.Lock(); err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "run directory: %w", err)
	}
	defer door.Close()
	sweep(base)
	path, err := os.MkdirTemp(base, "h")
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "run directory: %w", err)
	}
	d := &runDir{path: path, lock: flock.New(filepath.Join(path, "lock"))}
	if err := d.lock.Lock(); err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "run directory: %w", err)
	}
	return d, nil
}

func (d *runDir) close() error {
	if err := os.RemoveAll(d.path); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	return d.lock.Close()
}

// sweep removes the directories whose host is gone. What it cannot remove does
// no harm, so errors are passed over.
func sweep(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), "h") {
			continue
		}
		path := filepath.Join(base, entry.Name())
		lock := flock.New(filepath.Join(path, "lock"))
		if free, err := lock.TryLock(); err == nil && free {
			_ = os.RemoveAll(path)
		}
		_ = lock.Close()
	}
}

// checkOwned refuses a directory somebody else prepared, as anybody may in /tmp.
func checkOwned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return sdk.Errorf(sdk.KindConfig, "run directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 || info.Mode()&fs.ModeSymlink != 0 {
		return sdk.Errorf(sdk.KindConfig, "run directory %s must be a folder of yours that only you can write: remove it or choose another", dir)
	}
	return nil
}
