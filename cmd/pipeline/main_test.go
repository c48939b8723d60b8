package main

import (
	"database/sql"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes `pipeline` a command that tests can start as a real process, with
// the real plugins in the folder beside it, as `make build` does it, and `stranger`
// a command that opens a warehouse without asking.
func TestMain(m *testing.M) {
	testscript.Main(withPlugins{m}, map[string]func(){"pipeline": main, "stranger": stranger})
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

// stranger is a program that knows DuckDB and not the pipeline: it opens the file of
// its argument, says so, and lets go when its input ends.
func stranger() {
	db, err := sql.Open("duckdb", os.Args[1])
	if err == nil {
		err = db.Ping()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, "open")
	_, _ = io.Copy(io.Discard, os.Stdin) // until its end
	_ = db.Close()
}
