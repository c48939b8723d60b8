// Package control carries verbs of the command line to the daemon that holds the
// warehouse, and its answer back. The way is a Unix socket beside the database file
// that only the daemon's user can open, so it needs no password; it is none of the
// daemon's HTTP listener.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// Path is the socket of the daemon that holds the warehouse at db.
func Path(db string) string { return db + ".sock" }

// making is the folder in which the socket gets its mode. Its name is known, so that
// what a killed daemon has left there is found.
func making(db string) string { return filepath.Join(filepath.Dir(db), "."+filepath.Base(db)+".s") }

// Listen opens the socket for the process that holds the warehouse at db. One that a
// dead daemon left is replaced. Closing the listener leaves the file; see Remove.
func Listen(db string) (net.Listener, error) {
	// It gets its name when its mode is right: nobody else can open it even for a moment.
	private := making(db)
	if err := errors.Join(os.RemoveAll(private), os.Mkdir(private, 0o700)); err != nil {
		return nil, fmt.Errorf("make the socket %s: %w", Path(db), err)
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make the socket %s: %w; its path may be too long for one (about 100 characters)", Path(db), err)
	}
	ln.SetUnlinkOnClose(false)
	if err = errors.Join(os.Chmod(made, 0o600), os.Rename(made, Path(db))); err != nil {
		return nil, errors.Join(fmt.Errorf("make the socket %s: %w", Path(db), err), ln.Close())
	}
	return ln, nil
}

// Remove takes the socket away, or what a killed daemon has left of it. It is for the
// process that holds the warehouse at db.
func Remove(db string) error { return errors.Join(os.RemoveAll(Path(db)), os.RemoveAll(making(db))) }

// Verb does what the arguments of a command line ask for, until ctx is done. It
// returns the exit code, and the error that explains one that is not 0.
type Verb func(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, err error)

// request is the one question of the protocol.
type request struct {
	Args []string `json:"args"`
}

// frame is one line of the answer: a piece of output, or at last the end.
type frame struct {
	Out []byte `json:"out,omitempty"`
	Err []byte `json:"err,omitempty"`
	End *end   `json:"end,omitempty"`
}

type end struct {
	Code  int    `json:"code"`
	Error string `json:"error,omitempty"`
}

// Handler runs a verb for each request and streams what it prints.
func Handler(run Verb) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /verb", func(w http.ResponseWriter, r *http.Request) {
		var asked request
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
			http.Error(w, "the request is no JSON object with args", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		s := &stream{to: json.NewEncoder(w), flush: http.NewResponseController(w)}
		code, err := run(r.Context(), asked.Args,
			writer(func(p []byte) error { return s.send(frame{Out: p}) }),
			writer(func(p []byte) error { return s.send(frame{Err: p}) }))
		last := end{Code: code}
		if err != nil {
			last.Error = err.Error()
		}
		_ = s.send(frame{End: &last}) // who asked may have gone
	})
	return mux
}

// stream sends frames one after the other.
type stream struct {
	mu    sync.Mutex
	to    *json.Encoder
	flush *http.ResponseController
}

func (s *stream) send(f frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.to.Encode(f); err != nil {
		return err
	}
	return s.flush.Flush()
}

type writer func(p []byte) error

func (w writer) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Call has the daemon that holds the warehouse at db do a verb, and writes what it
// prints as it comes. message explains a code that is not 0. An error means that no
// daemon took the verb, that it went away before the end, or that ctx is done, which
// also stops the verb.
func Call(ctx context.Context, db string, args []string, stdout, stderr io.Writer) (code int, message string, err error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", Path(db))
		},
	}}
	body, err := json.Marshal(request{args})
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemon/verb", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("ask the daemon: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, "", fmt.Errorf("ask the daemon: it answers %s; it may be another version", resp.Status)
	}
	for in := json.NewDecoder(resp.Body); ; {
		var f frame
		if err := in.Decode(&f); err != nil {
			return 0, "", fmt.Errorf("the daemon went away before the end: %w", errors.Join(ctx.Err(), err))
		}
		if f.End != nil {
			return f.End.Code, f.End.Error, nil
		}
		_, outErr := stdout.Write(f.Out)
		_, errErr := stderr.Write(f.Err)
		if err := errors.Join(outErr, errErr); err != nil {
			return 0, "", err
		}
	}
}
