package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// start serves a verb beside a database in a folder short enough for a socket.
func start(t *testing.T, run Verb) (db string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	db = filepath.Join(dir, "w.duckdb")
	ln, err := Listen(db)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, run)
	return db
}

func serve(t *testing.T, ln net.Listener, run Verb) {
	t.Helper()
	server := &http.Server{Handler: Handler(run)}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
}

func TestAVerbIsDoneByTheDaemonAsIfItWereDoneHere(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	db := start(t, func(_ context.Context, args []string, stdout, stderr io.Writer) (int, error) {
		fmt.Fprintf(stderr, "%q\n", args)
		<-heard // progress arrives while the verb goes on
		_, err := stdout.Write([]byte{0xff, 0, '\n'})
		return 3, errors.Join(err, errors.New("not complete"))
	})
	var out bytes.Buffer
	told := writer(func(p []byte) error {
		if string(p) == "[\"run\" \"a b\"]\n" {
			close(heard)
		}
		return nil
	})
	code, message, err := Call(t.Context(), db, []string{"run", "a b"}, &out, told)
	if err != nil || code != 3 || message != "not complete" || out.String() != "\xff\x00\n" {
		t.Errorf("%d %q %q %v", code, message, out.String(), err)
	}
}

func TestWhoStopsWaitingStopsTheVerb(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	db := start(t, func(ctx context.Context, _ []string, _, _ io.Writer) (int, error) {
		cancel()
		<-ctx.Done()
		close(stopped)
		return 130, ctx.Err()
	})
	if _, _, err := Call(ctx, db, nil, io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-stopped
}

func TestADaemonThatDiesIsNoAnswer(t *testing.T) {
	t.Parallel()
	db := start(t, func(context.Context, []string, io.Writer, io.Writer) (int, error) {
		panic(http.ErrAbortHandler)
	})
	if _, _, err := Call(t.Context(), db, nil, io.Discard, io.Discard); err == nil {
		t.Error("an answer without an end is taken for done")
	}
}

func TestOnlyTheUserCanOpenTheSocket(t *testing.T) {
	t.Parallel()
	answers := func(code int) Verb {
		return func(context.Context, []string, io.Writer, io.Writer) (int, error) { return code, nil }
	}
	db := start(t, answers(1))
	info, err := os.Stat(Path(db))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Fatalf("%v %v", info, err)
	}
	// One that was left is replaced, as is one that was being made when its daemon was
	// killed, and nothing else is left in the folder.
	if err := os.Mkdir(making(db), 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(db)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, answers(2))
	if code, _, err := Call(t.Context(), db, nil, io.Discard, io.Discard); err != nil || code != 2 {
		t.Errorf("%d %v", code, err)
	}
	if files, err := os.ReadDir(filepath.Dir(db)); err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}
	if err := os.Mkdir(making(db), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Remove(db); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(filepath.Dir(db)); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
	if _, _, err := Call(t.Context(), db, nil, io.Discard, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a daemon: %v", err)
	}
}

func TestAPathTooLongForASocketIsTold(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(filepath.Join(dir, "w.duckdb")); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}
