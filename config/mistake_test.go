package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

var update = flag.Bool("update", false, "write the golden files")

// Each file of testdata/mistakes is a configuration somebody could write; the
// .txt beside it is what they are told.
func TestMistakesAreToldAllAtOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(file)
			if err == nil {
				t.Fatal("the configuration was accepted")
			}
			if kind := sdk.KindOf(err); kind != sdk.KindConfig {
				t.Errorf("the error has kind %s, want %s", kind, sdk.KindConfig)
			}
			if strings.Contains(err.Error(), "k3y") {
				t.Error("the message shows a part of a secret")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatalf("%v; write it with -update", readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsExplained(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "binary.yaml")
	if err := os.WriteFile(binary, []byte("chains: \xff\xfe\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ path, want string }{
		"a missing file":     {"testdata/nowhere.yaml", "pipeline init"},
		"a folder":           {"testdata", "is a folder"},
		"a file of no text":  {binary, "not UTF-8"},
		"a path through one": {"config.go/x.yaml", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(tc.path)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load(%s) = %v, want an error with %q", tc.path, err, tc.want)
			}
			var e *sdk.Error
			if !errors.As(err, &e) || e.Kind != sdk.KindConfig {
				t.Errorf("Load(%s) gives no error of kind config", tc.path)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "pipeline.yaml", "demo.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("fuzz.yaml", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("Parse returned %v and %v", c, err)
		}
		if err == nil {
			return
		}
		if sdk.KindOf(err) != sdk.KindConfig {
			t.Fatalf("kind %s: %v", sdk.KindOf(err), err)
		}
	})
}
