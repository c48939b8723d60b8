package host

import (
	"fmt"
	"strings"
)

// Error says what went wrong with a plugin. Its class is that of Err (see
// sdk.KindOf): sdk.KindInternal when the plugin crashed or misbehaved,
// sdk.KindTransient when it ran out of time, and the plugin's own class when it
// answered with an error.
type Error struct {
	Plugin string
	Op     string // find | start | describe | fetch
	// Reason is why the process ended, empty while it lives.
	Reason string
	// Stderr is up to 50 of its last lines on standard error.
	Stderr []string
	Err    error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugin %s: %s: %v", e.Plugin, e.Op, e.Err)
	if e.Reason != "" {
		fmt.Fprintf(&b, " (%s)", e.Reason)
		if words := lastWords(e.Stderr); words != "" {
			fmt.Fprintf(&b, "; it last said: %s", words)
		}
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// lastWords picks the one line that tells most: the start of a panic, otherwise
// the last.
func lastWords(lines []string) string {
	last := ""
	for _, line := range lines {
		if isPanic(line) {
			return line
		}
		if strings.TrimSpace(line) != "" {
			last = line
		}
	}
	return last
}

func isPanic(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}
