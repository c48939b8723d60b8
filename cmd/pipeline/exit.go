package main

import (
	"context"
	"errors"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Exit codes of pipeline. They are part of its interface (README, docs/cli.md).
const (
	exitOK          = 0
	exitFailure     = 1   // something went wrong; the message says what and what to do
	exitUsage       = 2   // a flag, argument or the configuration is wrong; nothing was done
	exitIncomplete  = 3   // done, but a task failed or something required is missing or stale
	exitHeld        = 4   // another process holds the warehouse
	exitInterrupted = 130 // stopped by Ctrl-C or SIGTERM; run it again to go on
)

// codedError carries an exit code with an error.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code, err}
}

// exitCode maps any error to the documented exit code.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, store.ErrHeld):
		return exitHeld
	case sdk.KindOf(err) == sdk.KindConfig:
		return exitUsage
	}
	return exitFailure
}
