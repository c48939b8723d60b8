package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Widths a text report can have.
const (
	MinWidth     = 80
	DefaultWidth = 100
	MaxWidth     = 160
)

// TextOptions say how a text report looks.
type TextOptions struct {
	Width int  // columns; 0 is DefaultWidth
	Color bool // ANSI colours; the report reads the same without
}

func (o TextOptions) width() int {
	if o.Width == 0 {
		return DefaultWidth
	}
	return o.Width
}

// Text writes the terminal report: one line on what is looked at, the league, and
// the warnings last, one a line.
func Text(w io.Writer, d *Data, o TextOptions) error {
	warnings := d.Warnings()
	out := &painter{color: o.Color}
	out.wrapped(bold, headline(d, len(warnings)), "  ", o.width())
	if d.Empty() {
		for _, s := range emptyAdvice {
			out.wrapped(plain, strings.Fields(s), " ", o.width())
		}
		return out.flush(w)
	}
	if err := out.flush(w); err != nil {
		return err
	}
	if err := leagueTable(w, d.league(), o); err != nil {
		return err
	}
	out.wrapped(dim, strings.Fields(disclaimer), " ", o.width())
	for _, warn := range warnings {
		out.line(yellow, cut("! "+warn.Subject+"  "+warn.Text, o.width()))
	}
	return out.flush(w)
}

func headline(d *Data, warnings int) []string {
	known := "latest"
	if !d.KnownAt.IsZero() {
		known = minute(d.KnownAt)
	}
	return []string{
		"LIQUID STAKING", "as of " + minute(d.AsOf), fmt.Sprintf("window %dd", d.Window), "known-at " + known,
		plural(warnings, "warning", "warnings"),
	}
}

const disclaimer = "Realised past figures, no forecast, no advice. `pipeline query league --explain` defines them."

var emptyAdvice = []string{
	"This warehouse holds nothing yet: no token was read and no task is on the books.",
	"`pipeline run` reads what is due now; `pipeline demo` fills a demo from recordings without a network; `pipeline status` shows what is missing and why.",
}

// styles of a line; their codes are the basic ANSI ones, so that they follow the
// colours of the terminal.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	yellow style = "\x1b[33m"
	reset        = "\x1b[0m"
)

// painter collects lines, with colours or without.
type painter struct {
	color bool
	buf   bytes.Buffer
}

func (p *painter) line(s style, text string) {
	if p.color && s != plain {
		text = string(s) + text + reset
	}
	p.buf.WriteString(text)
	p.buf.WriteByte('\n')
}

// cut keeps a text on one line; where it goes on stands a …
func cut(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	return strings.TrimRight(string(r[:width-1]), " ") + "…"
}

// wrapped writes parts with a gap between them and breaks lines only there.
func (p *painter) wrapped(s style, parts []string, gap string, width int) {
	line := parts[0]
	for _, part := range parts[1:] {
		if runes(line)+runes(gap)+runes(part) > width {
			p.line(s, line)
			line = part
		} else {
			line += gap + part
		}
	}
	p.line(s, line)
}

func (p *painter) flush(w io.Writer) error {
	_, err := p.buf.WriteTo(w)
	return err
}

// runes is the width of a text; all characters the report uses are one column wide.
func runes(s string) int { return utf8.RuneCountInString(s) }
