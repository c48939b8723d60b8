package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestFindListsExecutablesByName(t *testing.T) {
	t.Parallel()
	dir := install(t, "zeta", "alpha", "rocket-pool_2")
	for name, mode := range map[string]os.FileMode{"README.md": 0o644, ".hidden": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("alpha", filepath.Join(dir, "beta")); err != nil {
		t.Fatal(err)
	}
	found, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range found {
		names = append(names, b.Name)
		if len(b.SHA256) != 64 || b.SHA256 != found[0].SHA256 || filepath.Base(b.Path) != b.Name {
			t.Errorf("found %+v", b)
		}
	}
	if got, want := strings.Join(names, " "), "alpha beta rocket-pool_2 zeta"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

func TestFindNamesWhatMustNotBeUsedAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	outside := install(t, "elsewhere")
	for name, test := range map[string]struct {
		spoil func(dir string) error
		says  string
	}{
		"a binary everybody can write": {func(dir string) error {
			// A copy: the mode of a linked file is that of all its names.
			if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("x"), 0o755); err != nil {
				return err
			}
			return os.Chmod(filepath.Join(dir, "bad"), 0o757)
		}, "can be written by everybody"},
		"a link that leads outside": {func(dir string) error {
			return os.Symlink(filepath.Join(outside, "elsewhere"), filepath.Join(dir, "bad"))
		}, "outside the plugin directory"},
		"a link that leads nowhere": {func(dir string) error {
			return os.Symlink("nowhere", filepath.Join(dir, "bad"))
		}, "cannot follow it"},
		"an unusable name": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "bad name"), []byte("x"), 0o755)
		}, "is no name for a plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := install(t, "good")
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			found, err := Find(dir)
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "plugin bad") {
				t.Errorf("error is %v", err)
			}
			if sdk.KindOf(err) != sdk.KindConfig {
				t.Errorf("kind is %s", sdk.KindOf(err))
			}
			if len(found) != 1 || found[0].Name != "good" {
				t.Errorf("found %v beside it", found)
			}
		})
	}
}

func TestFindExplainsAnUnusableDirectory(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for dir, says := range map[string]string{
		filepath.Join(t.TempDir(), "plugins"): "run `make build`, or set plugins.dir",
		testBinary:                            "is a file",
		open:                                  "run chmod o-w",
	} {
		if _, err := Find(dir); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), says) {
			t.Errorf("Find(%s): %v", dir, err)
		}
	}
}
