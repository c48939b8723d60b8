package main

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// cluster is a Solana of round numbers in epoch 1060, 100,000 slots in: 600 million
// SOL, 400 million of them staked, 4 % a year for stakers, slots of exactly 200 ms.
type cluster struct {
	node    *solanatest.Node
	results map[string]string // method → the result or error member
}

// Mainnet's slots of activation: epochs 1019, 1023, 1036 and 1052.
var activated = []uint64{440_208_000, 441_936_000, 447_552_000, 454_464_000}

func feature(slot uint64, active bool) solanatest.Account {
	data := make([]byte, 9)
	if active {
		data[0] = 1
		binary.LittleEndian.PutUint64(data[1:], slot)
	}
	return solanatest.Account{Owner: solana.FeatureProgram, Lamports: 953_185, Data: data}
}

func newCluster() *cluster {
	schedule := solanatest.MainnetSchedule
	state := solanatest.State{
		Slot:     1060*432_000 + 100_000,
		Clock:    solana.Clock{Epoch: 1060, EpochStart: 1_795_000_000, Time: 1_795_020_000},
		Schedule: &schedule, Accounts: map[solana.PublicKey]solanatest.Account{},
	}
	for i, key := range gateKeys() {
		state.Accounts[key] = feature(activated[i], true)
	}
	c := &cluster{node: solanatest.NewNode(state), results: map[string]string{
		"getInflationRate": `"result":{"epoch":1060,"foundation":0.0,"total":0.04,"validator":0.04}`,
		"getVoteAccounts": `"result":{"current":[
			{"votePubkey":"A","nodePubkey":"a","activatedStake":300000000000000000,"commission":5,"epochVoteAccount":true,"lastVote":458020000,"rootSlot":458019969,"epochCredits":[[1060,900000,0]]},
			{"votePubkey":"B","nodePubkey":"b","activatedStake":90000000000000000,"commission":0,"epochVoteAccount":true,"lastVote":458020000,"rootSlot":458019969,"epochCredits":[]},
			{"votePubkey":"C","nodePubkey":"c","activatedStake":0,"commission":100,"epochVoteAccount":false,"lastVote":0,"rootSlot":0,"epochCredits":[]}],
			"delinquent":[{"votePubkey":"D","nodePubkey":"d","activatedStake":10000000000000000,"commission":100,"epochVoteAccount":true,"lastVote":1,"rootSlot":0,"epochCredits":[]}]}`,
		"getSupply":                   `"result":{"context":{"apiVersion":"4.2.1","slot":458020003},"value":{"circulating":550000000000000000,"nonCirculating":50000000000000000,"nonCirculatingAccounts":[],"total":600000000000000000}}`,
		"getRecentPerformanceSamples": `"result":[{"numNonVoteTransactions":1,"numSlots":300,"numTransactions":2,"samplePeriodSecs":60,"slot":458019990},{"numSlots":300,"numTransactions":2,"samplePeriodSecs":60,"slot":458019690}]`,
	}}
	c.node.Intercept(func(w http.ResponseWriter, r solanatest.Request) bool {
		member, ok := c.results[r.Method]
		if ok {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, r.ID, member)
		}
		return ok
	})
	return c
}

// fetch reads the cluster at its only anchor.
func (c *cluster) fetch(t *testing.T) (*solanatest.Sink, error) {
	t.Helper()
	return c.fetchAt(t, sdk.Anchor{Chain: solana.Chain, Height: 458_020_000})
}

func (c *cluster) fetchAt(t *testing.T, anchors ...sdk.Anchor) (*solanatest.Sink, error) {
	t.Helper()
	server := httptest.NewServer(c.node)
	t.Cleanup(server.Close)
	sink := &solanatest.Sink{}
	err := New().Fetch(t.Context(), sdk.Request{Chain: solana.Chain, Anchors: anchors, Endpoint: server.URL}, sink)
	return sink, err
}

