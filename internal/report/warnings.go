package report

import (
	"fmt"
	"strings"
	"time"
)

// A Warning is one thing a reader must know before using the figures.
type Warning struct {
	Kind    string `json:"kind"`    // stale, frozen, sunset, restated, suspect, quarantined, coverage
	Subject string `json:"subject"` // a symbol, or a plugin and its chain
	Text    string `json:"text"`    // one sentence, without the subject
}

// Warnings are the rows of the query warnings as sentences, and the jobs whose
// newest tick is not complete.
func (d *Data) Warnings() []Warning {
	var list []Warning
	for _, r := range d.rows("warnings") {
		kind := r.textOr("kind", "")
		list = append(list, Warning{Kind: kind, Subject: r.textOr("subject", unknown), Text: sentence(kind, r)})
	}
	for _, r := range d.rows("coverage") {
		grid := r.textOr("grid", "")
		if grid == "" || complete(grid[len(grid)-1]) {
			continue
		}
		text := "newest tick " + tickWord(grid[len(grid)-1])
		if e, ok := r.text("last_error"); ok {
			text += ": " + e
		}
		list = append(list, Warning{Kind: "coverage", Subject: r.textOr("plugin", "") + " on " + r.textOr("chain", ""), Text: text})
	}
	return list
}

func sentence(kind string, r row) string {
	since := unknown
	if t, ok := r.moment("since"); ok {
		since = t.UTC().Format(time.DateOnly)
	}
	n, _ := r.number("rows_affected")
	detail := r.textOr("detail", unknown)
	switch kind {
	case "frozen":
		return "redemption rate unchanged since " + since + "; excluded from the ranking, yield withheld"
	case "stale":
		return "not read since " + since + "; excluded from the ranking, yield withheld"
	case "sunset":
		return "the protocol has ended; excluded from the ranking"
	case "restated":
		return fmt.Sprintf("%s corrected after first stored (%s)", plural(int(n), "value was", "values were"), detail)
	case "definition":
		return "break on " + since + ": computed by a new definition from then on (" + detail + ")"
	case "suspect":
		return fmt.Sprintf("%s suspect and not used for rates (%s)", plural(int(n), "value is", "values are"), detail)
	case "quarantined":
		return fmt.Sprintf("%s in quarantine since %s, refused by %s", plural(int(n), "reading is", "readings are"), since, detail)
	}
	return detail
}

// complete reports whether the character of the grid says that the tick has its rows.
func complete(c byte) bool { return strings.IndexByte("#lr", c) >= 0 }

// tickWord says what a character of the query coverage's grid means.
func tickWord(c byte) string {
	switch c {
	case '#':
		return "complete"
	case 'l':
		return "late"
	case 'r':
		return "restated"
	case '~':
		return "partial"
	case 'x':
		return "failed"
	case 'q':
		return "quarantined"
	case 'u':
		return "unrecoverable"
	case '.':
		return "due"
	case '>':
		return "running"
	case '-':
		return "superseded"
	}
	return "unknown"
}
