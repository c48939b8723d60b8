package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// Ctrl-C in the middle of a backfill ends it in good order, and the same command
// goes on where it was.
func TestAnInterruptedBackfillGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, patient.with("rocketpool"))
	command := []string{"backfill", "--from", "2024-03-01", "--to", "2024-05-20", "--every", "1d", "--plugin", "rocketpool"}
	s.net.SpoilEthereum(chaintest.Contract(chaintest.RETH), chaintest.Silent)
	asked := s.awaitRequest(6)
	p := s.start(command...)
	<-asked
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if end := p.wait(); end.code != exitInterrupted || !strings.Contains(end.stderr, "run the same command again") || !strings.Contains(end.stderr, "0 of 81 ticks are done") {
		t.Fatalf("exit code %d\n%s", end.code, end.stderr)
	}
	s.nothingLeft()
	if got := s.ask(`SELECT command, status FROM ingest_run`); len(got) != 1 || got[0] != "backfill|"+store.RunInterrupted {
		t.Errorf("the run is %v", got)
	}
	s.net.Heal()
	if end := s.run(command...); end.code != exitOK || !strings.Contains(end.stdout, "have") {
		t.Fatalf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	got := s.ask(`SELECT state, count(*) FROM ingest_task WHERE tick < '2024-06-01' GROUP BY 1`)
	if d := cmp.Diff([]string{"have|81"}, got); d != "" {
		t.Error(d)
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour, "6h": 6 * time.Hour, "1h30m": 90 * time.Minute, "1m": time.Minute,
		"": 0, "0d": 0, "-1d": 0, "1.5d": 0, "30s": 0, "1y": 0, "-1h": 0, "99999999d": 0, "1m0.5s": 0,
	} {
		if got, err := parseStep(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	noon := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"2024-03-01T12:00:00Z", "2024-03-01T13:00:00+01:00", "2024-03-01T12:00", "2024-03-01 12:00", "2024-03-01T12:00:00"} {
		if got, err := parseMoment(text); err != nil || !got.Equal(noon) || got.Location() != time.UTC {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
	if got, err := parseMoment("2024-03-01"); err != nil || !got.Equal(noon.Add(-12*time.Hour)) {
		t.Errorf("a day is %s, %v", got, err)
	}
	for _, text := range []string{"", "now", "2024-13-01", "01.03.2024", "1709294400"} {
		if _, err := parseMoment(text); err == nil {
			t.Errorf("%q is a moment", text)
		}
	}
}