func (c *cluster) rate(t *testing.T) sdk.Observation {
	t.Helper()
	sink, err := c.fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	o, ok := sink.Find(solStaking, sdk.BenchmarkAPR)
	if !ok {
		t.Fatal("no rate, or several")
	}
	return o
}

// quantity is an observation as an exact number in the metric's unit.
func quantity(o sdk.Observation) *big.Rat {
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(o.Decimals)), nil)
	if o.Divisor != nil {
		den.Mul(den, o.Divisor)
	}
	return new(big.Rat).SetFrac(o.Value, den)
}

// ratioOf reads an exact ratio, for example "1/3".
func ratioOf(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("not a ratio: " + text)
	}
	return r
}

func TestEveryNumberOfSolanaIsExact(t *testing.T) {
	t.Parallel()
	sink, err := newCluster().fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	// 4 % × 600/400 = 6 % a year of the schedule; 31,536,000 s have 157,680,000 slots
	// of 200 ms, and the schedule's year 157,784,629.968.
	apr := new(big.Rat).Mul(big.NewRat(6, 100), big.NewRat(157_680_000_000, 157_784_629_968))
	want := map[sdk.MetricID]string{
		sdk.InflationRate: "1/25", sdk.GrossStakeNative: "400000000", sdk.NetworkSupplyNative: "600000000",
		sdk.ValidatorCommissionBPS: "625", // (300 × 5 % + 10 × 100 %) / 400
		sdk.Validators:             "3", sdk.ValidatorsActive: "2", sdk.SlotSeconds: "1/5", sdk.BenchmarkAPR: apr.RatString(),
	}
	got := map[sdk.MetricID]string{}
	for _, o := range sink.Rows(solStaking) {
		got[o.Metric] = quantity(o).RatString()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := apr.FloatString(6); text != "0.059960" {
		t.Errorf("the rate is about %s", text)
	}
}

func TestEveryRowOfSolanaHasPositionEvidenceAndADeclaredMetric(t *testing.T) {
	t.Parallel()
	sink, err := newCluster().fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	declared := New().Describe().Metrics
	position := sdk.Position{Height: 458_020_000, Time: time.Unix(1_795_020_000, 0).UTC(), Epoch: 1060, EpochStart: time.Unix(1_795_000_000, 0).UTC()}
	digests := map[string]bool{}
	for _, o := range sink.Rows("") {
		if !slices.Contains(declared, o.Metric) {
			t.Errorf("%s is not declared", o.Metric)
		}
		if o.Token != solStaking || o.At == nil || !cmp.Equal(position, *o.At) || o.RefEpoch != 1060 {
			t.Errorf("%s of %s is at %+v, epoch %d", o.Metric, o.Token, o.At, o.RefEpoch)
		}
		if s := o.Source; s.Method == "" || s.Target != "solana" || s.Field == "" || len(s.Digest) != 64 {
			t.Errorf("%s has the source %+v", o.Metric, s)
		}
		if strings.Contains(o.Reason, ";") || (o.Quality != sdk.QualityOK) != (o.Reason != "") {
			t.Errorf("%s is %s because %q", o.Metric, o.Quality, o.Reason)
		}
		digests[o.Source.Digest] = true
	}
	if len(digests) != 4 {
		t.Errorf("the rows rest on %d answers, want 4", len(digests))
	}
}

func TestTheRateSaysWhatItCounts(t *testing.T) {
	t.Parallel()
	o := newCluster().rate(t)
	want := "inflation only: before validators' commission, without tips and fees, not compounded, " +
		"annualised at 0.2000 s a slot, measured by one node's clock over 600 slots in 2 minutes, where the chain reckons with 0.200 s"
	if o.Quality != sdk.QualityEstimated || o.Reason != want {
		t.Errorf("it is %s: %s", o.Quality, o.Reason)
	}
}

func TestTheInflationRateKeepsEveryPrintedDigit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0.038612873456789012":  "0.038612873456789012",
		"3.8612873456789012e-2": "0.038612873456789012",
		"0.0":                   "0.000000000000000000",
		"1":                     "1.000000000000000000",
	} {
		v, ok := fraction(text)
		if !ok || v.FloatString(18) != want {
			t.Errorf("%s is read as %v", text, v)
		}
	}
	for _, text := range []string{"", "-0.01", "1.5", "1e999999999", "NaN", "0x1p-3", "1/25", "0." + strings.Repeat("1", 60)} {
		if v, ok := fraction(text); ok {
			t.Errorf("%q is read as %v", text, v)
		}
	}
}

