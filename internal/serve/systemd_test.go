package serve

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
)

// Not parallel: systemd speaks through the environment.
func TestSystemdIsToldThroughItsSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "sd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "n"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "n"))
	t.Setenv("WATCHDOG_USEC", strconv.Itoa(100_000))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))

	opened := make(chan struct{}, 2)
	reload := make(chan struct{})
	d := New(Options{
		Warehouse: &warehouse{}, Reload: reload, Log: slog.New(slog.DiscardHandler),
		Open: func(context.Context) (*Generation, error) {
			opened <- struct{}{}
			return generation(hourly("state", work(func(context.Context) (ingest.Summary, error) { return ingest.Summary{}, nil }))), nil
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()

	next := func() string {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 256)
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	var said []string
	hear := func(until string) {
		t.Helper()
		for {
			s := next()
			if len(said) == 0 || said[len(said)-1] != s {
				said = append(said, s)
			}
			if s == until {
				return
			}
		}
	}
	hear("READY=1\nSTATUS=1 jobs")
	hear("WATCHDOG=1")
	reload <- struct{}{}
	hear("RELOADING=1")
	hear("READY=1\nSTATUS=1 jobs")
	stop()
	hear("STOPPING=1")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var states []string
	for _, s := range said {
		if s != "WATCHDOG=1" { // how many is a matter of time
			states = append(states, s)
		}
	}
	if diff := cmp.Diff([]string{"READY=1\nSTATUS=1 jobs", "RELOADING=1", "READY=1\nSTATUS=1 jobs", "STOPPING=1"}, states); diff != "" {
		t.Error(diff)
	}
}
