package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// demoSite is a folder in which the README's commands can be run as they stand,
// with a data folder of its own.
type demoSite struct{ dir string }

func newDemoSite(t *testing.T) demoSite {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	pipeline, err := exec.LookPath("pipeline")
	if err != nil {
		t.Fatal(err)
	}
	s := demoSite{t.TempDir()}
	for from, to := range map[string]string{
		filepath.Dir(pipeline): "bin", filepath.Join(root, "config"): "config", filepath.Join(root, "demo"): "demo",
	} {
		if err := os.Symlink(from, filepath.Join(s.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sh runs a command line of the README and returns what it prints.
func (s demoSite) sh(t *testing.T, line string) (stdout string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = s.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%v\n%s%s", line, err, out, stderr.String())
	}
	return string(out)
}

var readme = filepath.Join("..", "..", "README.md")

// league is the part of the README that shows how the demo ends.
var league = regexp.MustCompile("(?s)(<!-- demo:league -->\n```[a-z]*\n)(.*?)(```\n<!-- /demo:league -->)")

// commandsOf lists the command lines of the README's shell blocks. A command may
// go over lines, by a backslash or inside quotes.
func commandsOf(t *testing.T, text string) (commands []string) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		part := ""
		for _, line := range strings.SplitAfter(block[1], "\n") {
			part += line
			if strings.HasSuffix(line, "\\\n") || exec.Command("sh", "-n", "-c", part).Run() != nil {
				continue
			}
			if c := strings.TrimSpace(part); c != "" {
				commands = append(commands, c)
			}
			part = ""
		}
		if part != "" {
			t.Errorf("the README has a command that no shell takes: %s", part)
		}
	}
	return commands
}

// The demo twice, and then everything the README says one can ask it.
func TestTheReadmeIsTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	s := newDemoSite(t)
	first := s.sh(t, "bin/pipeline demo -q")
	count := `bin/pipeline sql --config config/demo.yaml -o csv "select (select count(*) from raw_observation) as raw,
		(select count(*) from fact_metric) as facts, (select count(*) from fact_price) as prices,
		(select count(*) from fact_exit_quote) as quotes, (select count(*) from quarantine) as rejected"`
	before := s.sh(t, count)
	if second := s.sh(t, "bin/pipeline demo -q"); second != first {
		t.Errorf("the second demo ends otherwise (-first +second):\n%s", cmp.Diff(first, second))
	}
	if after := s.sh(t, count); after != before {
		t.Errorf("the second demo adds rows (-first +second):\n%s", cmp.Diff(before, after))
	}
	added := s.sh(t, `bin/pipeline sql --config config/demo.yaml -o csv "select status, rows > 0 as added, rejects from ingest_run order by started_at"`)
	// Three real updates were larger than their own history explains: rETH on
	// 2022-11-03 and 2023-07-31, stSOL on 2024-03-28 after days without one.
	if added != "status,added,rejects\nok,true,3\nok,false,0\n" {
		t.Errorf("the two runs of the demo are\n%s", added)
	}
	for _, token := range []string{"stETH", "rETH", "mSOL", "JitoSOL"} {
		if !strings.Contains(first, token) {
			t.Errorf("the demo's league lacks %s:\n%s", token, first)
		}
	}

	if shown := league.FindSubmatch(text); shown == nil {
		t.Error("the README has no block between <!-- demo:league --> and <!-- /demo:league -->")
	} else if got := string(shown[2]); got != first {
		if *update {
			text = league.ReplaceAll(text, []byte("${1}"+strings.ReplaceAll(first, "$", "$$")+"${3}"))
			if err := os.WriteFile(readme, text, 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("the README shows another league than the demo prints; run go test ./cmd/pipeline -run Readme -update (-README +demo):\n%s", cmp.Diff(got, first))
		}
	}

	ran := 0
	for _, command := range commandsOf(t, string(text)) {
		if !strings.HasPrefix(command, "bin/pipeline") || !strings.Contains(command, "config/demo.yaml") && !strings.Contains(command, "--explain") {
			continue // it needs a network, or is not ours
		}
		ran++
		if out := s.sh(t, command); out == "" && !strings.Contains(command, "--html") {
			t.Errorf("%s prints nothing", command)
		}
	}
	if ran < 3 {
		t.Errorf("only %d commands of the README can be run against the demo", ran)
	}
}
