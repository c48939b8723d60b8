package query

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A fact is one thing a reader must know about an answer: what it was asked.
type fact struct {
	name  string
	value any // string, float64 or int64, for machines
	kind  string
	words string // for people; empty: not worth saying
}

// facts are the parameters as they were bound and the methodology, the moment
// looked at first. That is as_of; of a query over a period it is the end, to.
func (n Named) facts(bound map[string]string) []fact {
	var list []fact
	for _, p := range n.Params {
		f := fact{name: p.Name, value: bound[p.Name], kind: "VARCHAR"}
		if f.name == "to" {
			f.name = "as_of"
		}
		f.words = strings.ReplaceAll(f.name, "_", " ") + " " + bound[p.Name]
		if _, ok := number(p.Default); ok {
			v, _ := number(bound[p.Name])
			f.value, f.kind = v, "DOUBLE"
			if p.Name == "window" {
				f.words += " d"
			}
		} else if isTime(p.Default) {
			exact, short := moments(bound[p.Name])
			f.value, f.words = exact, strings.ReplaceAll(f.name, "_", " ")+" "+short
			if f.name == "known_at" && exact == latest {
				f.words = ""
			}
		}
		if f.name == "as_of" {
			list = slices.Insert(list, 0, f)
		} else {
			list = append(list, f)
		}
	}
	return append(list, fact{"methodology", int64(n.Methodology), "BIGINT", fmt.Sprintf("methodology %d", n.Methodology)})
}

// latest is what a time parameter says for everything known.
const latest = "latest"

// moments writes a bound time exactly, as the parameter takes it back, and short,
// for people.
func moments(bound string) (exact, short string) {
	t, err := time.Parse(timeLayout, bound)
	if err != nil {
		return latest, latest // infinity
	}
	short = t.Format("2006-01-02 15:04Z")
	if t.Second() != 0 {
		short = t.Format("2006-01-02 15:04:05Z")
	}
	return formatTime(t, "TIMESTAMP"), short
}

// Heading is what stands above an answer for people: the query's name, the moment
// looked at, the other parameters and the version of the definitions.
func (n Named) Heading(bound map[string]string) string {
	parts := []string{n.Name}
	for _, f := range n.facts(bound) {
		if f.words != "" {
			parts = append(parts, f.words)
		}
	}
	return strings.Join(parts, "  ")
}

// Stamp is the answer with what it was asked in every row, for machines: after the
// query's own columns stand as_of, the other parameters and methodology, each
// unless the query has a column of that name.
func (n Named) Stamp(r *Result, bound map[string]string) *Result {
	out := &Result{Columns: slices.Clone(r.Columns), Rows: make([][]any, len(r.Rows))}
	var values []any
	for _, f := range n.facts(bound) {
		if slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Name == f.name }) {
			continue
		}
		out.Columns = append(out.Columns, Column{Name: f.name, Type: f.kind})
		values = append(values, f.value)
	}
	for i, row := range r.Rows {
		out.Rows[i] = append(slices.Clone(row), values...)
	}
	return out
}

// Render writes the answer of a named query: for people with its heading above and
// the marks it uses explained below, for machines stamped.
func (n Named) Render(w io.Writer, r *Result, bound map[string]string, format string, width int) error {
	if format != "table" && format != "markdown" {
		return Render(w, n.Stamp(r, bound), format, width)
	}
	gap := ""
	if format == "markdown" {
		gap = "\n" // a pipe table is a block of its own
	}
	if _, err := fmt.Fprintf(w, "%s\n%s", n.Heading(bound), gap); err != nil {
		return err
	}
	if err := Render(w, r, format, width); err != nil {
		return err
	}
	if marks := Marks(r); len(marks) > 0 {
		_, err := fmt.Fprintf(w, "%s%s\n", gap, MarkWords(marks, "  "))
		return err
	}
	return nil
}

// bases are the marks of how a figure came to be known, the best first.
var bases = []struct{ mark, words string }{
	{"◆", "on-chain"}, {"◇", "derived"}, {"△", "published or API"}, {"✎", "manual"},
}

// Marks lists the basis marks of an answer, the best basis first.
func Marks(r *Result) []string {
	i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == "basis" })
	if i < 0 {
		return nil
	}
	var marks []string
	for _, b := range bases {
		if slices.ContainsFunc(r.Rows, func(row []any) bool { return row[i] == b.mark }) {
			marks = append(marks, b.mark)
		}
	}
	return marks
}

// MarkWords explains basis marks, the best basis first.
func MarkWords(marks []string, between string) string {
	var words []string
	for _, b := range bases {
		if slices.Contains(marks, b.mark) {
			words = append(words, b.mark+" "+b.words)
		}
	}
	return strings.Join(words, between)
}
