package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes `pipeline` a command that tests can start as a real process, with
// the real plugins in the folder beside it, as `make build` does it.
func TestMain(m *testing.M) {
	testscript.Main(withPlugins{m}, map[string]func(){"pipeline": main})
}

// withPlugins builds the plugins once, before the tests run.
type withPlugins struct{ *testing.M }

func (m withPlugins) Run() int {
	dir, err := pluginDir()
	if err == nil {
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+string(filepath.Separator), "./plugins/...")
		build.Dir = filepath.Join("..", "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the plugins:", err)
		return 1
	}
	// Most of the time tests wait for processes, which wait for hostile chains.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	return m.M.Run()
}

// pluginDir is the folder of the plugins beside the command.
func pluginDir() (string, error) {
	pipeline, err := exec.LookPath("pipeline")
	return filepath.Join(filepath.Dir(pipeline), "plugins"), err
}
