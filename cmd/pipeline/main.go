// Command pipeline reads what liquid staking protocols hold, take and pay, keeps
// it in one DuckDB file, and answers questions about it.
//
// This package is flags and wiring only: one short file a verb. Everything it
// does is done by the packages below internal/.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments, so that tests can call it.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if code, ok := runHidden(args, stderr); ok {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	cmd, err := root.ExecuteContextC(ctx)
	if !started { // cobra's own errors: no such verb, too many arguments
		err = withCode(exitUsage, err)
	}
	if held, ok := errors.AsType[*store.HeldError](err); ok && taken(cmd) {
		err = a.handOver(ctx, held, args)
	}
	code := exitCode(err)
	switch {
	case err == nil:
	case code == exitInterrupted:
		fmt.Fprintln(stderr, "stopped; run the same command again to go on where it was")
	default:
		fmt.Fprintf(stderr, "pipeline: %v\n", err)
	}
	return code
}
