package query

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Formats lists what Render can write.
func Formats() []string { return []string{"table", "csv", "json", "markdown"} }

// Render writes a result in one of Formats.
//
//	table     for people; unknown is —, numbers stand right, control characters
//	          are shown, not sent to the terminal
//	csv       RFC 4180 with a header line; unknown is an empty field
//	json      an array of objects with their keys in column order. Numbers are JSON
//	          numbers with all their digits, whatever their size: read them with a
//	          decoder that keeps digits. Unknown is null, and so are NaN and infinities,
//	          which JSON does not have. Two columns of one name get _2, _3.
//	markdown  a pipe table
//
// Times are ISO 8601 in UTC, dates are dates.
func Render(w io.Writer, r *Result, format string) error {
	switch format {
	case "table", "markdown":
		return renderTable(w, r, format)
	case "csv":
		return renderCSV(w, r)
	case "json":
		return renderJSON(w, r)
	}
	return fmt.Errorf("unknown output format %q; there are: %s", format, strings.Join(Formats(), ", "))
}

func renderTable(w io.Writer, r *Result, format string) error {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	head := make(table.Row, len(r.Columns))
	configs := make([]table.ColumnConfig, len(r.Columns))
	for i, c := range r.Columns {
		head[i] = visible(c.Name)
		configs[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignLeft, AlignHeader: text.AlignLeft}
		if isNumeric(c.Type) {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(head)
	for _, row := range r.Rows {
		cells := make(table.Row, len(row))
		for i, v := range row {
			if v == nil {
				cells[i] = "—"
				continue
			}
			cells[i] = visible(textOf(v, r.Columns[i].Type))
			if format == "markdown" { // which would pass HTML on
				cells[i] = strings.ReplaceAll(cells[i].(string), "<", "&lt;")
			}
		}
		t.AppendRow(cells)
	}
	out := t.Render
	if format == "markdown" {
		out = t.RenderMarkdown
	}
	_, err := fmt.Fprintln(w, out())
	return err
}

func renderCSV(w io.Writer, r *Result) error {
	out := csv.NewWriter(w)
	line := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		line[i] = c.Name
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for _, row := range r.Rows {
		for i, v := range row {
			line[i] = ""
			if v != nil {
				line[i] = textOf(v, r.Columns[i].Type)
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func renderJSON(w io.Writer, r *Result) error {
	keys := make([][]byte, len(r.Columns))
	seen := map[string]int{}
	for i, c := range r.Columns {
		seen[c.Name]++
		name := c.Name
		if n := seen[c.Name]; n > 1 {
			name = fmt.Sprintf("%s_%d", c.Name, n)
		}
		key, err := json.Marshal(name)
		if err != nil {
			return fmt.Errorf("render column %s: %w", c.Name, err)
		}
		keys[i] = key
	}
	var out bytes.Buffer
	out.WriteString("[")
	for n, row := range r.Rows {
		if n > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n  {")
		for i, v := range row {
			if i > 0 {
				out.WriteString(", ")
			}
			out.Write(keys[i])
			out.WriteString(": ")
			if err := writeJSON(&out, v, r.Columns[i].Type); err != nil {
				return fmt.Errorf("render column %s: %w", r.Columns[i].Name, err)
			}
		}
		out.WriteString("}")
		if out.Len() > 1<<16 {
			if _, err := out.WriteTo(w); err != nil {
				return err
			}
		}
	}
	if len(r.Rows) > 0 {
		out.WriteString("\n")
	}
	out.WriteString("]\n")
	_, err := out.WriteTo(w)
	return err
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
