// Package deploy_test checks the files of this folder as far as that is possible
// without installing them.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/serve"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSystemdAcceptsTheUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: the unit is not verified")
	}
	// verify insists on an executable at ExecStart.
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.Replace(read(t, "lst-pipeline.service"), "ExecStart=/usr/lib/lst-pipeline/pipeline", "ExecStart="+exe, 1)
	copied := filepath.Join(t.TempDir(), "lst-pipeline.service")
	if err := os.WriteFile(copied, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", copied).CombinedOutput()
	if err != nil || strings.Contains(string(out), "lst-pipeline.service:") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestTheUnitSaysWhatTheDaemonReliesOn(t *testing.T) {
	t.Parallel()
	unit := read(t, "lst-pipeline.service")
	for _, line := range []string{
		"Type=notify", "WatchdogSec=", "Restart=on-failure", "RestartPreventExitStatus=2", "StartLimitIntervalSec=0", "KillMode=mixed",
		"Environment=MALLOC_ARENA_MAX=", "ProtectSystem=strict", "NoNewPrivileges=yes",
	} {
		if !strings.Contains(unit, "\n"+line) {
			t.Errorf("the unit lacks %s", line)
		}
	}
}

func TestSystemdWaitsForTheDaemonToStop(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("config/pipeline.yaml", config.Default)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(read(t, "lst-pipeline.service"), "\nTimeoutStopSec=")
	text, _, _ := strings.Cut(rest, "\n")
	limit, err := time.ParseDuration(text)
	if !found || err != nil {
		t.Fatalf("TimeoutStopSec is %q: %v", text, err)
	}
	if most := c.Serve.Grace.Duration + serve.StopMargin; limit <= most {
		t.Errorf("TimeoutStopSec is %s, the daemon may take %s", limit, most)
	}
}

// environmentFile is the unit's file of secrets.
func environmentFile(t *testing.T) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, "lst-pipeline.service"), "\nEnvironmentFile=")
	path, _, _ := strings.Cut(rest, "\n")
	if path = strings.TrimPrefix(path, "-"); !found || !filepath.IsAbs(path) {
		t.Fatalf("the unit's EnvironmentFile is %q", path)
	}
	return path
}

// The line is run as cron does it, with a pipeline that shows what it is given.
func TestTheCrontabLineGivesThePipelineTheUnitsSecrets(t *testing.T) {
	t.Parallel()
	var line []string
	for l := range strings.Lines(read(t, "crontab")) {
		if fields := strings.Fields(l); len(fields) > 6 && !strings.HasPrefix(l, "#") {
			if line != nil {
				t.Errorf("another line runs something: %s", l)
			}
			line = fields
		}
	}
	if _, err := schedule.Parse(strings.Join(line[:5], " "), ""); err != nil {
		t.Error(err)
	}
	if line[5] != "lst-pipeline" {
		t.Errorf("it runs as %s", line[5])
	}
	command := strings.Join(line[6:], " ")
	if strings.Contains(command, "%") {
		t.Error("cron makes a new line of %")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pipeline": "#!/bin/sh\necho \"$LST_ETHEREUM_URL $*\"\necho oops >&2\n",
		"logger":   "#!/bin/sh\nexec cat\n",
		"secrets":  "# comment\nLST_ETHEREUM_URL='https://node.example/v1?key=a&b=$c'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	run := func(secrets string) string {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", strings.NewReplacer(environmentFile(t), secrets, "/usr/lib/lst-pipeline/pipeline", filepath.Join(dir, "pipeline")).Replace(command))
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	const asked = " run --quiet --config /etc/lst-pipeline/pipeline.yaml\noops\n"
	if got, want := run(filepath.Join(dir, "secrets")), "https://node.example/v1?key=a&b=$c"+asked; got != want {
		t.Errorf("with secrets the log is %q, want %q", got, want)
	}
	if got := run(filepath.Join(dir, "none")); got != asked {
		t.Errorf("without secrets the log is %q, want %q", got, asked)
	}
}

// instruction is a line of the Containerfile.
type instruction struct{ word, rest string }

func containerfile(t *testing.T) (list []instruction) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(read(t, "Containerfile"), "\\\n", " ")) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && word != "#" {
			list = append(list, instruction{word, strings.TrimSpace(rest)})
		}
	}
	return list
}

func TestTheContainerIsMadeOfWhatThereIs(t *testing.T) {
	t.Parallel()
	user, workdir, entry := "", "", ""
	var copied []string
	for _, in := range containerfile(t) {
		switch in.word {
		case "FROM":
			user = "root" // each stage begins anew
			image, stage, _ := strings.Cut(in.rest, " ")
			if _, tag, ok := strings.Cut(image, "golang:"); ok && stage == "AS build" {
				goVersion, _, _ := strings.Cut(tag, "-")
				if !strings.Contains(read(t, "../go.mod"), "\ngo "+goVersion) {
					t.Errorf("it builds with Go %s, go.mod asks for another one", goVersion)
				}
			}
		case "WORKDIR":
			if workdir == "" {
				workdir = in.rest
			}
		case "USER":
			user = in.rest
		case "COPY":
			words := strings.Fields(in.rest)
			from := words[:len(words)-1]
			if built := strings.TrimPrefix(from[0], "--from=build"); built != from[0] {
				for _, path := range from[1:] {
					made := strings.TrimPrefix(path, workdir+"/")
					if made == path || !strings.Contains(read(t, "../Makefile"), made) {
						t.Errorf("%s is nothing that make build makes", path)
					}
				}
				copied = append(copied, words[len(words)-1])
				continue
			}
			for _, path := range from {
				if _, err := os.Stat(filepath.Join("..", path)); err != nil {
					t.Errorf("COPY: %v", err)
				}
			}
		case "ENTRYPOINT":
			entry = in.rest
		}
	}
	if user == "root" || user == "0" || user == "" {
		t.Errorf("it runs as %q", user)
	}
	if entry != `["pipeline"]` || len(copied) != 2 || filepath.Base(copied[0]) != "pipeline" {
		t.Errorf("it starts %s and holds %v", entry, copied)
	}
}
