package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// check compares the warehouse with one that was never disturbed.
func (k *killer) check() {
	k.t.Helper()
	for _, s := range series {
		ask := func(condition string) []string {
			return k.ask(`SELECT tick, state FROM ingest_task WHERE job = ? AND plugin = ? AND chain_id = ? AND `+condition+` ORDER BY tick`, s.Job, s.Plugin, string(s.Chain), k.from)
		}
		k.checkScheduled(s, ask(`tick >= ?`))
		k.checkPast(s, ask(`tick < ?`))
	}
	k.checkWhole()
	k.nothingLeft()
	if left, _ := filepath.Glob(filepath.Join(k.published(), "*.tmp")); len(left) > 0 {
		k.t.Errorf("left behind after %v: %v", k.story, left)
	}
	if live, copied := k.ask(rowsToKeep), k.askFile(k.latest(), rowsToKeep); !slices.Equal(slices.Sorted(slices.Values(live)), slices.Sorted(slices.Values(copied))) {
		k.t.Errorf("after %v the newest copy has %d rows, the warehouse %d", k.story, len(copied), len(live))
	}
}

// latest is the newest copy for readers.
func (k *killer) latest() string { return filepath.Join(k.published(), store.LatestSnapshot) }

// checkCopy wants of the newest copy, if there is one, that it opens and holds nothing
// that the warehouse does not have.
func (k *killer) checkCopy(live map[string]bool) {
	k.t.Helper()
	if _, err := os.Lstat(k.latest()); errors.Is(err, fs.ErrNotExist) {
		return
	}
	k.count.copies.Add(1)
	for _, row := range k.askFile(k.latest(), rowsToKeep) {
		if !live[row] {
			k.t.Fatalf("the newest copy after %v has what the warehouse has not: %s", k.story, row)
		}
	}
}

// checkScheduled wants each hour since the warehouse was fresh.
func (k *killer) checkScheduled(s store.TaskKey, ticks []string) {
	k.t.Helper()
	if len(ticks) < 1+owed {
		k.t.Errorf("%s has %d ticks, want %d: %v", s.Plugin, len(ticks), 1+owed, ticks)
	}
	for i, row := range ticks {
		want := store.StateHave
		switch {
		case i == 0:
			want = store.StateSuperseded
		case s.Chain == "solana" && i < len(ticks)-1 && !strings.HasSuffix(row, store.StateHave):
			want = store.StateUnrecoverable
		}
		if row != tickRow(k.from, i, want) {
			k.t.Errorf("tick %d of %s is %s, want %s", i, s.Plugin, row, want)
		}
	}
}

// checkPast wants each hour of the backfill, and nothing else so long ago.
func (k *killer) checkPast(s store.TaskKey, ticks []string) {
	k.t.Helper()
	state := store.StateHave
	if s.Chain == "solana" {
		state = store.StateUnrecoverable
	}
	var want []string
	for i := range past {
		want = append(want, tickRow(k.from.Add(-pastLag), i, state))
	}
	if !slices.Equal(ticks, want) {
		k.t.Errorf("the backfilled ticks of %s are %v, want %v", s.Plugin, ticks, want)
	}
}

func tickRow(from time.Time, hours int, state string) string {
	return from.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339) + "|" + state
}

// rowsToKeep is what has been stored once and for all.
const rowsToKeep = `
	SELECT 'tick', plugin, chain_id, tick, NULL, NULL FROM ingest_task WHERE state = 'have'
	UNION ALL SELECT 'observation', token_id, metric_id, block_ts, obs_id::VARCHAR, NULL FROM raw_observation
	UNION ALL SELECT 'metric', token_id, metric_id, ts, basis, value_exact::VARCHAR FROM fact_metric
	UNION ALL SELECT 'price', base_id, quote || venue, ts, basis, price_exact::VARCHAR FROM fact_price
	UNION ALL SELECT 'quote', token_id, route, ts, size_native::VARCHAR, out_native::VARCHAR FROM fact_exit_quote`

// nothingLost compares the warehouse with what it had before a process, and with
// what that process told a person it has stored.
func (k *killer) nothingLost(output string) {
	k.t.Helper()
	rows := map[string]bool{}
	for _, row := range k.ask(rowsToKeep) {
		rows[row] = true
	}
	for row := range k.kept {
		if !rows[row] {
			k.t.Fatalf("lost after %v: %s", k.story, row)
		}
	}
	told := acknowledged(output)
	for _, tick := range told {
		if !rows[tick] {
			k.t.Fatalf("said to be stored, but lost after %v: %s", k.story, tick)
		}
	}
	k.kept = rows
	k.checkCopy(rows)
	k.count.mu.Lock()
	defer k.count.mu.Unlock()
	k.count.told += len(told)
}

// stored is how run tells that a tick is stored.
var stored = regexp.MustCompile(`^✓ have +(\S+ \S+Z) (\S+) (\S+) `)

// acknowledged lists the ticks that a process said it has stored, as rowsToKeep
// does. A line that a kill cut short says nothing.
func acknowledged(output string) (ticks []string) {
	for line := range strings.Lines(output) {
		var event struct {
			Msg, Plugin, Chain, State string
			Tick                      time.Time
		}
		if found := stored.FindStringSubmatch(line); found != nil {
			event.Plugin, event.Chain = found[2], found[3]
			event.Tick, _ = time.Parse("2006-01-02 15:04Z", found[1]) // or no row will match
		} else if json.Unmarshal([]byte(line), &event) != nil || event.Msg != "tick" || event.State != store.StateHave {
			continue
		}
		ticks = append(ticks, strings.Join([]string{"tick", event.Plugin, event.Chain, event.Tick.Format(time.RFC3339), "NULL", "NULL"}, "|"))
	}
	return ticks
}
