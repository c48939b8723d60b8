package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
)

// hold has a stranger hold a file until the returned function is called.
func hold(t *testing.T, file string) (pid int, program string, release func()) {
	t.Helper()
	cmd := exec.Command("stranger", file)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if !bufio.NewScanner(stdout).Scan() {
		t.Fatal("the stranger does not open the file")
	}
	program, err = os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, program, func() {
		t.Helper()
		_ = stdin.Close() // it has nobody else to tell
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWarehouseThatAStrangerHasIsRefusedUntilItLetsGo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, mode string }{{"a writer", "READ_WRITE"}, {"a reader", "READ_ONLY"}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newServed(t, chaintest.Start(t), shortDir(t), servedConfig)
			database := s.site().database()
			if err := os.Mkdir(filepath.Dir(database), 0o755); err != nil {
				t.Fatal(err)
			}
			s.site().begin()
			pid, program, release := hold(t, database+"?access_mode="+tc.mode)
			s.refused(exitHeld, fmt.Sprintf("warehouse %s is held by %s (pid %d); wait for it to end or stop it", database, program, pid))
			release()
			s.start()
			s.awaitRuns([]string{"prices", "state"})
			if code, _ := s.stop(); code != exitOK {
				t.Errorf("it ended with %d\n%s", code, s.text())
			}
			if code, out := s.run("run"); code != exitOK {
				t.Errorf("the next run: %d %s", code, out)
			}
			s.site().checkWhole()
		})
	}
}
