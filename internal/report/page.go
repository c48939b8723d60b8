package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed templates/*
var files embed.FS

var (
	styleText  = mustRead("templates/page.css")
	scriptText = mustRead("templates/page.js")
	templates  = template.Must(template.New("").ParseFS(files, "templates/*.gohtml"))
)

// policy lets the page use its own style and script, by their hashes, and nothing
// else: no request leaves it.
var policy = strings.Join([]string{
	"default-src 'none'", "style-src " + hash(styleText), "script-src " + hash(scriptText),
	"img-src data:", "base-uri 'none'", "form-action 'none'",
}, "; ")

func mustRead(name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // embedded: only a wrong build gets here
	}
	return string(data)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// document is what the templates see.
type document struct {
	Data     *Data
	Policy   string // as a meta element; the dashboard sends it as a header
	Style    template.CSS
	Script   template.JS
	AsOf     string
	KnownAt  string
	MadeAt   string
	Empty    bool
	Advice   []string
	Tiles    []tile
	Warnings []Warning
	Sections []section
	Sources  table
	Queries  []offer
}

// A section is one tab of the page.
type section struct {
	ID, Title string
	Figures   []figure
}

// Page writes the report as one static HTML page: no request to anywhere, readable
// without script, with its content security policy as a meta element.
func Page(w io.Writer, d *Data) error { return render(w, d, policy) }

func render(w io.Writer, d *Data, metaPolicy string) error {
	doc := document{
		Data: d, Policy: metaPolicy,
		Style: template.CSS(styleText), Script: template.JS(scriptText), //nolint:gosec // our own files
		AsOf: minute(d.AsOf), KnownAt: "latest", MadeAt: minute(d.MadeAt),
		Empty: d.Empty(), Advice: emptyAdvice,
	}
	if !d.KnownAt.IsZero() {
		doc.KnownAt = minute(d.KnownAt)
	}
	if !doc.Empty {
		if err := doc.fill(d); err != nil {
			return fmt.Errorf("page: %w", err)
		}
	}
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, "page", doc); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	_, err := buf.WriteTo(w)
	return err
}

func (doc *document) fill(d *Data) error {
	doc.Tiles, doc.Warnings = d.tiles(), d.Warnings()
	for _, s := range []struct {
		id, title string
		views     []func() (figure, error)
	}{
		{"yield", "Yield", []func() (figure, error){d.leagueFigure, d.growthFigure}},
		{"price", "Price and exit", []func() (figure, error){d.premiumFigure, d.exitFigure}},
		{"fee", "Fees", []func() (figure, error){d.feesFigure}},
		{"tvl", "Growth", []func() (figure, error){d.flowFigure}},
		{"market", "Concentration", []func() (figure, error){d.shareFigure}},
		{"data", "Data", []func() (figure, error){d.healthFigure}},
	} {
		sec := section{ID: s.id, Title: s.title}
		for _, view := range s.views {
			f, err := view()
			if err != nil {
				return err
			}
			sec.Figures = append(sec.Figures, f)
		}
		doc.Sections = append(doc.Sections, sec)
	}
	doc.Sources = d.sourceTable()
	for _, s := range doc.Sections {
		for _, f := range s.Figures {
			doc.Queries = append(doc.Queries, f.Offers...)
		}
	}
	return nil
}

func (d *Data) sourceTable() table {
	t := table{Caption: "Readings of the year by plugin", Open: true, Wide: true, Head: heads("Plugin", "Version", "Chain", "Basis", "Endpoint", "#Readings", "Oldest", "Newest", "Published in")}
	for _, r := range d.rows("sources") {
		t.Rows = append(t.Rows, tableRow{Cells: []cell{
			label(r.textOr("plugin", unknown)), {Text: r.textOr("version", unknown), Hint: "SHA-256 " + r.textOr("checksum", unknown) + "…"},
			label(r.textOr("chain", unknown)), label(r.textOr("basis", unknown)), label(r.textOr("endpoint", unknown)),
			number(whole(r.number("readings"))), label(when(r, "oldest")), label(when(r, "newest")), label(r.textOr("published_in", unknown)),
		}})
	}
	return t
}
