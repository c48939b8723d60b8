package host

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/time/rate"
)

// An Error carries the last lines of a plugin, each cut.
const (
	tailLines = 50
	tailBytes = 1 << 10
)

// A plugin may log in bursts; what is more than linesPerSecond for long is
// counted and dropped, so that one plugin cannot drown the log of all.
const (
	linesPerSecond = 200
	lineBurst      = 2000
)

// tail keeps the last lines a plugin printed.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = slices.Delete(t.lines, 0, 1)
	}
	t.lines = append(t.lines, shorten(line, tailBytes))
}

func (t *tail) get() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}

// lineLog is a writer that logs each line written to it. Lines in the JSON of
// slog or hclog keep their level and attributes; any other line is logged as it
// is. go-plugin's own parser is not used: it panics on a line such as
// {"@message": 1}.
type lineLog struct {
	logger *slog.Logger
	tail   *tail
	level  slog.Level // of lines that name none
	max    int        // longer lines are cut
	limit  *rate.Limiter

	mu      sync.Mutex
	line    []byte
	cut     bool
	inPanic bool
	dropped int
}

func newLineLog(logger *slog.Logger, tail *tail, level slog.Level, maxLine int) *lineLog {
	return &lineLog{logger: logger, tail: tail, level: level, max: maxLine, limit: rate.NewLimiter(linesPerSecond, lineBurst)}
}

// Write implements io.Writer. It never fails: a plugin must not be able to block
// itself by logging.
func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		if room := l.max - len(l.line); len(part) > room {
			part, l.cut = part[:room], true
		}
		l.line = append(l.line, part...)
		if ended {
			l.emit()
		}
		rest = after
	}
	return len(p), nil
}

// flush logs an unfinished line and the number of dropped ones.
func (l *lineLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.emit()
	}
	l.reportDropped()
}

func (l *lineLog) emit() {
	line, cut := strings.TrimRight(printable(string(l.line)), " "), l.cut
	raw := l.line
	defer func() { l.line, l.cut = l.line[:0], false }()
	if line == "" {
		return
	}
	if cut {
		line += " … (line cut)"
	}
	if !l.limit.Allow() {
		l.tail.add(line)
		l.dropped++
		return
	}
	l.reportDropped()
	if !cut {
		if level, msg, attrs, ok := parseLine(raw, l.level); ok {
			l.tail.add(plain(level, msg, attrs))
			l.logger.LogAttrs(context.Background(), level, msg, attrs...)
			return
		}
	}
	l.tail.add(line)
	l.inPanic = l.inPanic || isPanic(line)
	level := l.level
	if l.inPanic {
		level = slog.LevelError
	}
	l.logger.LogAttrs(context.Background(), level, line)
}

func (l *lineLog) reportDropped() {
	if l.dropped > 0 {
		l.logger.Warn("plugin floods its log; lines were dropped", "dropped", l.dropped)
		l.dropped = 0
	}
}

// parseLine reads a JSON log line of slog or hclog.
func parseLine(line []byte, level slog.Level) (slog.Level, string, []slog.Attr, bool) {
	if !bytes.HasPrefix(line, []byte{'{'}) {
		return 0, "", nil, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber() // integers beyond 2^53 stay exact
	var fields map[string]any
	if d.Decode(&fields) != nil || d.More() {
		return 0, "", nil, false
	}
	msg, ok := firstText(fields, slog.MessageKey, "@message")
	if !ok {
		return 0, "", nil, false
	}
	if name, ok := firstText(fields, slog.LevelKey, "@level"); ok {
		if strings.EqualFold(name, "trace") {
			name = "debug"
		}
		var parsed slog.Level
		if parsed.UnmarshalText([]byte(name)) == nil {
			level = parsed
		}
	}
	keys := make([]string, 0, len(fields))
	for k := range fields {
		switch k {
		case slog.MessageKey, slog.LevelKey, slog.TimeKey, "@message", "@level", "@timestamp":
		default:
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	attrs := make([]slog.Attr, len(keys))
	for i, k := range keys {
		value := fields[k]
		if text, ok := value.(string); ok {
			value = printable(text)
		}
		if k == pluginKey { // the host alone says who is speaking
			k = "said_" + pluginKey
		}
		attrs[i] = slog.Any(printable(k), value)
	}
	return level, printable(msg), attrs, true
}

// plain is a log line as a person would write it.
func plain(level slog.Level, msg string, attrs []slog.Attr) string {
	var b strings.Builder
	b.WriteString(level.String() + " " + msg)
	for _, a := range attrs {
		b.WriteString(" " + a.String())
	}
	return b.String()
}

func firstText(fields map[string]any, keys ...string) (string, bool) {
	for _, k := range keys {
		if text, ok := fields[k].(string); ok {
			return text, true
		}
	}
	return "", false
}

// printable keeps a plugin from writing escape sequences to somebody's terminal.
// Newlines and tabs, as in a stack, become visible marks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == '\n':
			return '⏎'
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
