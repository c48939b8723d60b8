package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// Render writes the evidence: for people as paragraphs ("table"), as one JSON
// object, or as rows of part, item and value ("csv", "markdown").
func Render(w io.Writer, e *Evidence, format string) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	case "table":
		part := ""
		for _, l := range e.lines() {
			if l.part != part {
				if part = l.part; part != "fact" {
					if _, err := fmt.Fprintf(w, "\n%s\n", clean(part)); err != nil {
						return err
					}
				}
			}
			if _, err := fmt.Fprintf(w, "  %-14s %s\n", clean(l.item), clean(l.value)); err != nil {
				return err
			}
		}
		return nil
	}
	res := &query.Result{Columns: []query.Column{{Name: "part", Type: "VARCHAR"}, {Name: "item", Type: "VARCHAR"}, {Name: "value", Type: "VARCHAR"}}}
	for _, l := range e.lines() {
		res.Rows = append(res.Rows, []any{l.part, l.item, l.value})
	}
	return query.Render(w, res, format, 0)
}

type line struct{ part, item, value string }

func (e *Evidence) lines() []line {
	var out []line
	part := "fact"
	add := func(item, value string) {
		if value != "" {
			out = append(out, line{part, item, value})
		}
	}
	f := e.Fact
	add("number", fmt.Sprintf("%s of %s = %s", f.Metric, f.Token, f.show()))
	add("so on chain at", moment(f.TS)+height(f.Height, f.Epoch))
	add("describes", moment(f.RefTS))
	add("quality", f.Quality)
	add("reason", f.Reason)
	add("basis", strings.TrimSpace(f.Basis+" "+f.Finality))
	add("uncertainty", uncertainty(f.Uncertainty))
	add("known since", moment(f.KnownAt))
	add("run", f.RunID)
	add("transform", f.Transform)
	for _, n := range e.Notes {
		add("note", n)
	}
	part = "how it was computed"
	for i, d := range e.Derivation {
		add(fmt.Sprintf("step %d", i+1), d)
	}
	part = "inputs"
	for _, in := range e.Inputs {
		add(string(in.Metric), fmt.Sprintf("%s at %s, %s, %s", in.show(), moment(in.TS), in.Quality, in.Transform))
	}
	part = "versions, oldest first"
	for i, v := range e.Versions {
		text := fmt.Sprintf("%s, known since %s, %s, run %s", v.show(), moment(v.KnownAt), v.Quality, v.RunID)
		if v.Reason != "" {
			text += ": " + v.Reason
		}
		add(strconv.Itoa(i+1), text)
	}
	for _, o := range e.Observations {
		part = fmt.Sprintf("observation %d", o.ID)
		add("metric", strings.TrimSpace(fmt.Sprintf("%s of %s %s", o.Metric, o.Token, o.Labels)))
		add("value", or(o.Value))
		add("divisor", o.Divisor)
		add("decimals", strconv.Itoa(int(o.Decimals)))
		add("quality", o.Quality)
		add("reason", o.Reason)
		add("method", o.Method)
		add("target", o.Target)
		add("field", o.Field)
		add("chain", string(o.Chain)+height(o.Height, 0))
		add("block hash", o.Hash)
		add("block time", strings.TrimSpace(moment(o.BlockTS)+" "+o.Finality))
		add("endpoint", cmp.Or(o.Endpoint, "none"))
		add("digest", cmp.Or(o.Digest, "none"))
		add("plugin", fmt.Sprintf("%s %s, sha256 %s", o.Plugin, o.PluginVersion, o.PluginSHA256))
		add("task", fmt.Sprintf("job %s, tick %s", o.Job, moment(o.Tick)))
		add("fetched", moment(o.FetchedAt))
		add("run", strings.TrimSpace(o.RunID+" "+o.Command))
		if v := o.Verdict; v != nil {
			text := "DIFFERENT"
			if v.Equal {
				text = "equal"
			}
			if v.Detail != "" {
				text += ": " + v.Detail
			}
			add("read again", text)
		}
	}
	return out
}

// show is the value with its unit and, for a price, its venue.
func (f Fact) show() string {
	text := or(f.Value)
	if f.Value != "" && !f.Exact {
		text += " (does not fit 18 decimals; the nearest double)"
	}
	text += " " + f.Unit
	if f.Venue != "" {
		text += " at " + f.Venue
	}
	return text
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func height(height, epoch uint64) string {
	text := ""
	if height > 0 {
		text += fmt.Sprintf(", height %d", height)
	}
	if epoch > 0 {
		text += fmt.Sprintf(", epoch %d", epoch)
	}
	return text
}

func uncertainty(u float64) string {
	if u == 0 {
		return "none"
	}
	return "± " + strconv.FormatFloat(u, 'g', -1, 64)
}

// clean keeps control characters of a chain's text from the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' || r == '\u202d' {
			return '\uFFFD'
		}
		return r
	}, s)
}
