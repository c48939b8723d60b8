package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// reach is how far back an endpoint answers what the state of its chain was.
type reach struct {
	back time.Duration // the oldest state it answered; 0: not even that of an hour ago
	all  bool          // it has the state of block 1
	end  error         // what the endpoint said of the first state it does not have
}

func (r reach) String() string {
	switch {
	case r.all:
		return "state of block 1 is there"
	case r.back == 0:
		return "no state of an hour ago"
	}
	return "state reaches " + age(r.back) + " back"
}

// evmReach asks for older and older state, and at last for that of block 1. top and
// head are number and time of the newest block; also is one more age that matters.
func evmReach(ask asker, top uint64, head time.Time, also time.Duration) (reach, error) {
	var r reach
	each, err := blockTime(ask, top, head)
	if err != nil {
		return r, err
	}
	ages := []time.Duration{time.Hour, 3 * 24 * time.Hour, 90 * 24 * time.Hour}
	if also > 0 {
		ages = append(ages, also)
	}
	slices.Sort(ages)
	for _, back := range slices.Compact(ages) {
		blocks := uint64(back / each)
		if blocks >= top-1 { // older than the chain
			break
		}
		if r.end = hasState(ask, top-blocks); r.end != nil {
			return r, nil
		}
		r.back = back
	}
	r.end = hasState(ask, 1)
	r.all = r.end == nil
	return r, nil
}

func hasState(ask asker, block uint64) error {
	var balance string
	return ask(&balance, "eth_getBalance", "0x0000000000000000000000000000000000000000", hexNumber(block))
}

// blockTime is how long the chain takes for a block, over the last 10,000.
func blockTime(ask asker, top uint64, head time.Time) (time.Duration, error) {
	if top < 2 {
		return 0, errors.New("its chain has no blocks yet")
	}
	n := min(10_000, top-1)
	var old struct{ Timestamp string }
	if err := ask(&old, "eth_getBlockByNumber", hexNumber(top-n), false); err != nil {
		return 0, fmt.Errorf("it does not tell an older block: %w", err)
	}
	at, err := strconv.ParseInt(old.Timestamp, 0, 64)
	each := head.Sub(time.Unix(at, 0)) / time.Duration(n)
	if err != nil || each <= 0 {
		return 0, errors.New("it answered an older block without a time that is older")
	}
	return each, nil
}

func hexNumber(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// standstill is how long the pipeline may stand still so that a job reads all it has
// missed on a chain, if an endpoint has the state.
type standstill struct {
	job  string
	most time.Duration
}

// tenYears is more than any chain here is old, and bounds what is counted in ticks.
const tenYears = 10 * 365 * 24 * time.Hour

// standstills are the longest of each chain whose past state the plugins of a job read.
func standstills(cfg *config.Config, plugins []*ingest.Plugin, now time.Time) map[sdk.ChainID]standstill {
	longest := map[sdk.ChainID]standstill{}
	for _, j := range cfg.Jobs {
		ticks, err := j.Ticks()
		if err != nil || j.Schedule == "" {
			continue
		}
		next := ticks.Next(now)
		most := ticks.Next(next).Sub(next) // the current tick is read while its period lasts
		if ingest.CatchUp(j.CatchUp) == ingest.CatchUpAll {
			most *= time.Duration(min(max(1, j.CatchUpMax), int(tenYears/most)))
		}
		for _, p := range plugins {
			if p.Err != nil || len(j.Plugins) > 0 && !slices.Contains(j.Plugins, p.Binary.Name) {
				continue
			}
			for _, need := range p.Description.Chains {
				given := len(j.Chains) == 0 || slices.Contains(j.Chains, string(need.Chain))
				if given && need.ReadsPast && !need.Offline && most > longest[need.Chain].most {
					longest[need.Chain] = standstill{j.Name, most}
				}
			}
		}
	}
	return longest
}

// checkPast compares what a chain's endpoints have with what jobs may have to read.
// reaches are those of the endpoints that answered.
func checkPast(chain sdk.ChainID, need standstill, reaches []reach) check {
	var best reach
	for _, r := range reaches {
		best.all = best.all || r.all
		best.back = max(best.back, r.back)
	}
	c := check{what: fmt.Sprintf("past of %s", chain), state: "ok"}
	if best.all {
		c.found = "an endpoint has all state: missed ticks can be caught up with, and every backfill read"
		return c
	}
	c.found = best.String()
	c.todo = "backfill of what is older needs an endpoint with all state (archive: true)"
	if best.back < need.most {
		c.state = "warn"
		c.found += fmt.Sprintf("; job %s catches up with ticks of up to %s", need.job, age(need.most))
		c.todo = "after a longer standstill, older ticks cannot be read: add an endpoint with all state (archive: true), or lower catch_up_max"
	}
	return c
}
