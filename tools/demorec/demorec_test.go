package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	repository = "../.."
	demoDir    = "../../demo"
	sourcesDir = "../../../shared/data"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		_ = os.RemoveAll(buildDir) // only a temporary folder is left behind
	}
	os.Exit(code)
}

var buildDir string

// plugins builds every plugin once and returns the folder.
var plugins = sync.OnceValues(func() (string, error) {
	mains, err := filepath.Glob(filepath.Join(repository, "plugins", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		return "", fmt.Errorf("no plugins found: %w", err)
	}
	if buildDir, err = os.MkdirTemp("", "demorec-plugins-*"); err != nil {
		return "", err
	}
	args := []string{"build", "-o", buildDir + string(filepath.Separator)}
	for _, m := range mains {
		args = append(args, "./plugins/"+filepath.Base(filepath.Dir(m)))
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the plugins: %w\n%s", err, out)
	}
	return buildDir, nil
})

func builtPlugins(t *testing.T) string {
	t.Helper()
	dir, err := plugins()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func sources(t *testing.T) fs.FS {
	t.Helper()
	if _, err := os.Stat(sourcesDir); err != nil {
		t.Skip("the recorded sources (../shared/data beside the repository) are not here; only the check against them is left out")
	}
	return os.DirFS(sourcesDir)
}

func TestTheCommittedNumbersAreWhatTheSourcesGive(t *testing.T) {
	t.Parallel()
	b, err := derive(sources(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := b.files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(demoDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("demo/%s is not what the sources give; run go run ./tools/demorec -from ../shared/data", name)
		}
	}
}

// A change of what a plugin asks, of an encoder or of the gateway's format shows
// here. The remedy needs no sources.
func TestTheCommittedRecordingsAreWhatThePluginsReadToday(t *testing.T) {
	t.Parallel()
	to := t.TempDir()
	text, err := os.ReadFile(filepath.Join(demoDir, momentsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, momentsFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), "", to, builtPlugins(t)); err != nil {
		t.Fatal(err)
	}
	want, got := tree(t, to), tree(t, demoDir)
	for name := range want {
		if want[name] != got[name] {
			t.Errorf("demo/%s differs from what is recorded today; run make build && go run ./tools/demorec", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("demo/%s is made by nothing", name)
	}
}

// tree reads all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(dir, path)
		files[rel] = string(text)
		if err == nil {
			err = relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Recordings are public: no address, no path and no key may be in them.
func TestTheRecordingsNameNobody(t *testing.T) {
	t.Parallel()
	for name, text := range tree(t, filepath.Join(demoDir, recordingsDir)) {
		for _, word := range []string{"http:", "https:", "127.0.0.1", "localhost"} {
			if strings.Contains(text, word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
}

func TestAnEpochIsDatedFromWhatIsKnown(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := map[uint64]time.Time{539: at("2023-11-29T01:31:10Z"), 540: at("2023-12-01T04:36:19Z")}
	for _, tt := range []struct {
		name      string
		epoch     uint64
		committed string
		tick      string
		slot      uint64
	}{
		{"noon of the day of the commit", 539, "2023-11-30", "2023-11-30T12:00:00Z", 233_139_579},
		{"the last midnight in an epoch that had ended before that noon", 539, "2023-12-01", "2023-12-01T00:00:00Z", 233_241_056},
		{"the same in an epoch long over", 539, "2024-02-01", "2023-12-01T00:00:00Z", 233_241_056},
		{"an epoch that no series saw, between measured slots", 772, "2025-04-15", "2025-04-15T12:00:00Z", 333_678_367},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := moment{Epoch: tt.epoch}
			if err := m.date(first, at(tt.committed+"T00:00:00Z")); err != nil {
				t.Fatal(err)
			}
			if !m.Tick.Equal(at(tt.tick)) || m.Height != tt.slot || m.Height/432_000 != tt.epoch || m.Estimated == "" {
				t.Errorf("got %s, slot %d", m.Tick, m.Height)
			}
		})
	}
	m := moment{Epoch: 539}
	if err := m.date(first, at("2023-11-28T00:00:00Z")); err == nil {
		t.Errorf("a dump older than its epoch was dated %s", m.Tick)
	}
	if err := (&moment{Epoch: 2000}).date(first, at("2023-11-28T00:00:00Z")); err == nil {
		t.Error("an epoch nothing is known of was dated")
	}
}

func TestTheOracleDescribesTheLastSlotBeforeNoon(t *testing.T) {
	t.Parallel()
	for day, want := range map[string]string{
		"2023-05-18": "2023-05-18T12:00:11Z", "2023-12-10": "2023-12-10T12:00:11Z",
	} {
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(genesis+secondsInSlot*refSlot(d), 0).UTC().Format(time.RFC3339); got != want {
			t.Errorf("report of %s describes %s", day, got)
		}
	}
}

func TestABlockIsEstimatedBetweenKnownOnes(t *testing.T) {
	t.Parallel()
	known := []blockTime{{1000, genesis + 1200}, {1090, genesis + 2400}}
	m, err := estimatedBlock(known, time.Unix(genesis+1811, 0))
	if err != nil || m.Height != 1045 || m.Time.Unix() != genesis+1800 || m.Estimated == "" {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := estimatedBlock(known, time.Unix(genesis+2412, 0)); err == nil {
		t.Error("a time after all known blocks was given one")
	}
}

func TestSourcesOfAnotherFormAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := derive(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "solana_rates_per_epoch.csv") {
		t.Errorf("no sources: %v", err)
	}
	columns := fstest.MapFS{"a.csv": {Data: []byte("block,time\n1,2\n")}}
	if _, err := table(columns, "a.csv", "time", "block"); err == nil || !strings.Contains(err.Error(), "columns") {
		t.Errorf("other columns: %v", err)
	}
	list := fstest.MapFS{"solana/PROVENANCE.md": {Data: []byte("| what | x.json |\n")}}
	if _, err := readDump(list, "y.json"); err == nil || !strings.Contains(err.Error(), "y.json is not in PROVENANCE.md") {
		t.Errorf("a dump without provenance: %v", err)
	}
}

func TestMomentsSurviveTheirFile(t *testing.T) {
	t.Parallel()
	b, err := readBook(filepath.Join(demoDir, momentsFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := encode(b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(demoDir, momentsFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Error(diff)
	}
	if _, err := readBook(filepath.Join(t.TempDir(), momentsFile)); err == nil || !strings.Contains(err.Error(), "-from") {
		t.Errorf("without a file: %v", err)
	}
}
