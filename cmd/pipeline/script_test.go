package main

import (
	"context"
	"errors"
	"flag"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata and README.md")

// TestStories runs testdata/script. Each story has both chains to itself, at
// $ETHEREUM_URL and $SOLANA_URL, and the plugins at $PLUGINS.
func TestStories(t *testing.T) {
	t.Parallel()
	plugins, err := pluginDir()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			net := chaintest.Start(env.T().(testing.TB))
			env.Setenv("ETHEREUM_URL", net.EthereumURL)
			env.Setenv("SOLANA_URL", net.SolanaURL)
			env.Setenv("PLUGINS", plugins)
			env.Setenv("SECRET", chaintest.Secret)
			env.Values["net"] = net
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"silence": silence,
			"migrate": migrate,
		},
	})
}

// exits runs a command and compares its exit code: exits CODE COMMAND [ARG]...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG]...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// silence lets both chains take requests without an answer from now on, or with
// `! silence` answer again.
func silence(ts *testscript.TestScript, neg bool, args []string) {
	net := ts.Value("net").(*chaintest.Net)
	if net.Heal(); !neg {
		net.SpoilEthereum("", chaintest.Silent)
		net.SpoilSolana("", chaintest.Silent)
	}
}

// migrate pretends that a newer pipeline has migrated a warehouse:
// migrate DATABASE VERSION.
func migrate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: migrate DATABASE VERSION")
	}
	ctx := context.Background()
	s, err := store.Open(ctx, ts.MkAbs(args[0]), store.Options{})
	ts.Check(err)
	_, err = s.DB().ExecContext(ctx, `INSERT INTO schema_migration VALUES (?::BIGINT, current_timestamp::TIMESTAMP)`, args[1])
	ts.Check(errors.Join(err, s.Close()))
}
