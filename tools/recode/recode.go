package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// series says how one source becomes one file.
type series struct {
	file    string // chain/name.csv
	input   string // file in the folder of sources; empty where stated holds the rows
	source  string // short name, as the rows carry it
	licence string
	what    string   // what the numbers are and what was done to them
	columns []string // of the input, exactly
	rows    func(in map[string]string, t *table) error
	stated  []row // a few numbers that a source states in its text or tests
}

// table collects the rows of one file.
type table struct {
	rows    []row
	dropped map[string]int // reason → rows of the input left out
}

// row is one line of a series; the field order is the column order. Empty
// columns are not written.
type row struct {
	token, metric, time, refTime, value, divisor, height, epoch, quote, venue, quality, reason string
}

var columnNames = []string{"token", "metric", "time", "ref_time", "value", "divisor", "height", "epoch", "quote", "venue", "quality", "reason"}

func (r row) cells() []string {
	return []string{r.token, r.metric, r.time, r.refTime, r.value, r.divisor, r.height, r.epoch, r.quote, r.venue, r.quality, r.reason}
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

func (t *table) drop(reason string) { t.dropped[reason]++ }

// recode returns the files to write, by slash-separated name.
func recode(sources fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	var chapters []string
	for _, s := range all {
		text, t, err := s.load(sources)
		if err != nil {
			return nil, err
		}
		t.tidy()
		if files[s.file], err = s.write(t); err != nil {
			return nil, fmt.Errorf("%s: %w", s.file, err)
		}
		chapters = append(chapters, s.chapter(t, text, files[s.file]))
	}
	files[unknownFile] = []byte(unknownRows)
	chapters = append(chapters, unknownChapter)
	files["PROVENANCE.md"] = []byte(preface + strings.Join(chapters, ""))
	return files, nil
}

func (s series) load(sources fs.FS) ([]byte, *table, error) {
	if s.input == "" {
		return nil, &table{rows: slices.Clone(s.stated), dropped: map[string]int{}}, nil
	}
	text, err := fs.ReadFile(sources, s.input)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.read(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.input, err)
	}
	return text, t, nil
}

func (s series) read(text []byte) (*table, error) {
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 || !slices.Equal(lines[0], s.columns) {
		return nil, fmt.Errorf("its columns are not %v", s.columns)
	}
	t := &table{dropped: map[string]int{}}
	for i, line := range lines[1:] {
		in := map[string]string{}
		for c, name := range s.columns {
			in[name] = line[c]
		}
		if err := s.rows(in, t); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
	}
	return t, nil
}

// tidy sorts by series and time and leaves each row once: event logs hold
// reports twice and out of order.
func (t *table) tidy() {
	slices.SortStableFunc(t.rows, func(x, y row) int {
		return cmp.Or(
			cmp.Compare(x.token, y.token), cmp.Compare(x.metric, y.metric),
			cmp.Compare(x.quote, y.quote), cmp.Compare(x.venue, y.venue),
			cmp.Compare(x.time, y.time), cmp.Compare(x.value, y.value))
	})
	once := slices.Compact(t.rows)
	if n := len(t.rows) - len(once); n > 0 {
		t.dropped["the same row twice"] += n
	}
	t.rows = once
}

func (s series) write(t *table) ([]byte, error) {
	used := make([]bool, len(columnNames))
	for _, r := range t.rows {
		for i, cell := range r.cells() {
			used[i] = used[i] || cell != ""
		}
	}
	pick := func(cells []string) (picked []string) {
		for i, cell := range cells {
			if used[i] {
				picked = append(picked, cell)
			}
		}
		return picked
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# source: %s\n", s.source)
	w := csv.NewWriter(&out)
	if err := w.Write(pick(columnNames)); err != nil {
		return nil, err
	}
	for _, r := range t.rows {
		if err := w.Write(pick(r.cells())); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

const preface = `# Where the published series come from

Numbers that public repositories hold, re-encoded by ` + "`tools/recode`" + `; none of
their files is here. Made with

    go run ./tools/recode -from <folder of the recorded sources> -to plugins/history/data

Every row becomes one observation with the basis ` + "`published`" + `. Times are UTC.
A value keeps the digits its source printed, so the number of decimals says how
exact it is; a zero is added only where a source is known to round to more places
than it printed (a trailing zero it dropped), and the chapter says so. An empty
value is unknown, and its row says why.

`

// chapter describes one file for PROVENANCE.md.
func (s series) chapter(t *table, input, output []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.file, s.what)
	fmt.Fprintf(&b, "- source: %s; %s\n", s.source, s.licence)
	if s.input == "" {
		b.WriteString("- input: kept in `tools/recode`\n")
	} else {
		fmt.Fprintf(&b, "- input: `%s`, SHA-256 `%x`\n", s.input, sha256.Sum256(input))
	}
	fmt.Fprintf(&b, "- this file: %d rows, SHA-256 `%x`\n", len(t.rows), sha256.Sum256(output))
	reasons := make([]string, 0, len(t.dropped))
	for why := range t.dropped {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		fmt.Fprintf(&b, "- left out: %d (%s)\n", t.dropped[why], why)
	}
	b.WriteString("\n| token | metric | rows | from | to |\n|---|---|---|---|---|\n")
	for i := 0; i < len(t.rows); {
		first, n := t.rows[i], i
		same := func(r row) bool {
			return r.token == first.token && r.metric == first.metric && r.quote == first.quote && r.venue == first.venue
		}
		for n < len(t.rows) && same(t.rows[n]) {
			n++
		}
		metric := first.metric
		if first.quote != "" {
			metric += " in " + first.quote + " at " + first.venue
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", first.token, metric, n-i, first.time, t.rows[n-1].time)
		i = n
	}
	b.WriteString("\n")
	return b.String()
}

// utc rewrites an RFC 3339 time with any offset as UTC.
func utc(text string) (string, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", err
	}
	return t.UTC().Format(time.RFC3339), nil
}

// midnight is the start of a day given as YYYY-MM-DD.
func midnight(day string) (string, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "", err
	}
	return t.Format(time.RFC3339), nil
}

// plain checks that a value is printed as a plain decimal, without an exponent.
func plain(text string) error {
	if strings.Trim(text, "0123456789.") != "" || strings.Count(text, ".") > 1 || text == "" || text == "." {
		return fmt.Errorf("%q is not a plain decimal", text)
	}
	return nil
}

// pad gives a printed decimal at least that many decimals.
func pad(text string, places int) string {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) >= places {
		return text
	}
	return whole + "." + fraction + strings.Repeat("0", places-len(fraction))
}

// point places the decimal point into an integer of base units.
func point(integer string, decimals int) string {
	if len(integer) <= decimals {
		integer = strings.Repeat("0", decimals-len(integer)+1) + integer
	}
	at := len(integer) - decimals
	return integer[:at] + "." + integer[at:]
}
