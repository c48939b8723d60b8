package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/wire"
)

// parentPoll is how often a plugin looks whether its host still lives.
const parentPoll = 500 * time.Millisecond

// Main is the main function of a plugin. It does not return.
func Main(f sdk.Fetcher) {
	if len(os.Args) > 1 || os.Getenv(wire.MagicCookieKey) != wire.MagicCookieValue {
		os.Exit(tool(f, os.Args[1:], os.Stdout, os.Stderr))
	}
	go exitWithParent(os.Getppid(), os.Getppid, parentPoll, os.Exit)
	// go-plugin replaces os.Stderr; only a handler made before that writes to the
	// standard error the host reads. The host filters by level.
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	servePlugin(f)
	os.Exit(0)
}

// tool answers a person who started the plugin by hand, and returns the exit
// code.
func tool(f sdk.Fetcher, args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 {
		switch args[0] {
		case "describe":
			if err := describe(f, stdout); err != nil {
				fmt.Fprintf(stderr, "describe: %v\n", err)
				return 1
			}
			return 0
		case "version":
			d := f.Describe()
			fmt.Fprintln(stdout, d.Name, d.Version)
			return 0
		}
	}
	fmt.Fprintf(stderr, `This is a plugin of lst-pipeline. The pipeline starts it; on its own it can
only say what it is:

  %[1]s describe   what it reads, as JSON
  %[1]s version    its name and version

To use it, put it into the plugin directory of the pipeline (plugins.dir in the
configuration) and run: pipeline plugin list
`, os.Args[0])
	return 1
}

// describe writes the description as JSON with the names of plugin.proto.
func describe(f sdk.Fetcher, w io.Writer) error {
	m := wire.ToDescription(f.Describe())
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	// protojson varies its white space on purpose; people and diffs want it stable.
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(w)
	return err
}

// exitWithParent ends the process once its parent is no longer the one it
// started with: an orphan is given to another process. It is the first of two
// lines of defence; on Linux the host also asks the kernel to kill the plugin.
func exitWithParent(parent int, getppid func() int, every time.Duration, exit func(int)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for range tick.C {
		if getppid() != parent {
			exit(1)
			return
		}
	}
}
