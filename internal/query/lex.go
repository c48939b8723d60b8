package query

import (
	"slices"
	"strings"
)

// segments cuts SQL into stretches of code and of what is not code: strings,
// quoted names, comments and dollar-quoted strings. It follows DuckDB's lexer as
// far as telling the two apart needs.
func segments(sql string, visit func(part string, isCode bool)) {
	start := 0
	emit := func(end int, code bool) {
		if end > start {
			visit(sql[start:end], code)
		}
		start = end
	}
	for i := 0; i < len(sql); {
		n := opaque(sql[i:], i > 0 && isWord(sql[i-1]))
		if n == 0 {
			i++
			continue
		}
		emit(i, true)
		emit(i+n, false)
		i += n
	}
	emit(len(sql), true)
}

// opaque returns the length of the string, quoted name or comment that s begins
// with, 0 if it begins with code. inWord says that s continues a name, where a
// dollar sign quotes nothing.
func opaque(s string, inWord bool) int {
	switch {
	case s[0] == '\'', s[0] == '"':
		return quoted(s, s[0], false)
	case (s[0] == 'e' || s[0] == 'E') && !inWord && len(s) > 1 && s[1] == '\'':
		return 1 + quoted(s[1:], '\'', true)
	case strings.HasPrefix(s, "--"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return n + 1
		}
		return len(s)
	case strings.HasPrefix(s, "/*"):
		return blockComment(s)
	case s[0] == '$' && !inWord:
		return dollarQuoted(s)
	}
	return 0
}

// quoted returns the length of a quoted text, where a doubled quote stands for
// one and, with backslashes on, a backslash hides the next byte.
func quoted(s string, quote byte, backslashes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslashes && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// blockComment returns the length of a comment; comments nest.
func blockComment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// dollarQuoted returns the length of $tag$...$tag$, 0 if s is a placeholder.
func dollarQuoted(s string) int {
	end := 1
	for end < len(s) && isWord(s[end]) {
		end++
	}
	if end == len(s) || s[end] != '$' || end > 1 && s[1] >= '0' && s[1] <= '9' {
		return 0
	}
	tag := s[:end+1]
	if n := strings.Index(s[len(tag):], tag); n >= 0 {
		return len(tag) + n + len(tag)
	}
	return len(s)
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

// placeholders returns the names used as $name, each once, in order.
func placeholders(sql string) []string {
	var names []string
	replacePlaceholders(sql, func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return ""
	})
	return names
}

// replacePlaceholders puts with(name) in the place of every $name in the code of
// sql; strings, quoted names and comments stay as they are.
func replacePlaceholders(sql string, with func(name string) string) string {
	var out strings.Builder
	segments(sql, func(part string, isCode bool) {
		if !isCode {
			out.WriteString(part)
			return
		}
		for i := 0; i < len(part); {
			end := i + 1
			if part[i] == '$' && (i == 0 || !isWord(part[i-1])) {
				for end < len(part) && isWord(part[end]) {
					end++
				}
			}
			if end > i+1 {
				out.WriteString(with(part[i+1 : end]))
			} else {
				out.WriteByte(part[i])
			}
			i = end
		}
	})
	return out.String()
}
