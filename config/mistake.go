package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// mistake is one thing wrong with a configuration.
type mistake struct {
	at   place
	path string // dotted; empty for the file as a whole
	text string
}

// report makes one error of all mistakes, in the order of the file, each with its
// place and the source around it. It returns nil for none.
func report(name string, source []byte, found []mistake) error {
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.col, b.at.col), cmp.Compare(a.text, b.text))
	})
	found = slices.Compact(found)
	lines := strings.Split(strings.ReplaceAll(string(source), "\r\n", "\n"), "\n")
	hidden := hide(lines)

	var b strings.Builder
	if len(found) == 1 {
		fmt.Fprintf(&b, "%s has a mistake", name)
	} else {
		fmt.Fprintf(&b, "%s has %d mistakes", name, len(found))
	}
	for _, m := range found {
		fmt.Fprintf(&b, "\n\n%s:%d:%d: ", name, m.at.line, m.at.col)
		if m.path != "" {
			fmt.Fprintf(&b, "%s: ", m.path)
		}
		b.WriteString(m.text)
		excerpt(&b, lines, hidden, m.at)
	}
	return &sdk.Error{Kind: sdk.KindConfig, Err: errors.New(b.String())}
}

// maxShown is how much of a long line an excerpt shows.
const maxShown = 100

// excerpt writes the line of a mistake, the one before it, and a caret.
func excerpt(b *strings.Builder, lines, hidden []string, at place) {
	if at.line < 1 || at.line > len(lines) {
		return
	}
	if at.line > 1 && strings.TrimSpace(hidden[at.line-2]) != "" {
		fmt.Fprintf(b, "\n  %4d | %s", at.line-1, shorten(hidden[at.line-2]))
	}
	fmt.Fprintf(b, "\n> %4d | %s", at.line, shorten(hidden[at.line-1]))
	// What is hidden stands behind the key, so a caret beyond it points at the
	// first star.
	col := min(at.col-1, utf8.RuneCountInString(hidden[at.line-1]), maxShown)
	if shown := commonPrefix(lines[at.line-1], hidden[at.line-1]); lines[at.line-1] != hidden[at.line-1] {
		col = min(col, shown)
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string([]rune(hidden[at.line-1])[:max(col, 0)]))
	fmt.Fprintf(b, "\n       | %s^", pad)
}

func shorten(line string) string {
	if runes := []rune(line); len(runes) > maxShown {
		return string(runes[:maxShown]) + " …"
	}
	return line
}

// commonPrefix is the number of runes two texts begin with together.
func commonPrefix(a, b string) int {
	x, y := []rune(a), []rune(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}

var (
	address   = regexp.MustCompile(`(?i)\b(https?|wss?|ftp)://[^\s"',}\]]+`)
	secretKey = regexp.MustCompile(`(?i)(?:^|[\s{,"'])[a-z0-9_-]*(?:url|webhook|headers|key|token|secret|passw|auth|bearer|credential|cookie)[a-z0-9_-]*["']?\s*:\s+`)
	reference = regexp.MustCompile(`^\{\s*(env|file)\s*:[^{}]*\}`)
	comment   = regexp.MustCompile(`^\s*#`)
)

// hide returns the lines with everything masked that may be a secret. It works on
// the text alone, because it must also work on YAML that cannot be parsed, and
// rather masks too much.
func hide(lines []string) []string {
	hidden := make([]string, len(lines))
	inside := -1 // indentation of the key whose block of secrets this line may be in
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " \t-"))
		if inside >= 0 && strings.TrimSpace(line) != "" && indent <= inside {
			inside = -1
		}
		switch {
		case comment.MatchString(line):
			hidden[i] = address.ReplaceAllString(line, "$1://"+stars)
			continue
		case inside >= 0:
			hidden[i] = hideValue(line)
			continue
		}
		hidden[i] = hideLine(line)
		if block.MatchString(line) {
			inside = indent
		}
	}
	return hidden
}

// block begins a map or a multi-line text of secrets.
var block = regexp.MustCompile(`(?i)["']?(headers|url|webhook)["']?\s*:\s*([|>][-+0-9]*)?\s*(#.*)?$`)

// hideLine masks what follows a key that sounds like a secret, to the end of the
// line, and every address.
func hideLine(line string) string {
	for from := 0; ; {
		key := secretKey.FindStringIndex(line[from:])
		if key == nil {
			break
		}
		from += key[1]
		if rest := line[from:]; reference.MatchString(rest) {
			from += len(reference.FindString(rest)) // the name of a variable or file is no secret
		} else if rest != "" && rest[0] != '#' {
			return line[:from] + stars
		} else {
			break
		}
	}
	return address.ReplaceAllString(line, "$1://"+stars)
}

var value = regexp.MustCompile(`^(\s*(?:- +)?["']?[A-Za-z0-9_.-]+["']?\s*:\s+)(\S.*)$`)

// hideValue masks a line inside a block of secrets, but for its key.
func hideValue(line string) string {
	if m := value.FindStringSubmatch(line); m != nil {
		if k := strings.TrimSpace(m[1]); k == "env:" || k == "file:" || reference.MatchString(m[2]) {
			return line
		}
		return m[1] + stars
	}
	trimmed := strings.TrimLeft(line, " \t")
	if trimmed == "" || strings.HasSuffix(strings.TrimSpace(trimmed), ":") {
		return line
	}
	return line[:len(line)-len(trimmed)] + stars
}
