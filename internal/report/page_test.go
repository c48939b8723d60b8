package report

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pageOf(t *testing.T, d *Data) string {
	t.Helper()
	var out bytes.Buffer
	if err := Page(&out, d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// An element of the page as read back; a tolerant reader, since HTML is no XML.
type element struct {
	name string
	attr map[string]string
	in   []string // names of the elements around it, outermost first
	text string   // directly inside
}

func elements(t *testing.T, page string) []*element {
	t.Helper()
	// Script and style are text to HTML and would not be to XML.
	page = regexp.MustCompile(`(?s)<(script|style)>.*?</(script|style)>`).ReplaceAllString(page, "")
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var list, open []*element
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element{name: tok.Name.Local, attr: map[string]string{}}
			for _, a := range tok.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			for _, o := range open {
				e.in = append(e.in, o.name)
			}
			list, open = append(list, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(tok)
			}
		}
	}
	return list
}

func TestThePageAsksNobodyAndAllowsOnlyItself(t *testing.T) {
	t.Parallel()
	page := pageOf(t, seeded(t))
	if *keep != "" {
		if err := os.WriteFile(*keep, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range elements(t, page) {
		for name, v := range e.attr {
			switch name {
			case "src", "srcset", "action", "formaction", "data", "poster":
				t.Errorf("<%s %s=%q> makes a request", e.name, name, v)
			case "href":
				if !strings.HasPrefix(v, "#") && !strings.HasPrefix(v, "data:") {
					t.Errorf("<%s href=%q> leads away", e.name, v)
				}
			case "style":
				t.Errorf("<%s style=%q>: the policy forbids it", e.name, v)
			}
			if strings.HasPrefix(name, "on") {
				t.Errorf("<%s %s>: the policy forbids it", e.name, name)
			}
		}
	}
	style := page[strings.Index(page, "<style>")+len("<style>") : strings.Index(page, "</style>")]
	script := page[strings.LastIndex(page, "<script>")+len("<script>") : strings.LastIndex(page, "</script>")]
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style makes a request")
	}
	for what, text := range map[string]string{"style": style, "script": script} {
		if !strings.Contains(policy, what+"-src "+hash(text)) {
			t.Errorf("the policy does not allow the %s as it stands in the page", what)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the policy is not strict: %s", policy)
	}
}

func TestEveryViewIsAFigureWithItsTrustMarksQueriesAndDefinitions(t *testing.T) {
	t.Parallel()
	page := pageOf(t, seeded(t))
	for _, id := range []string{"league", "growth", "premium", "exit", "fees", "flows", "concentration", "health"} {
		_, rest, ok := strings.Cut(page, `<figure id="`+id+`"`)
		if !ok {
			t.Errorf("there is no figure %s", id)
			continue
		}
		fig, _, _ := strings.Cut(rest, "</figure>")
		version := "methodology 1"
		if id == "premium" { // drawn from two queries
			version = "methodology 2 of premium-history, 1 of depeg"
		}
		for what, want := range map[string]string{
			"a caption": "<figcaption>", "its moment": "as of 2024-07-01 00:00Z", "its version": version, "its SQL": "<pre", "definitions": `<dl class="columns">`,
			"its rows as CSV": `download="`, "figures as a table": "<table", "states": "fresh",
		} {
			if !strings.Contains(fig, want) {
				t.Errorf("figure %s lacks %s", id, what)
			}
		}
		if !strings.ContainsAny(fig, "◆◇△✎") {
			t.Errorf("figure %s lacks a basis mark", id)
		}
	}
	for _, want := range []string{"Not advice", "Realised, not promised", "Known gaps", "staking_apr.csv (example/data)", "league</code> version 1"} {
		if !strings.Contains(page, want) {
			t.Errorf("sources and disclaimers lack %q", want)
		}
	}
}

func TestEveryChartSaysWhatItShowsToThoseWhoDoNotSeeIt(t *testing.T) {
	t.Parallel()
	list := elements(t, pageOf(t, seeded(t)))
	ids := map[string]*element{}
	for _, e := range list {
		if id := e.attr["id"]; id != "" {
			if ids[id] != nil {
				t.Errorf("id %s stands twice", id)
			}
			ids[id] = e
		}
	}
	charts := 0
	for _, e := range list {
		if e.name != "svg" || e.attr["aria-hidden"] == "true" {
			continue
		}
		charts++
		title, desc := ids[e.attr["aria-labelledby"]], ids[e.attr["aria-describedby"]]
		if e.attr["role"] != "img" || title == nil || title.text == "" || desc == nil || len(desc.text) < 5 {
			t.Errorf("a chart has no role, title or description: %v", e.attr)
		}
	}
	if charts < 20 {
		t.Errorf("only %d charts", charts)
	}
}

func TestTheCSVOfAFigureIsTheAnswerOfItsQuery(t *testing.T) {
	t.Parallel()
	d := seeded(t)
	found := 0
	for _, e := range elements(t, pageOf(t, d)) {
		file, ok := e.attr["download"]
		if !ok {
			continue
		}
		found++
		name, _, ok := strings.Cut(file, "-as-of-20240701T0000Z.csv")
		if !ok {
			t.Errorf("the name %s does not say the moment", file)
			continue
		}
		data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.attr["href"], "data:text/csv;charset=utf-8;base64,"))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil || len(rows) != len(d.Answers[name].Result.Rows)+1 {
			t.Errorf("%s: %d lines for %d rows, %v", file, len(rows), len(d.Answers[name].Result.Rows), err)
		}
	}
	if found < 15 {
		t.Errorf("only %d downloads", found)
	}
}

