package report

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

// JSON writes everything the report holds, for machines: each answer with its
// question, methodology version and bound parameters, numbers with all digits.
func JSON(w io.Writer, d *Data) error {
	type answer struct {
		Question    string            `json:"question"`
		Methodology int               `json:"methodology"`
		Params      map[string]string `json:"params"`
		Rows        json.RawMessage   `json:"rows"`
	}
	doc := struct {
		AsOf     time.Time         `json:"as_of"`
		KnownAt  *time.Time        `json:"known_at"` // null: everything known
		MadeAt   time.Time         `json:"made_at"`
		Window   int               `json:"window_days"`
		Warnings []Warning         `json:"warnings"`
		Answers  map[string]answer `json:"answers"`
	}{d.AsOf, nil, d.MadeAt, d.Window, d.Warnings(), map[string]answer{}}
	if !d.KnownAt.IsZero() {
		known := d.KnownAt.UTC()
		doc.KnownAt = &known
	}
	if doc.Warnings == nil {
		doc.Warnings = []Warning{}
	}
	for name, a := range d.Answers {
		var rows bytes.Buffer
		if err := query.Render(&rows, a.Result, "json", 0); err != nil {
			return err
		}
		doc.Answers[name] = answer{a.Question, a.Methodology, a.Bound, rows.Bytes()}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
