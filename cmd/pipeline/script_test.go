package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata and README.md")

// TestStories runs testdata/script. Each story has both chains to itself, at
// $ETHEREUM_URL and $SOLANA_URL, and the plugins at $PLUGINS. $YESTERDAY is a day.
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
			env.Setenv("YESTERDAY", time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly))
			env.Setenv("SECRET", chaintest.Secret)
			env.Values["net"] = net
			env.Values["asked"] = make(chan chan struct{}, 1)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"silence": silence,
			"await":   await,
			"poke":    poke,
			"cut":     cut,
			"migrate": migrate,
			"slash":   slash,
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
func silence(ts *testscript.TestScript, neg bool, _ []string) {
	net := ts.Value("net").(*chaintest.Net)
	if net.Heal(); neg {
		return
	}
	net.SpoilEthereum("", chaintest.Silent)
	net.SpoilSolana("", chaintest.Silent)
	asked := make(chan struct{})
	net.OnRequest(1, func() { close(asked) })
	ts.Value("asked").(chan chan struct{}) <- asked
}

// await waits for the first request since silence.
func await(ts *testscript.TestScript, _ bool, _ []string) {
	asked := <-ts.Value("asked").(chan chan struct{})
	select {
	case <-asked:
	case <-time.After(time.Minute):
		ts.Fatalf("no request came within a minute")
	}
}

// slash takes a part of Rocket Pool's ether from a day on: slash DATE BPS.
func slash(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: slash DATE BPS")
	}
	day, err := time.Parse(time.DateOnly, args[0])
	ts.Check(err)
	bps, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Value("net").(*chaintest.Net).Ethereum.SlashRocketPool(day, bps)
}

// poke overwrites bytes of a file: poke FILE OFFSET HEX.
func poke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: poke FILE OFFSET HEX")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	data, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(data, offset)
	ts.Check(errors.Join(err, f.Close()))
}

// cut shortens a file: cut FILE BYTES.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
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
