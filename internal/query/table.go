package query

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// narrowest is how far a column of prose is wrapped at most, in columns.
const narrowest = 20

// grid is a result as the cells of a table for people.
type grid struct {
	heads   []string
	columns []table.ColumnConfig
	prose   []int // width of each column that can be wrapped, 0 of the others
	cells   [][]string
}

func newGrid(r *Result) *grid {
	g := &grid{columns: make([]table.ColumnConfig, len(r.Columns)), prose: make([]int, len(r.Columns))}
	for i, c := range r.Columns {
		g.heads = append(g.heads, visible(c.Name))
		g.columns[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignLeft, AlignHeader: text.AlignLeft}
		if isNumeric(c.Type) {
			g.columns[i].Align, g.columns[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	for _, row := range r.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cellOf(v, r.Columns[i].Type)
			if strings.Contains(cells[i], " ") {
				g.prose[i] = max(g.prose[i], text.LongestLineLen(cells[i]))
			}
		}
		g.cells = append(g.cells, cells)
	}
	return g
}

func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	return t
}

// table has its heads and cells each as change makes them.
func (g *grid) table(head, cell func(string) string) table.Writer {
	t := newTable()
	t.SetColumnConfigs(g.columns)
	line := func(texts []string, change func(string) string) table.Row {
		row := make(table.Row, len(texts))
		for i, s := range texts {
			row[i] = change(s)
		}
		return row
	}
	t.AppendHeader(line(g.heads, head))
	for _, cells := range g.cells {
		t.AppendRow(line(cells, cell))
	}
	return t
}

func same(s string) string { return s }

// renderTable writes a table that is too wide with its heads broken, then with its
// longest prose wrapped, and where that is not enough as one record a row.
func renderTable(w io.Writer, r *Result, width int) error {
	g := newGrid(r)
	out := g.table(same, same).Render()
	if width > 0 && text.LongestLineLen(out) > width {
		out = g.narrow(width)
	}
	_, err := fmt.Fprintln(w, out)
	return err
}

func (g *grid) narrow(width int) string {
	broken := g.table(func(s string) string { return strings.ReplaceAll(s, "_", "_\n") }, same)
	out := broken.Render()
	over := text.LongestLineLen(out) - width
	if over <= 0 {
		return out
	}
	widest := 0
	for i, n := range g.prose {
		if n > g.prose[widest] {
			widest = i
		}
	}
	if room := g.prose[widest] - over; room >= narrowest {
		g.columns[widest].WidthMax, g.columns[widest].WidthMaxEnforcer = room, text.WrapSoft
		broken.SetColumnConfigs(g.columns)
		return broken.Render()
	}
	return g.records(width)
}

// records writes every row as lines of name and value.
func (g *grid) records(width int) string {
	if len(g.cells) == 0 {
		return "no rows"
	}
	names := 0
	for _, h := range g.heads {
		names = max(names, text.LongestLineLen(h))
	}
	const rules = len("| name | value |") - len("namevalue")
	t := newTable()
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: max(narrowest, width-names-rules), WidthMaxEnforcer: text.WrapSoft}})
	for _, cells := range g.cells {
		for i, h := range g.heads {
			t.AppendRow(table.Row{h, cells[i]})
		}
		t.AppendSeparator()
	}
	return t.Render()
}

func renderMarkdown(w io.Writer, r *Result) error {
	t := newGrid(r).table(same, func(s string) string { return strings.ReplaceAll(s, "<", "&lt;") }) // which would pass HTML on
	_, err := fmt.Fprintln(w, t.RenderMarkdown())
	return err
}

// cellOf is a value for people.
func cellOf(v any, duckType string) string {
	if v == nil {
		return "—"
	}
	s := visible(textOf(v, duckType))
	if digits, negative := strings.CutPrefix(s, "-"); negative && isNumeric(duckType) {
		return "\u2212" + digits
	}
	return s
}

// visible makes a text from a chain or a typed query harmless on a terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\u202e' || r == '\u202d' {
			return '\uFFFD'
		}
		return r
	}, s)
}
