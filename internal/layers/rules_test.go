package layers

import (
	"fmt"
	"slices"
	"strings"
)

// Paths are relative to the module. "x/..." is x and everything in it.

// An arrow says which packages of the module a package may import. The first arrow
// whose from matches decides; a package without one is a mistake, so that a new
// room is drawn before it is used.
type arrow struct {
	from string
	to   []string
}

var below = []string{"config", "transforms", "sql", "sdk", "sdk/wire", "sdk/proto/...", "internal/schedule"}

func with(more ...string) []string { return append(slices.Clone(below), more...) }

var arrows = []arrow{
	{"sdk", nil},
	{"sdk/proto/...", nil},
	{"sdk/card", []string{"sdk"}},
	{"sdk/evm", []string{"sdk"}},
	{"sdk/rest", []string{"sdk"}},
	{"sdk/solana", []string{"sdk"}},
	{"sdk/wire", []string{"sdk", "sdk/proto/..."}},
	{"sdk/serve", []string{"sdk", "sdk/wire", "sdk/proto/..."}},
	{"sdk/...", []string{"sdk/..."}}, // test kits
	{"transforms/...", []string{"sdk"}},
	{"sql", nil},
	{"internal/schedule", nil},
	{"internal/control", nil},
	{"config", []string{"sdk", "internal/schedule"}},
	{"internal/gateway", below},
	{"internal/host", below},
	{"internal/store", below},
	{"internal/query", with("internal/store")},
	{"internal/ingest", with("internal/gateway", "internal/host", "internal/store")},
	{"internal/explain", with("internal/query", "internal/store")},
	{"internal/report", with("internal/query", "internal/ingest", "internal/store")},
	{"internal/notify", with("internal/query", "internal/store")},
	{"internal/serve", with("internal/query", "internal/ingest", "internal/notify", "internal/gateway", "internal/host", "internal/store")},
	{"internal/evmtest", []string{"sdk/..."}},
	{"internal/chaintest", []string{"sdk/...", "plugins/..."}}, // encodes accounts as the plugins decode them
	{"internal/historytest", nil},                              // shares no code with what it checks
	{"internal/proctest", nil},
	{"internal/e2e", nil}, // tests only
	{"internal/layers", nil},
	{"deploy", nil},    // tests only
	{"bench/...", nil}, // tests only
	{"cmd/...", []string{"..."}},
	{"tools/...", []string{"..."}},
	// plugins/... : sdk/... and the plugin itself, see mayImport.
}

// A guard says who alone may import a package from outside the module.
type guard struct {
	what string
	only []string
	why  string
}

var guards = []guard{
	{"github.com/duckdb/...", []string{"internal/store"}, "one room knows DuckDB"},
	{"github.com/marcboeker/go-duckdb/...", nil, "the driver is github.com/duckdb/duckdb-go"},
	{"github.com/hashicorp/go-plugin/...", []string{"internal/host", "sdk/serve"}, "one room starts plugins and one serves them"},
	{"google.golang.org/grpc/...", []string{"internal/host", "sdk/serve", "sdk/wire", "sdk/proto/..."}, "an author never sees the transport"},
}

// Packages that import nothing but the standard library and the module.
var standardOnly = []string{"sdk", "transforms/...", "sql"}

func match(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if dir, tree := strings.CutSuffix(pattern, "/..."); tree {
		return path == dir || strings.HasPrefix(path, dir+"/")
	}
	return path == pattern
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

// pkg is what the rules need of `go list`.
type pkg struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	Imports    []string
}

// violations returns a sentence for every import that no arrow allows. standard
// reports whether a path is of the standard library.
func violations(module string, pkgs []pkg, standard func(string) bool) []string {
	var found []string
	for _, p := range pkgs {
		from := relative(module, p.ImportPath)
		to, drawn := mayImport(from)
		if !drawn {
			found = append(found, fmt.Sprintf("%s has no arrow in internal/layers: say what it may import", from))
			continue
		}
		for _, path := range p.Imports {
			in, own := strings.CutPrefix(path, module+"/")
			switch {
			case own && !matchAny(to, in):
				found = append(found, fmt.Sprintf("%s imports %s; it may import %v", from, in, to))
			case own && strings.HasSuffix(in, "test") && !strings.Contains(from, "test") && !strings.HasPrefix(from, "tools/"):
				found = append(found, fmt.Sprintf("%s imports the test kit %s", from, in))
			case !own && !standard(path):
				found = append(found, foreign(from, path)...)
			}
		}
	}
	return found
}

func foreign(from, path string) (found []string) {
	if matchAny(standardOnly, from) {
		found = append(found, fmt.Sprintf("%s imports %s; it may import only the standard library and its arrows", from, path))
	}
	for _, g := range guards {
		if match(g.what, path) && !matchAny(g.only, from) {
			found = append(found, fmt.Sprintf("%s imports %s: %s", from, path, g.why))
		}
	}
	return found
}

func relative(module, path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func mayImport(from string) (to []string, drawn bool) {
	if rest, plugin := strings.CutPrefix(from, "plugins/"); plugin {
		name, _, _ := strings.Cut(rest, "/")
		return []string{"sdk/...", "plugins/" + name + "/..."}, true
	}
	for _, a := range arrows {
		if match(a.from, from) {
			return a.to, true
		}
	}
	return nil, false
}
