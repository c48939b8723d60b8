package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readme is the README as it stands, and with -update as it should.
type readme struct{ text, path string }

func openReadme(t *testing.T) *readme {
	t.Helper()
	path := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return &readme{string(text), path}
}

// shows checks that the block between <!-- demo:name --> and its end is what the
// demo prints.
func (r *readme) shows(t *testing.T, name, printed string) {
	t.Helper()
	block := regexp.MustCompile(fmt.Sprintf("(?s)<!-- demo:%[1]s -->\n```\n(.*?)```\n<!-- /demo:%[1]s -->", name))
	at := block.FindStringSubmatchIndex(r.text)
	switch {
	case at == nil:
		t.Errorf("the README has no block between <!-- demo:%[1]s --> and <!-- /demo:%[1]s -->", name)
	case r.text[at[2]:at[3]] == printed:
	case *update:
		r.text = r.text[:at[2]] + printed + r.text[at[3]:]
		if err := os.WriteFile(r.path, []byte(r.text), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the README shows another %s than the demo prints; run go test ./cmd/pipeline -run Readme -update (-README +demo):\n%s", name, cmp.Diff(r.text[at[2]:at[3]], printed))
	}
}

// shown is a command line of the README and the name of the block that shows what it
// prints: the one that follows its shell block, if any.
type shown struct{ line, block string }

var shell = regexp.MustCompile("(?s)```sh\n(.*?)```\n(?:\n<!-- demo:([a-z]+) -->)?")

// commands lists the command lines of the README's shell blocks. A command may go
// over lines, by a backslash or inside quotes.
func (r *readme) commands(t *testing.T) (commands []shown) {
	t.Helper()
	for _, block := range shell.FindAllStringSubmatch(r.text, -1) {
		part := ""
		for _, line := range strings.SplitAfter(block[1], "\n") {
			part += line
			if strings.HasSuffix(line, "\\\n") || exec.Command("sh", "-n", "-c", part).Run() != nil {
				continue
			}
			if c := strings.TrimSpace(part); c != "" {
				commands = append(commands, shown{c, block[2]})
			}
			part = ""
		}
		if part != "" {
			t.Errorf("the README has a command that no shell takes: %s", part)
		}
	}
	return commands
}

// The demo, and everything the README says one can ask it.
func TestTheReadmeIsTrue(t *testing.T) {
	t.Parallel()
	r := openReadme(t)
	s, printed := newDemoSite(t)
	r.shows(t, "league", printed)
	for _, token := range []string{"stETH", "rETH", "mSOL", "JitoSOL"} {
		if !strings.Contains(printed, token) {
			t.Errorf("the demo's league lacks %s:\n%s", token, printed)
		}
	}
	ran, compared := 0, 0
	for _, command := range r.commands(t) {
		if !strings.HasPrefix(command.line, "bin/pipeline") || !strings.Contains(command.line, "config/demo.yaml") && !strings.Contains(command.line, "--explain") {
			continue // it needs a network, or is not ours
		}
		ran++
		out := s.sh(t, command.line)
		if out == "" && !strings.Contains(command.line, "--html") {
			t.Errorf("%s prints nothing", command.line)
		}
		if command.block != "" {
			compared++
			r.shows(t, command.block, out)
		}
	}
	if ran < 8 || compared < 2 {
		t.Errorf("only %d commands of the README can be run against the demo, and only %d have a block that shows the answer", ran, compared)
	}
}

// A second demo into the same warehouse ends as the first and adds nothing.
func TestTheDemoTwiceIsTheDemoOnce(t *testing.T) {
	t.Parallel()
	s, first := newDemoSite(t)
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
}
