package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
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
	out.wrapped(bold, "", headline(d, len(warnings)), o.width())
	if d.Empty() {
		for _, s := range emptyAdvice {
			out.wrapped(plain, "", s, o.width())
		}
		return out.flush(w)
	}
	if err := out.flush(w); err != nil {
		return err
	}
	if err := leagueTable(w, d.league(), o); err != nil {
		return err
	}
	out.wrapped(dim, "", "Realised past figures, not a forecast and not advice. `pipeline query league --explain` defines them.", o.width())
	for _, warn := range warnings {
		out.wrapped(yellow, "! ", warn.Subject+"  "+warn.Text, o.width())
	}
	return out.flush(w)
}

func headline(d *Data, warnings int) string {
	known := "latest"
	if !d.KnownAt.IsZero() {
		known = minute(d.KnownAt)
	}
	return fmt.Sprintf("LIQUID STAKING  as of %s  window %dd  known-at %s  %s",
		minute(d.AsOf), d.Window, known, plural(warnings, "warning", "warnings"))
}

// legend names the chains, routes and marks that the table uses.
func (l league) legend() string {
	var chains, routes []string
	for _, c := range l.chains {
		chains = append(chains, chainOf(c.rows[0])+"="+c.chain)
		for _, r := range c.rows {
			if route, ok := r.text("exit100_route"); ok && !slices.Contains(routes, routeLetter(route)+"="+route) {
				routes = append(routes, routeLetter(route)+"="+route)
			}
		}
	}
	return strings.Join(append(append(chains, routes...), "kept/said=take rate, real and stated", "◆=on-chain", "◇=derived", "△=published or API", "✎=manual"), "  ")
}

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

// wrapped breaks a text at spaces; following lines are indented below it.
func (p *painter) wrapped(s style, prefix, text string, width int) {
	indent := strings.Repeat(" ", runes(prefix))
	line := prefix
	for _, word := range strings.Split(text, " ") {
		if runes(line)+1+runes(word) > width && line != prefix && line != indent {
			p.line(s, strings.TrimRight(line, " "))
			line = indent
		}
		if line != prefix && line != indent {
			line += " "
		}
		line += word
	}
	p.line(s, strings.TrimRight(line, " "))
}

func (p *painter) flush(w io.Writer) error {
	_, err := p.buf.WriteTo(w)
	return err
}

// runes is the width of a text; all characters the report uses are one column wide.
func runes(s string) int { return utf8.RuneCountInString(s) }
