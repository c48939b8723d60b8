package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// refused checks that neither the daemon nor a run starts: both end with the code
// and say why, and the supervisor starts the daemon again.
func (s *served) refused(want int, says string) {
	s.t.Helper()
	for _, verb := range []string{"serve", "run"} {
		if code, out := s.run(verb); code != want || !strings.Contains(out, says) {
			s.t.Errorf("%s ends with %d, want %d and %q:\n%s", verb, code, want, says, out)
		}
	}
	unit, err := os.ReadFile(filepath.Join("..", "..", "deploy", "lst-pipeline.service"))
	if err != nil {
		s.t.Fatal(err)
	}
	set := func(key string) string {
		match := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindSubmatch(unit)
		if match == nil {
			return ""
		}
		return string(match[1])
	}
	never := strings.Fields(set("RestartPreventExitStatus"))
	if set("Restart") != "on-failure" || slices.Contains(never, fmt.Sprint(want)) || set("StartLimitIntervalSec") != "0" {
		s.t.Errorf("systemd does not start it again after exit code %d, as often as it takes", want)
	}
}

// readMore gives the running daemon another job instead of "state", so that it has
// something new to read and to store.
func (s *served) readMore() {
	s.t.Helper()
	path := filepath.Join(s.dir, "pipeline.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(strings.NewReplacer("name: state", "name: more", "[lido, marinade]", "[rocketpool, stakepool]").Replace(string(text)))
	s.hangup()
}

// site is the folder as a warehouse to look into once the daemon has ended.
func (s *served) site() *site { return &site{t: s.t, dir: s.dir} }

// checkAcknowledged compares the ledger with the log: what was said to be stored is,
// and was said once.
func (s *served) checkAcknowledged(series ...string) {
	s.t.Helper()
	said := map[string]int{}
	seen := map[string]bool{}
	for text := range strings.Lines(s.text()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == "tick" && line["state"] == "have" {
			said[fmt.Sprint(line["job"], "|", line["plugin"], "|", line["tick"])]++
			seen[fmt.Sprint(line["job"], "|", line["plugin"])] = true
		}
	}
	ledger := map[string]bool{}
	for _, row := range s.site().ask(`SELECT job, plugin, tick FROM ingest_task WHERE state = 'have' AND attempts = 1`) {
		ledger[row] = true
	}
	for tick, times := range said {
		if times != 1 || !ledger[tick] {
			s.t.Errorf("%s was said to be stored %d times, and the ledger has it: %v", tick, times, ledger[tick])
		}
	}
	for _, want := range series {
		if !seen[want] {
			s.t.Errorf("%s never stored a tick", want)
		}
	}
}
