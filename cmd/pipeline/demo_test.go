package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// demoSite is a folder in which the README's commands can be run as they stand,
// with a data folder of its own.
type demoSite struct{ dir string }

// firstDemo runs `pipeline demo` once for all tests, because it takes long, and
// keeps what it printed and the warehouse it made.
var firstDemo = sync.OnceValues(func() (demoRun, error) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return demoRun{}, err
	}
	defer os.RemoveAll(dir)
	s := demoSite{dir}
	if err := s.link(); err != nil {
		return demoRun{}, err
	}
	printed, err := s.try("bin/pipeline demo -q")
	if err != nil {
		return demoRun{}, err
	}
	warehouse, err := os.ReadFile(s.database())
	return demoRun{printed, warehouse}, err
})

type demoRun struct {
	printed   string
	warehouse []byte
}

// newDemoSite makes a site that has the demo's warehouse, and returns what the demo
// printed.
func newDemoSite(t *testing.T) (s demoSite, printed string) {
	t.Helper()
	demo, err := firstDemo()
	if err != nil {
		t.Fatal(err)
	}
	s = demoSite{t.TempDir()}
	if err := s.link(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Dir(s.database()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.database(), demo.warehouse, 0o644); err != nil {
		t.Fatal(err)
	}
	return s, demo.printed
}

// database is the path of the site's warehouse, as config/demo.yaml says.
func (s demoSite) database() string { return filepath.Join(s.dir, "data", "demo.duckdb") }

// link puts the repository's folders, and the binaries under test, into the site.
func (s demoSite) link() error {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	pipeline, err := exec.LookPath("pipeline")
	if err != nil {
		return err
	}
	for from, to := range map[string]string{
		filepath.Dir(pipeline): "bin", filepath.Join(root, "config"): "config", filepath.Join(root, "demo"): "demo",
	} {
		if err := os.Symlink(from, filepath.Join(s.dir, to)); err != nil {
			return err
		}
	}
	return nil
}

// sh runs a command line in the site and returns what it prints.
func (s demoSite) sh(t *testing.T, line string) (stdout string) {
	t.Helper()
	stdout, err := s.try(line)
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}

func (s demoSite) try(line string) (stdout string, err error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = s.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s\n%w\n%s%s", line, err, out, stderr.String())
	}
	return string(out), nil
}
