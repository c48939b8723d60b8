package query

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Named is one file of sql/queries.
type Named struct {
	Name     string // the file's name without .sql
	Question string // what it answers, one sentence
	Columns  []ColumnDoc
	Params   []Param
	Caveats  []string
	// Methodology is the version of the definitions the query follows. It rises
	// when a figure under the same name would come out differently.
	Methodology int
	SQL         string // the whole file, header included
}

// ColumnDoc describes a column of the answer, in order.
type ColumnDoc struct{ Name, Unit, Doc string }

// Param is a value the query takes as $name.
type Param struct {
	Name    string
	Default string // "now", "now-30d", "latest", a number, a date or a text
	Doc     string
}

// Find returns the query of that name; the error lists the names there are.
func Find(all []Named, name string) (Named, error) {
	names := make([]string, 0, len(all))
	for _, n := range all {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return Named{}, fmt.Errorf("no query is named %q; there are: %s", name, strings.Join(names, ", "))
}

// List reads every query of the folder "queries" of files (of files itself when it
// has no such folder), in name order. All faults of all files come in one error.
func List(files fs.FS) ([]Named, error) {
	if info, err := fs.Stat(files, "queries"); err == nil && info.IsDir() {
		sub, err := fs.Sub(files, "queries")
		if err != nil {
			return nil, fmt.Errorf("list queries: %w", err)
		}
		files = sub
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list queries: %w", err)
	}
	sort.Strings(names)
	var all []Named
	var faults []error
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			faults = append(faults, fmt.Errorf("read query %s: %w", name, err))
			continue
		}
		n, err := Parse(strings.TrimSuffix(path.Base(name), ".sql"), string(text))
		if err != nil {
			faults = append(faults, fmt.Errorf("query %s: %w", name, err))
			continue
		}
		all = append(all, n)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return all, nil
}

// Parse reads one query file. The header is the block of comment lines it starts
// with, each "-- key: value":
//
//	-- name: league                          the file's name
//	-- question: Which token ...?            one sentence
//	-- column: token | text | symbol         name | unit | what it is; one line each, in order
//	-- param: window | 30 | days             name | default | what it is; none if it takes none
//	-- caveat: ...                           one line each, at least one
//	-- methodology: 1                        version of the definitions
//
// A line without a key continues the one before it. Every field but param is
// required; every parameter must be used and every $name declared.
func Parse(stem, text string) (Named, error) {
	n := Named{SQL: text}
	var faults []error
	for _, f := range header(text) {
		if err := n.field(f.key, f.value); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", f.line, err))
		}
	}
	if n.Name == "" {
		faults = append(faults, errors.New("the header has no name"))
	} else if n.Name != stem {
		faults = append(faults, fmt.Errorf("the header names it %q, the file %q", n.Name, stem))
	}
	if n.Question == "" {
		faults = append(faults, errors.New("the header has no question"))
	}
	if len(n.Columns) == 0 {
		faults = append(faults, errors.New("the header has no column"))
	}
	if len(n.Caveats) == 0 {
		faults = append(faults, errors.New("the header has no caveat"))
	}
	if n.Methodology == 0 {
		faults = append(faults, errors.New("the header has no methodology"))
	}
	faults = append(faults, n.checkParams()...)
	if err := errors.Join(faults...); err != nil {
		return Named{}, err
	}
	return n, nil
}

type headerField struct {
	key, value string
	line       int
}

func header(text string) []headerField {
	var fields []headerField
	lines := bufio.NewScanner(strings.NewReader(text))
	for line := 1; lines.Scan(); line++ {
		rest, ok := strings.CutPrefix(lines.Text(), "--")
		if !ok {
			break
		}
		rest = strings.TrimSpace(rest)
		key, value, ok := strings.Cut(rest, ":")
		if ok && isName(key) {
			fields = append(fields, headerField{key, strings.TrimSpace(value), line})
		} else if len(fields) > 0 {
			fields[len(fields)-1].value += " " + rest
		}
	}
	return fields
}

func (n *Named) field(key, value string) error {
	if value == "" {
		return fmt.Errorf("%s is empty", key)
	}
	switch key {
	case "name":
		if n.Name != "" {
			return errors.New("a second name")
		}
		n.Name = value
	case "question":
		if n.Question != "" {
			return errors.New("a second question")
		}
		n.Question = value
	case "column":
		p, err := three(value)
		if err != nil {
			return fmt.Errorf("column: %w", err)
		}
		if slices.ContainsFunc(n.Columns, func(c ColumnDoc) bool { return c.Name == p[0] }) {
			return fmt.Errorf("column %s is declared twice", p[0])
		}
		n.Columns = append(n.Columns, ColumnDoc{p[0], p[1], p[2]})
	case "param":
		p, err := three(value)
		if err != nil {
			return fmt.Errorf("param: %w", err)
		}
		if !isName(p[0]) {
			return fmt.Errorf("param %q: a name is lower-case letters, digits and _", p[0])
		}
		if slices.ContainsFunc(n.Params, func(q Param) bool { return q.Name == p[0] }) {
			return fmt.Errorf("param %s is declared twice", p[0])
		}
		n.Params = append(n.Params, Param{p[0], p[1], p[2]})
	case "caveat":
		n.Caveats = append(n.Caveats, value)
	case "methodology":
		v, err := strconv.Atoi(value)
		if err != nil || v < 1 {
			return fmt.Errorf("methodology %q is not a version number from 1", value)
		}
		n.Methodology = v
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

func (n *Named) checkParams() []error {
	used := placeholders(n.SQL)
	var faults []error
	for _, p := range n.Params {
		if !slices.Contains(used, p.Name) {
			faults = append(faults, fmt.Errorf("param %s is declared but not used", p.Name))
		}
	}
	for _, u := range used {
		if !slices.ContainsFunc(n.Params, func(p Param) bool { return p.Name == u }) {
			faults = append(faults, fmt.Errorf("$%s is used but not declared", u))
		}
	}
	return faults
}

// three splits "a | b | c"; all parts are required.
func three(value string) ([3]string, error) {
	parts := strings.SplitN(value, "|", 3)
	if len(parts) != 3 {
		return [3]string{}, fmt.Errorf("%q is not of the form: name | %s", value, "unit or default | description")
	}
	var p [3]string
	for i := range parts {
		if p[i] = strings.TrimSpace(parts[i]); p[i] == "" {
			return [3]string{}, fmt.Errorf("%q has an empty part", value)
		}
	}
	return p, nil
}

func isName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