func TestAnyPrintedInflationComesOutAsTheRatioOfItsDigits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.Uint64Range(0, 99_999_999_999_999_999).Draw(t, "digits")
		supply := rapid.Uint64Min(1).Draw(t, "supply")
		stake := rapid.Uint64Range(1, supply).Draw(t, "stake")
		v, ok := fraction(fmt.Sprintf("0.%017d", digits))
		if !ok {
			t.Fatal("not read")
		}
		got := rate(v, u(supply), u(stake))
		num := new(big.Int).Mul(u(digits), u(supply))
		den := new(big.Int).Mul(new(big.Int).Exp(big.NewInt(10), big.NewInt(17), nil), u(stake))
		if got.Cmp(new(big.Rat).SetFrac(num, den)) != 0 {
			t.Fatalf("%d × %d / %d is %s", digits, supply, stake, got)
		}
	})
}

// Issuance must not seem to double because a year has twice as many slots.
func TestTheRateDoesNotMoveWhenTheTargetDoes(t *testing.T) {
	t.Parallel()
	first := target{milliseconds: 400, perYear: targets[0].perYear}
	want := pace{target: first, seconds: big.NewRat(4, 10)}.yearly()
	for _, row := range targets {
		got := pace{target: row, seconds: big.NewRat(row.milliseconds, 1000)}.yearly()
		off := new(big.Rat).Quo(new(big.Rat).Sub(got, want), want)
		if off.Abs(off).Cmp(big.NewRat(1, 100_000_000_000)) > 0 {
			t.Errorf("at %s s a slot a year of the schedule passes %s times in 365 days, at 0.4 s %s times",
				row, got.FloatString(12), want.FloatString(12))
		}
		off.Quo(new(big.Rat).Sub(asPlanned(), got), got)
		if off.Abs(off).Cmp(big.NewRat(1, 100_000_000_000)) > 0 {
			t.Errorf("without a measurement it is %s, want %s", asPlanned().FloatString(12), got.FloatString(12))
		}
	}
}

func TestATargetIsInForceOneEpochAfterItsActivation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		epoch uint64
		want  int64
	}{
		"before the first gate":       {1018, 400},
		"in the epoch of activation":  {1019, 400},
		"in the next epoch":           {1020, 350},
		"two gates later":             {1037, 250},
		"in the last activation":      {1052, 250},
		"with the last one in effect": {1053, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schedule := solanatest.MainnetSchedule
			state := solanatest.State{Slot: c.epoch*432_000 + 7, Schedule: &schedule,
				Clock:    solana.Clock{Epoch: c.epoch, EpochStart: 1, Time: 2},
				Accounts: map[solana.PublicKey]solanatest.Account{}}
			for i, key := range gateKeys() {
				state.Accounts[key] = feature(activated[i], activated[i] <= state.Slot)
				if activated[i] > state.Slot && i%2 == 1 {
					delete(state.Accounts, key) // nobody has asked for it yet
				}
			}
			server := httptest.NewServer(solanatest.NewNode(state))
			t.Cleanup(server.Close)
			snap, err := solana.Dial(server.URL).Snapshot(t.Context(), sdk.Anchor{}, gateKeys()...)
			if err != nil {
				t.Fatal(err)
			}
			got, since, err := inForce(snap)
			if err != nil || got.milliseconds != c.want || since%432_000 != 0 || since > state.Slot {
				t.Errorf("%d ms since slot %d, %v; want %d ms", got.milliseconds, since, err, c.want)
			}
		})
	}
}

