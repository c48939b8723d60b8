package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Binary is a plugin's executable as it was found.
type Binary struct {
	Name   string // the file name, and what the plugin must call itself
	Path   string // absolute
	SHA256 string // hex
}

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// Find lists the plugins of a directory, sorted by name: its executable regular
// files, and symbolic links that stay inside it. Hidden files, folders and files
// that are not executable are passed over.
//
// An executable that must not be used (world-writable, a link that leads
// outside, an unusable name) is an *Error; the binaries returned beside it are
// good. A directory that is missing or world-writable is an error of kind config.
func Find(dir string) ([]Binary, error) {
	root, err := filepath.Abs(dir)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin directory %s does not exist: run `make build`, or set plugins.dir in the configuration", dir)
	}
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin directory %s: %w", dir, err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin directory %s: %w", dir, err)
	}
	if !info.IsDir() {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin directory %s is a file: set plugins.dir to the folder that holds the plugins", dir)
	}
	if isWorldWritable(info) {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin directory %s can be written by everybody: run chmod o-w on it", dir)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin directory %s: %w", dir, err)
	}
	var found []Binary
	var bad []error
	for _, entry := range entries { // sorted by name
		b, err := examine(root, entry.Name())
		switch {
		case err != nil:
			bad = append(bad, &Error{Plugin: entry.Name(), Op: "find", Err: err})
		case b != nil:
			found = append(found, *b)
		}
	}
	return found, errors.Join(bad...)
}

// examine gives the plugin at dir/name, or nil if that is no plugin.
func examine(dir, name string) (*Binary, error) {
	if strings.HasPrefix(name, ".") {
		return nil, nil
	}
	path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "cannot follow it: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "cannot look at it: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return nil, nil
	}
	if inside, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(inside) {
		return nil, sdk.Errorf(sdk.KindConfig, "%s is a link to %s, outside the plugin directory: copy the file instead", filepath.Join(dir, name), path)
	}
	if !nameRule.MatchString(name) {
		return nil, sdk.Errorf(sdk.KindConfig, "%s is no name for a plugin: use lower-case letters, digits, - and _, starting with a letter", filepath.Join(dir, name))
	}
	if isWorldWritable(info) {
		return nil, sdk.Errorf(sdk.KindConfig, "%s can be written by everybody: run chmod o-w on it", path)
	}
	sum, err := fileSHA256(path)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "cannot read it: %w", err)
	}
	return &Binary{Name: name, Path: filepath.Join(dir, name), SHA256: sum}, nil
}

func isWorldWritable(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// fileSHA256 uses a new hash every time. go-plugin's SecureConfig keeps one, so
// that its second check fails; and with a runner of our own it has no path to
// check.
func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// verify compares the file with what Find saw.
func (b Binary) verify() error {
	sum, err := fileSHA256(b.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return sdk.Errorf(sdk.KindConfig, "%s is gone: run `make build`, or set plugins.dir in the configuration", b.Path)
	}
	if err != nil {
		return sdk.Errorf(sdk.KindConfig, "cannot read its binary: %w", err)
	}
	if sum != b.SHA256 {
		return sdk.Errorf(sdk.KindIdentity, "%s has changed since it was found (SHA-256 %.12s…, expected %.12s…): if you replaced it on purpose, start again", b.Path, sum, b.SHA256)
	}
	return nil
}
