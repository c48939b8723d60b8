package sql_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

// removeGuards takes each named guard out of the views or the queries and wants the
// answers to change: a test that still passes does not guard anything.
func removeGuards(t *testing.T, s *store.Store, archive *txtar.Archive) {
	for _, f := range archive.Files {
		if !strings.HasPrefix(f.Name, "without") {
			continue
		}
		file, edits, _ := strings.Cut(string(f.Data), "\n")
		file = strings.TrimSpace(file)
		name, isQuery := strings.CutPrefix(file, "queries/")
		if !isQuery {
			file = "views/" + file
		}
		text, err := fs.ReadFile(warehouse.FS(), file)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		without := string(text)
		for edit := range strings.SplitSeq(edits, "\n&\n") {
			old, new, ok := strings.Cut(edit, "\n=>\n")
			if !ok {
				t.Fatalf("%s: want the guard, a line =>, and what stands there without it", f.Name)
			}
			old, new = strings.TrimSpace(old), strings.TrimSpace(new)
			if !strings.Contains(without, old) {
				t.Fatalf("%s: %s does not contain %q", f.Name, file, old)
			}
			without = strings.ReplaceAll(without, old, new)
		}
		named := queries(t)
		if isQuery {
			edited, err := query.Parse(strings.TrimSuffix(name, ".sql"), without)
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			named = slices.Insert(named, 0, edited) // is found first
		} else {
			exec(t, s, without)
		}
		same := true
		question := ""
		for _, q := range archive.Files {
			if strings.HasPrefix(q.Name, "query") {
				question = string(q.Data)
			} else if strings.HasPrefix(q.Name, "want") {
				res, err := ask(s, named, question)
				same = same && err == nil && res == string(q.Data)
			}
		}
		if same {
			t.Errorf("%s: the answers stay the same", f.Name)
		}
		if !isQuery {
			exec(t, s, string(text))
		}
	}
}