func TestSlowSlotsPayLess(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.results["getRecentPerformanceSamples"] = `"result":[{"slot":458019990,"numSlots":240,"samplePeriodSecs":60}]`
	slow, fast := quantity(c.rate(t)), quantity(newCluster().rate(t))
	if ratio := new(big.Rat).Quo(slow, fast); ratio.RatString() != "4/5" {
		t.Errorf("slots of 250 ms instead of 200 pay %s of the rate", ratio)
	}
}

// Before the switch slots were slower by plan; that says nothing about the pace now.
func TestSamplesFromBeforeTheTargetWasInForceDoNotCount(t *testing.T) {
	t.Parallel()
	c := newCluster()
	first := 1053 * 432_000
	c.node.SetState(func() solanatest.State {
		schedule := solanatest.MainnetSchedule
		s := solanatest.State{Slot: uint64(first + 1000), Schedule: &schedule, Accounts: map[solana.PublicKey]solanatest.Account{},
			Clock: solana.Clock{Epoch: 1053, EpochStart: 1_795_000_000, Time: 1_795_000_200}}
		for i, key := range gateKeys() {
			s.Accounts[key] = feature(activated[i], true)
		}
		return s
	}())
	c.results["getInflationRate"] = `"result":{"epoch":1053,"validator":0.04}`
	c.results["getRecentPerformanceSamples"] = fmt.Sprintf(`"result":[{"slot":%d,"numSlots":300,"samplePeriodSecs":60},
		{"slot":%d,"numSlots":270,"samplePeriodSecs":60},{"slot":%d,"numSlots":240,"samplePeriodSecs":60}]`, first+400, first+100, first-170)
	sink, err := c.fetchAt(t, sdk.Anchor{Chain: solana.Chain, Height: uint64(first)})
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := sink.Find(solStaking, sdk.SlotSeconds); quantity(o).RatString() != "1/5" {
		t.Errorf("the pace is %s: %s", quantity(o), o.Reason)
	}
}

func TestWithoutAPaceTheRateIsThatOfTheSchedule(t *testing.T) {
	t.Parallel()
	want := new(big.Rat).Mul(big.NewRat(6, 100), asPlanned())
	for name, c := range map[string]struct {
		change func(*cluster)
		says   string
	}{
		"the provider lacks the method": {func(c *cluster) {
			c.results[methodPace] = `"error":{"code":-32601,"message":"Method not found"}`
		}, "the node refused: Method not found"},
		"there are no samples": {func(c *cluster) { c.results[methodPace] = `"result":[]` }, "no sample of late at 200 ms a slot"},
		"the samples are old": {func(c *cluster) {
			c.results[methodPace] = `"result":[{"slot":457019990,"numSlots":300,"samplePeriodSecs":60}]`
		}, "no sample of late"},
		"the samples have an unknown shape": {func(c *cluster) { c.results[methodPace] = `"result":[{"slot":"5"}]` }, "unknown shape"},
		"the pace fits no target": {func(c *cluster) {
			c.results[methodPace] = `"result":[{"slot":458019990,"numSlots":400,"samplePeriodSecs":60}]`
		}, "measured 0.1500 s a slot, which does not fit the target of 0.200 s"},
		"a gate belongs to somebody else": {func(c *cluster) {
			c.node.Set(gateKeys()[3], solanatest.Account{Owner: solana.SystemProgram, Data: make([]byte, 9)})
		}, "belongs to program"},
		"a gate has another layout": {func(c *cluster) {
			c.node.Set(gateKeys()[0], solanatest.Account{Owner: solana.FeatureProgram, Data: []byte{2}})
		}, "unknown layout"},
		"the epoch schedule is missing": {func(c *cluster) {
			c.node.Set(solana.EpochScheduleKey, solanatest.Account{Owner: solana.SystemProgram})
		}, "epoch schedule was not readable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := newCluster()
			c.change(broken)
			o := broken.rate(t)
			if quantity(o).Cmp(want) != 0 || o.Quality != sdk.QualityEstimated ||
				!strings.Contains(o.Reason, "as if slots took exactly their target time") || !strings.Contains(o.Reason, c.says) {
				t.Errorf("it is %s: %s", quantity(o).FloatString(9), o.Reason)
			}
		})
	}
}

