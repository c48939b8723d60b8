package query

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats lists what Render can write.
func Formats() []string { return []string{"table", "csv", "json", "markdown"} }

// Render writes a result in one of Formats.
//
//	table     for people; unknown is —, numbers stand right with a real minus (U+2212),
//	          control characters are shown, not sent to the terminal. What does not
//	          fit into width columns is wrapped or written as one record a row.
//	csv       RFC 4180 with a header line; unknown is an empty field
//	json      an array of objects with their keys in column order. Numbers are JSON
//	          numbers with all their digits, whatever their size: read them with a
//	          decoder that keeps digits. Unknown is null, and so are NaN and infinities,
//	          which JSON does not have. Two columns of one name get _2, _3.
//	markdown  a pipe table of the same cells
//
// Times are ISO 8601 in UTC, dates are dates. A width of 0 is no limit; only the
// table has one.
func Render(w io.Writer, r *Result, format string, width int) error {
	switch format {
	case "table":
		return renderTable(w, r, width)
	case "markdown":
		return renderMarkdown(w, r)
	case "csv":
		return renderCSV(w, r)
	case "json":
		return renderJSON(w, r)
	}
	return fmt.Errorf("unknown output format %q; there are: %s", format, strings.Join(Formats(), ", "))
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
