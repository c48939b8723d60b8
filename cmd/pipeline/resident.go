package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/control"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// serveCommand is what the lock file of a daemon's warehouse says.
const serveCommand = "pipeline serve"

// verbStop is how long verbs may take to end when their generation ends.
const verbStop = 5 * time.Second

// taken reports whether the daemon does a verb for others while it holds the
// warehouse. Plain run is none of them: the daemon does what is due by itself.
func taken(cmd *cobra.Command) bool {
	switch cmd.CommandPath() {
	case "pipeline backfill", "pipeline quarantine release", "pipeline quarantine dismiss":
		return true
	case "pipeline run":
		retry, _ := cmd.Flags().GetBool("retry") // the flag is there
		return retry
	}
	return false
}

// handOver has the daemon that holds the warehouse do a verb, and prints its answer as
// if it had been done here.
func (a *app) handOver(ctx context.Context, held *store.HeldError, args []string) error {
	if held.Command != serveCommand {
		return held
	}
	if !a.quiet {
		fmt.Fprintf(a.stderr, "%s holds %s and does it, with its own configuration\n", held.Holder(), held.Path)
	}
	code, message, err := control.Call(ctx, held.Path, args, a.stdout, a.stderr)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return withCode(exitHeld, fmt.Errorf("warehouse %s is held by %s, and that did not do it: %w; to do it without the daemon: systemctl stop lst-pipeline, this command again, systemctl start lst-pipeline", held.Path, held.Holder(), err))
	case code == exitOK:
		return nil
	case code == exitInterrupted:
		return context.Canceled
	}
	return withCode(code, errors.New(message))
}

// resident is one generation of the daemon as the verbs see it that others have it do.
type resident struct {
	engine  *engine            // lends warehouse, gateway and plugin host
	changed func(runID string) // publishes and tells alerts, in the daemon's own time

	ctx   context.Context // until the generation ends
	stop  context.CancelFunc
	verbs sync.WaitGroup
}

// residents takes verbs for the newest generation of the daemon.
type residents struct {
	changed func(runID string)

	mu     sync.Mutex
	newest *resident // nil before the first and after the last generation
}

// open makes a generation the newest. The returned function ends it: its verbs are
// stopped, and what they have not read stays due.
func (rs *residents) open(e *engine) (end func() error) {
	r := &resident{engine: e, changed: rs.changed}
	r.ctx, r.stop = context.WithCancel(context.Background())
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.newest = r
	return func() error {
		rs.mu.Lock()
		if rs.newest == r {
			rs.newest = nil
		}
		rs.mu.Unlock()
		r.stop()
		ended := make(chan struct{})
		go func() { r.verbs.Wait(); close(ended) }()
		select {
		case <-ended:
			return nil
		case <-time.After(verbStop):
			return errors.New("a verb from the command line did not stop")
		}
	}
}

// verb is a control.Verb.
func (rs *residents) verb(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, err error) {
	rs.mu.Lock()
	r := rs.newest
	if r != nil {
		r.verbs.Add(1)
	}
	rs.mu.Unlock()
	if r == nil {
		return exitHeld, errors.New("the daemon is starting or stopping; try again in a moment")
	}
	defer r.verbs.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	r.engine.log.Info("a verb from the command line", "args", args)
	err = r.do(ctx, args, stdout, stderr)
	code = exitCode(err)
	r.engine.log.Info("a verb from the command line ended", "args", args, "code", code)
	return code, err
}

func (r *resident) do(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	stdin := strings.NewReader("")
	root := newRoot(&app{stdin: stdin, stdout: stdout, stderr: stderr, inside: r})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if !taken(cmd) {
			return withCode(exitUsage, fmt.Errorf("%s is nothing the daemon does for others", cmd.CommandPath()))
		}
		for _, name := range []string{"record", "replay"} {
			if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
				return withCode(exitUsage, fmt.Errorf("--%s needs endpoints of its own, and the daemon shares its own: stop it first", name))
			}
		}
		return nil
	}
	return root.ExecuteContext(ctx)
}

// listen takes verbs until the returned function is called. A daemon whose socket
// cannot be made does its jobs all the same.
func (rs *residents) listen(db string, warn func(msg string, args ...any)) (stop func() error) {
	ln, err := control.Listen(db)
	if err != nil {
		warn("while this daemon runs, verbs that write must wait for it to stop", "error", err)
		return func() error { return nil }
	}
	server := &http.Server{Handler: control.Handler(rs.verb), ReadHeaderTimeout: verbStop}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), verbStop)
		defer cancel()
		err := errors.Join(server.Shutdown(ctx), control.Remove(db))
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
}