func TestATileWithholdsWhatIsStaleAndSaysWhy(t *testing.T) {
	t.Parallel()
	d := *seeded(t)
	d.Answers = map[string]*Answer{}
	for name, a := range seeded(t).Answers {
		copied, res := *a, *a.Result
		copied.Result = &res
		d.Answers[name] = &copied
	}
	league := d.Answers["league"].Result
	league.Rows = append([][]any(nil), league.Rows...)
	for i := range league.Rows {
		row := append([]any(nil), league.Rows[i]...)
		for c, column := range league.Columns {
			switch column.Name {
			case "capture", "position", "premium_bps":
				row[c] = nil
			}
		}
		league.Rows[i] = row
	}
	d.Answers["exit"].Result.Rows = nil
	for _, tile := range d.tiles()[:3] {
		for _, line := range tile.Lines {
			if line.Value != unknown {
				t.Errorf("%s shows %q", tile.ID, line.Value)
			}
		}
		if tile.Why == "" {
			t.Errorf("%s does not say why", tile.ID)
		}
	}
}

func TestHeadlinesAreTheBestOfTheirRows(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, tile := range seeded(t).tiles() {
		for _, l := range tile.Lines {
			got[tile.ID] += strings.TrimSpace(l.Label+" "+l.Value+" "+l.Note) + "; "
		}
	}
	want := map[string]string{
		"tile-capture": "ethereum 1.01× aETH ◆; solana 1.03× dSOL △; ", "tile-discount": "−11bps cSOL ◆; ",
		"tile-queue": "2.4 d cSOL delayed; ", "tile-health": "fresh 8/11 tokens read; complete 60/84 ticks of 90 d; ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATokenNamedLikeMarkupStaysText(t *testing.T) {
	t.Parallel()
	d := *seeded(t)
	a := *d.Answers["league"]
	res := *a.Result
	res.Rows = append([][]any(nil), res.Rows...)
	row := append([]any(nil), res.Rows[0]...)
	for i, c := range res.Columns {
		if c.Name == "token" {
			row[i] = "<script>alert(1)</script>\u202e"
		}
	}
	res.Rows[0], a.Result = row, &res
	d.Answers = map[string]*Answer{}
	for name, other := range seeded(t).Answers {
		d.Answers[name] = other
	}
	d.Answers["league"] = &a
	page := pageOf(t, &d)
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "\u202e") {
		t.Error("a name reaches the page as markup")
	}
}

func TestThePageOfAnEmptyWarehouseSaysWhatIsMissingAndWhatToDo(t *testing.T) {
	t.Parallel()
	page := pageOf(t, emptyWorld(t))
	for _, want := range []string{"Nothing to show yet", "pipeline run", "pipeline status", "no token was read"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<figure") || strings.Contains(page, "<nav") {
		t.Error("an empty warehouse has no figures")
	}
}
