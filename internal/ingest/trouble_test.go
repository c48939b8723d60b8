package ingest

import (
	"fmt"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestOnlyWhatMayGoAwayByItselfIsTriedForEver(t *testing.T) {
	t.Parallel()
	start := time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)
	minutes := func(list ...int) (tries []time.Duration) {
		for _, m := range list {
			tries = append(tries, time.Duration(m)*time.Minute)
		}
		return tries
	}
	for _, c := range []struct {
		name   string
		fault  chaintest.Fault
		tries  []time.Duration
		ledger string
		ends   string
	}{
		{"an outage is outlasted", chaintest.RPCError(-32000, "busy"), minutes(0, 1, 7, 43, 259, 619, 979), "failed | 7 | 2024-03-02T10:49:00Z | transient | ", "busy (tried 1 times)"},
		{"a defect waits for a person", chaintest.RPCError(3, "execution reverted"), minutes(0, 1, 7), "failed | 3 | <nil> | internal | ", "tried 3 times: a person has to look, then `pipeline run --retry` tries again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			job := dailyJob()
			job.Schedule = every(7 * 24 * time.Hour) // no other tick comes meanwhile
			job.Attempts = 3
			w := newWorld(t, start)
			p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool")
			w.SpoilEthereum(`"eth_call"`, c.fault)
			const ledger = `SELECT state, attempts, next_try, error_class, error FROM ingest_task`
			var tries []time.Duration
			step := time.Minute
			for after := time.Duration(0); after < 20*time.Hour; after += step {
				if after >= 59*time.Minute {
					step = 20 * time.Minute
				}
				at := start.Add(after)
				w.clock.set(at)
				if work, _, err := p.Due(t.Context(), []Job{job}, p.plugins, chains); err != nil {
					t.Fatal(err)
				} else if len(work) > 0 {
					tries = append(tries, after)
					if _, err := p.Run(t.Context(), "run", p.plugins, work); err != nil {
						t.Fatal(err)
					}
				}
			}
			if d := cmp.Diff(c.tries, tries); d != "" {
				t.Errorf("tries:\n%s", d)
			}
			if row := p.ask(t, ledger)[0]; !strings.HasPrefix(row, c.ledger) || !strings.HasSuffix(row, c.ends) {
				t.Errorf("the ledger says %s", row)
			}
			// A person has looked.
			w.Heal()
			job.Retry = true
			if sum := p.mustWake(t, job); !sum.OK() || len(sum.Outcomes) != 1 {
				t.Errorf("%+v", sum)
			}
			if got := p.ask(t, `SELECT state, attempts, error FROM ingest_task`); got[0] != fmt.Sprintf("have | %d | <nil>", len(tries)+1) {
				t.Errorf("the ledger says %s", got[0])
			}
		})
	}
}

func TestEndpointsThatDisagreeAreSeenInQuarantine(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)
	w := newWorld(t, now)
	p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool")
	liar := chaintest.NewEthereum()
	liar.Now = w.clock.now
	liar.TeachRocketPool()
	liar.Answer(chaintest.PoolBalance, 1)
	server := httptest.NewServer(liar)
	t.Cleanup(server.Close)
	gate, err := gateway.New(gateway.Options{Now: w.clock.now, Attempts: 1, Chains: []gateway.Chain{{
		ID: "ethereum", Kind: gateway.EVM, NetworkID: 1, Verify: 2,
		Endpoints: []gateway.Endpoint{{Alias: "one", URL: w.EthereumURL}, {Alias: "two", URL: server.URL}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gate.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Gateway = gate
	sum := p.mustWake(t, dailyJob())
	if sum.OK() || len(sum.Outcomes) != 1 || sum.Outcomes[0].State != "failed" {
		t.Fatalf("%+v", sum)
	}
	if got := p.ask(t, `SELECT state, error_class, attempts, next_try FROM ingest_task`); got[0] != "failed | disagreement | 1 | 2024-03-01T12:31:00Z" {
		t.Errorf("the ledger says %s", got[0])
	}
	row := p.ask(t, `SELECT check_name, state, plugin, reason FROM quarantine`)
	if len(row) != 1 || !strings.HasPrefix(row[0], "disagreement | held | rocketpool | ") || !strings.Contains(row[0], `endpoints "one" and "two"`) {
		t.Errorf("quarantine: %v", row)
	}
	if got := p.ask(t, `SELECT count(*) FROM fact_metric`); got[0] != "0" {
		t.Errorf("%s facts were stored", got[0])
	}
}

// What one tick brings and cannot be stored does not take the others with it.
func TestWhatCannotBeStoredFailsAlone(t *testing.T) {
	t.Parallel()
	r := planner(t, at(12, 0))
	r.Log = slog.New(slog.DiscardHandler)
	r.Tokens = map[sdk.TokenID]sdk.Token{"tst": {ID: "tst", Chain: "ethereum", Underlying: "ETH"}}
	run, err := r.Store.StartRun(t.Context(), "run", "test", at(12, 0))
	if err != nil {
		t.Fatal(err)
	}
	rd := reading{
		runID: run, work: Work{Series: Series{"state", "past", "ethereum"}}, plugin: reader("past", "ethereum", true), got: newCollector(3, nil),
	}
	for i := range 3 {
		tick := at(i, 0)
		rd.ticks = append(rd.ticks, tick)
		rd.anchors = append(rd.anchors, sdk.Anchor{Chain: "ethereum", Height: uint64(i + 1), Time: tick, Tick: tick, Finality: sdk.Finalized})
		o := sdk.Observation{Token: "tst", Metric: sdk.LSTSupply, Anchor: i, Value: big.NewInt(5), Source: sdk.Source{Method: "totalSupply()", Target: "0x1"}}
		if i == 1 {
			o.Value = nil // unknown, and nobody says why
		}
		if err := rd.got.Observe(o); err != nil {
			t.Fatal(err)
		}
	}
	var outcomes []string
	if err := r.commit(t.Context(), &rd, func(o Outcome) { outcomes = append(outcomes, o.Tick.Format("15 ")+o.State) }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"00 have", "01 failed", "02 have"}, outcomes); d != "" {
		t.Error(d)
	}
	tasks, err := r.Store.Tasks(t.Context(), store.TaskFilter{States: []string{"failed"}})
	if err != nil || len(tasks) != 1 || tasks[0].ErrorClass != sdk.KindInternal || !strings.Contains(tasks[0].Error, "cannot be stored") {
		t.Errorf("%+v, %v", tasks, err)
	}
}

func TestWaitsGrow(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for n := range 6 {
		got = append(got, backoff(n))
	}
	if d := cmp.Diff([]time.Duration{time.Minute, time.Minute, 6 * time.Minute, 36 * time.Minute, 216 * time.Minute, 6 * time.Hour}, got); d != "" {
		t.Error(d)
	}
	if givenUp(0, 1000, sdk.KindLayout) {
		t.Error("0 attempts mean no end")
	}
}
