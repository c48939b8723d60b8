package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// check compares the warehouse with one that was never disturbed.
func (k *killer) check() {
	k.t.Helper()
	none := func(what, query string, args ...any) {
		k.t.Helper()
		if rows := k.ask(query, args...); len(rows) > 0 {
			k.t.Errorf("%s: %s", what, strings.Join(rows[:min(len(rows), 5)], "\n"))
		}
	}
	for _, s := range series {
		ask := func(condition string) []string {
			return k.ask(`SELECT tick, state FROM ingest_task WHERE job = ? AND plugin = ? AND chain_id = ? AND `+condition+` ORDER BY tick`, s.Job, s.Plugin, string(s.Chain), k.from)
		}
		k.checkScheduled(s, ask(`tick >= ?`))
		k.checkPast(s, ask(`tick < ?`))
	}
	none("runs that look alive", `SELECT run_id FROM ingest_run WHERE status = 'running'`)
	none("a metric twice", `SELECT metric_id, token_id, ts, basis, count(*), list(value), list(reason) FROM fact_metric GROUP BY ALL HAVING count(*) > 1`)
	none("a price twice", `SELECT base_id, quote, venue, basis, ts, size_base, count(*) FROM fact_price GROUP BY ALL HAVING count(*) > 1`)
	none("an exit quote twice", `SELECT token_id, route, size_native, basis, ts, count(*) FROM fact_exit_quote GROUP BY ALL HAVING count(*) > 1`)
	none("an observation without its tick", `SELECT DISTINCT job, plugin, chain_id, tick FROM raw_observation r WHERE NOT EXISTS (
		FROM ingest_task t WHERE t.job = r.job AND t.plugin = r.plugin AND t.chain_id = r.chain_id AND t.tick = r.tick AND t.state IN ('have', 'partial'))`)
	none("a fact without its run", `SELECT DISTINCT run_id FROM fact_metric WHERE run_id NOT IN (SELECT run_id FROM ingest_run)`)
	none("a fact without its observation", `SELECT metric_id, token_id, ts FROM (SELECT *, unnest(obs_ids) AS obs_id FROM fact_metric)
		WHERE obs_id NOT IN (SELECT obs_id FROM raw_observation)`)
	none("a tick without the rate it was read for", `SELECT plugin, tick FROM ingest_task t WHERE state = 'have' AND NOT EXISTS (
		FROM fact_metric f JOIN dim_token d USING (token_id)
		WHERE d.plugin = t.plugin AND f.metric_id = ? AND f.ts = t.anchor_ts AND value IS NOT NULL)
		AND NOT EXISTS (FROM fact_price p WHERE t.plugin = 'chainlink' AND p.venue = 'chainlink' AND p.ts = t.anchor_ts)`, string(sdk.ExchangeRateMetric))
	k.nothingLeft()
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
