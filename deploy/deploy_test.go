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

func TestTheCrontabLineIsASchedule(t *testing.T) {
	t.Parallel()
	lines := 0
	for line := range strings.Lines(read(t, "crontab")) {
		fields := strings.Fields(line)
		if len(fields) < 7 || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		if _, err := schedule.Parse(strings.Join(fields[:5], " "), ""); err != nil {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
		if fields[5] != "lst-pipeline" || !strings.HasSuffix(fields[6], "/pipeline") || fields[7] != "run" {
			t.Errorf("want user, program and verb after the schedule: %s", strings.TrimSpace(line))
		}
	}
	if lines != 1 {
		t.Errorf("%d lines run something, want 1", lines)
	}
}
