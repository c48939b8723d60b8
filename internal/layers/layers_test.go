package layers

import (
	"encoding/json"
	"errors"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/lst-pipeline/lst-pipeline"

// goTool runs the go command in the module's root.
func goTool(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, errors.New("go " + strings.Join(args, " ") + ":\n" + string(exit.Stderr))
	}
	return out, err
}

// packages lists the module's packages and, marked Standard, those of the
// standard library they use.
var packages = sync.OnceValues(func() ([]pkg, error) {
	out, err := goTool(nil, "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,Imports", "./...")
	if err != nil {
		return nil, err
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
})

// ours returns the module's packages and a test for standard ones.
func ours(t *testing.T) ([]pkg, func(string) bool) {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	standard := map[string]bool{"C": true, "unsafe": true}
	var own []pkg
	for _, p := range all {
		standard[p.ImportPath] = standard[p.ImportPath] || p.Standard
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			own = append(own, p)
		}
	}
	if len(own) < 5 {
		t.Fatalf("go list found only %d packages of %s", len(own), module)
	}
	return own, func(path string) bool { return standard[path] }
}

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	own, standard := ours(t)
	for _, v := range violations(module, own, standard) {
		t.Error(v)
	}
}

func TestTheRulesSeeAViolation(t *testing.T) {
	t.Parallel()
	own := func(path string) string { return module + "/" + path }
	standard := func(path string) bool { return !strings.Contains(path, ".") }
	for _, tt := range []struct {
		name, from, imports, want string
	}{
		{"sdk with a library", own("sdk"), "github.com/x/y", "sdk imports github.com/x/y; it may import only the standard library and its arrows"},
		{"sdk with the host", own("sdk"), own("internal/host"), "sdk imports internal/host; it may import []"},
		{"transforms with the store", own("transforms"), own("internal/store"), "transforms imports internal/store; it may import [sdk]"},
		{"transforms with a library", own("transforms"), "github.com/x/y", "transforms imports github.com/x/y; it may import only the standard library and its arrows"},
		{"a plugin with transforms", own("plugins/a"), own("transforms"), "plugins/a imports transforms; it may import [sdk/... plugins/a/...]"},
		{"a plugin with another", own("plugins/a/abi"), own("plugins/ab"), "plugins/a/abi imports plugins/ab; it may import [sdk/... plugins/a/...]"},
		{"a plugin with the transport", own("plugins/a"), "google.golang.org/grpc", "plugins/a imports google.golang.org/grpc: an author never sees the transport"},
		{"a plugin with the test kit", own("plugins/a"), own("sdk/sdktest"), "plugins/a imports the test kit sdk/sdktest"},
		{"DuckDB outside the store", own("internal/query"), "github.com/duckdb/duckdb-go/v2", "internal/query imports github.com/duckdb/duckdb-go/v2: one room knows DuckDB"},
		{"go-plugin outside the host", own("internal/ingest"), "github.com/hashicorp/go-plugin", "internal/ingest imports github.com/hashicorp/go-plugin: one room starts plugins and one serves them"},
		{"an arrow upwards", own("internal/store"), own("internal/ingest"), "internal/store imports internal/ingest; it may import [config transforms sql sdk sdk/wire sdk/proto/... internal/schedule]"},
		{"a room nobody drew", own("internal/attic"), "fmt", "internal/attic has no arrow in internal/layers: say what it may import"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := violations(module, []pkg{{ImportPath: tt.from, Imports: []string{tt.imports}}}, standard)
			if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, ok := range [][2]string{
		{"sdk", "fmt"}, {"transforms", own("sdk")}, {"plugins/a", own("sdk/evm")}, {"plugins/a", own("plugins/a/abi")},
		{"internal/store", "github.com/duckdb/duckdb-go/v2"}, {"cmd/pipeline", own("internal/ingest")},
	} {
		if got := violations(module, []pkg{{ImportPath: own(ok[0]), Imports: ok[1:]}}, standard); len(got) != 0 {
			t.Errorf("%v: %v", ok, got)
		}
	}
}

// Protocols and their tokens, as an identifier or a string might name them.
var protocolName = regexp.MustCompile(`(?i)(lido|solido|rocket_?pool|marinade|jito|blazestake|coinbase|frax|` +
	`w?steth|\breth\b|cbeth|sfrxeth|msol\b|\bbsol\b|stsol|stmatic)`)

// named returns the identifiers and literals of Go source that name a protocol.
// Comments may: an example in words binds nobody.
func named(source []byte) (found []string) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(source)), source, nil, 0)
	for {
		_, tok, text := s.Scan()
		if tok == token.EOF {
			return found
		}
		if (tok == token.IDENT || tok == token.STRING) && protocolName.MatchString(text) {
			found = append(found, text)
		}
	}
}

func TestNoProtocolIsNamedOutsideItsPlugin(t *testing.T) {
	t.Parallel()
	own, _ := ours(t)
	for _, p := range own {
		room := relative(module, p.ImportPath)
		// Test kits carry real recordings, and a recording names what it is of.
		if !matchAny([]string{"internal/...", "transforms/...", "sdk/...", "cmd/...", "config", "sql"}, room) || strings.Contains(room, "test") {
			continue
		}
		for _, file := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range named(source) {
				t.Errorf("%s/%s names a protocol: %s", room, file, name)
			}
		}
	}
}

func TestTheNameRuleSeesCodeAndLeavesComments(t *testing.T) {
	t.Parallel()
	got := named([]byte("package p\n\n// Lido is an example.\nvar lidoRate = \"stETH\" // jito\nconst solid = `ok`\n"))
	if diff := cmp.Diff([]string{"lidoRate", `"stETH"`}, got); diff != "" {
		t.Error(diff)
	}
}

// A plugin must build anywhere, without a C compiler.
func TestPluginsBuildWithoutCgo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds every plugin; left out by -short")
	}
	if _, err := goTool([]string{"CGO_ENABLED=0"}, "build", "./sdk/...", "./plugins/...", "./transforms/..."); err != nil {
		t.Error(err)
	}
}
