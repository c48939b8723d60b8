package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// node answers like one of a chain with a block every 12 s that keeps the state of
// its newest blocks.
func node(top uint64, head time.Time, keeps uint64, asked *int) asker {
	return func(into any, method string, params ...any) error {
		*asked++
		number := func(i int) uint64 {
			n, err := strconv.ParseUint(params[i].(string), 0, 64)
			if err != nil {
				panic(err)
			}
			return n
		}
		var answer string
		switch method {
		case "eth_getBlockByNumber":
			answer = fmt.Sprintf(`{"timestamp":"0x%x"}`, head.Add(-time.Duration(top-number(0))*12*time.Second).Unix())
		case "eth_getBalance":
			if top-number(1) > keeps {
				return fmt.Errorf("missing trie node of block %d", number(1))
			}
			answer = `"0x0"`
		}
		return json.Unmarshal([]byte(answer), into)
	}
}

func TestHowFarBackAnEndpointHasStateIsFoundOut(t *testing.T) {
	t.Parallel()
	const hour, day, top = 300, 7200, 20_000_000
	head := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		top   uint64
		keeps uint64
		also  time.Duration
		want  string
		asked int
	}{
		{"a node that keeps 128 blocks", top, 128, 0, "no state of an hour ago", 2},
		{"one that keeps exactly an hour", top, hour, 0, "state reaches 1h 0m back", 3},
		{"a pruned node", top, 4 * day, 0, "state reaches 3d 0h back", 4},
		{"a pruned node, asked for what a job needs as well", top, 45 * day, 41 * 24 * time.Hour, "state reaches 41d 0h back", 5},
		{"a node that keeps a year", top, 365 * day, 0, "state reaches 90d 0h back", 5},
		{"an archive", top, top, 0, "state of block 1 is there", 5},
		{"a chain younger than what is asked for", 2 * day, 2 * day, 41 * 24 * time.Hour, "state of block 1 is there", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			r, err := evmReach(node(c.top, head, c.keeps, &asked), c.top, head, c.also)
			if err != nil || r.String() != c.want || asked != c.asked {
				t.Errorf("%s after %d requests, want %s after %d (%v)", r, asked, c.want, c.asked, err)
			}
			if r.all != (r.end == nil) {
				t.Errorf("all is %t, the end is %v", r.all, r.end)
			}
		})
	}
}

func TestTheDoctorComparesThePastWithWhatJobsCatchUpWith(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("p.yaml", []byte(`
chains:
  - { name: ethereum, kind: evm, native_asset: ETH }
  - { name: solana, kind: solana, native_asset: SOL }
jobs:
  - { name: often, schedule: "@hourly", catch_up: all, catch_up_max: 100 }
  - { name: last, schedule: "@daily", catch_up: last }
  - { name: request, catch_up: all }
`))
	if err != nil {
		t.Fatal(err)
	}
	plugin := &ingest.Plugin{Binary: host.Binary{Name: "a"}, Description: sdk.Description{Chains: []sdk.ChainNeed{
		{Chain: "ethereum", ReadsPast: true}, {Chain: "solana"}, {Chain: "files", ReadsPast: true, Offline: true},
	}}}
	needs := standstills(cfg, []*ingest.Plugin{plugin}, time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC))
	if d := cmp.Diff(map[sdk.ChainID]standstill{"ethereum": {"often", 100 * time.Hour}}, needs, cmp.AllowUnexported(standstill{})); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		name, state, says string
		reaches           []reach
	}{
		{"no endpoint reaches far enough", "warn", "job often catches up with ticks of up to 4d 4h", []reach{{}, {back: 72 * time.Hour}}},
		{"one reaches far enough", "ok", "state reaches 4d 4h back", []reach{{back: time.Hour}, {back: 100 * time.Hour}}},
		{"one has everything", "ok", "an endpoint has all state", []reach{{back: time.Hour}, {all: true}}},
	} {
		got := checkPast("ethereum", needs["ethereum"], c.reaches)
		if got.state != c.state || !strings.Contains(got.found, c.says) || (c.state == "warn") != strings.Contains(got.todo, "lower catch_up_max") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