func TestAnswersThatCanNotBeUsedFailTheFetch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, result string
		kind           sdk.Kind
		says           string
	}{
		"the epoch turned in between":  {"getInflationRate", `"result":{"epoch":1061,"validator":0.04}`, sdk.KindTransient, "the epoch turned"},
		"an inflation without epoch":   {"getInflationRate", `"result":{"validator":0.04}`, sdk.KindLayout, "no epoch"},
		"an inflation above all":       {"getInflationRate", `"result":{"epoch":1060,"validator":4}`, sdk.KindLayout, "between 0 and 1"},
		"no inflation":                 {"getInflationRate", `"result":null`, sdk.KindLayout, "getInflationRate"},
		"a busy node":                  {"getVoteAccounts", `"error":{"code":-32005,"message":"Node is unhealthy"}`, sdk.KindTransient, "unhealthy"},
		"one list of validators":       {"getVoteAccounts", `"result":{"current":[]}`, sdk.KindLayout, "missing"},
		"a stake that is a float":      {"getVoteAccounts", `"result":{"current":[{"activatedStake":1.5e9,"commission":1}],"delinquent":[]}`, sdk.KindLayout, "unknown shape"},
		"a stake that is left out":     {"getVoteAccounts", `"result":{"current":[{"commission":1}],"delinquent":[]}`, sdk.KindLayout, "no activatedStake"},
		"a commission above all":       {"getVoteAccounts", `"result":{"current":[{"activatedStake":1,"commission":101}],"delinquent":[]}`, sdk.KindLayout, "commission"},
		"nothing staked":               {"getVoteAccounts", `"result":{"current":[],"delinquent":[]}`, sdk.KindLayout, "nothing is staked"},
		"no supply":                    {"getSupply", `"result":{"context":{"slot":458020003},"value":{}}`, sdk.KindLayout, "no total"},
		"a supply of the past":         {"getSupply", `"result":{"context":{"slot":458019999},"value":{"total":600000000000000000}}`, sdk.KindTransient, "before the anchor"},
		"less supply than stake":       {"getSupply", `"result":{"context":{"slot":458020003},"value":{"total":399999999999999999}}`, sdk.KindLayout, "more than the whole supply"},
		"a busy node at the last call": {methodPace, `"error":{"code":-32005,"message":"Node is unhealthy"}`, sdk.KindTransient, "unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := newCluster()
			broken.results[c.method] = c.result
			sink, err := broken.fetch(t)
			if sdk.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "slot 458020000") {
				t.Errorf("got %s: %v", sdk.KindOf(err), err)
			}
			if n := len(sink.Rows("")); n != 0 {
				t.Errorf("%d rows came all the same", n)
			}
		})
	}
}

func TestOnlyTheNewestMomentOfSolanaCanBeRead(t *testing.T) {
	t.Parallel()
	sink, err := newCluster().fetchAt(t, sdk.Anchor{Height: 1}, sdk.Anchor{Height: 2}, sdk.Anchor{Height: 458_020_000})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range sink.Failures() {
		if f.Anchor != i || f.Kind != sdk.KindUnrecoverable {
			t.Errorf("failure %+v", f)
		}
	}
	if n := len(sink.Failures()); n != 2 {
		t.Errorf("%d failures, want 2", n)
	}
	for _, o := range sink.Rows("") {
		if o.Anchor != 2 {
			t.Errorf("%s is of anchor %d", o.Metric, o.Anchor)
		}
	}
}
