package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// recorded are mainnet's ideal rewards of epoch 335,909 (2025-01-02), two of the 32
// balances the node listed, and a larger one that must not be taken instead.
const recorded = `{"execution_optimistic":false,"finalized":true,"data":{"ideal_rewards":[` +
	`{"effective_balance":"31000000000","head":"2341","target":"4362","source":"2348","inactivity":"0"},` +
	`{"effective_balance":"32000000000","head":"2417","target":"4502","source":"2423","inactivity":"0"},` +
	`{"effective_balance":"33000000000","head":"9999","target":"9999","source":"9999","inactivity":"0"}],` +
	`"total_rewards":[{"validator_index":"0","head":"0","target":"-4511","source":"-2429","inactivity":"0"}]}}`

// rewarded is the first anchor at which the rewards of epoch 335,909 are final.
var rewarded = sdk.Anchor{Chain: beacon, Height: 335_911 * 32, Time: time.Unix(1_606_824_023+335_911*384, 0).UTC()}

// ideals answers as a beacon node behind the gateway.
func ideals(t *testing.T, answer http.HandlerFunc, anchors ...sdk.Anchor) (*solanatest.Sink, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	sink := &solanatest.Sink{}
	return sink, New().Fetch(t.Context(), sdk.Request{
		Chain: beacon, Anchors: anchors, Endpoint: server.URL + "/token", Options: map[string]string{"beacon": "ethereum-beacon"},
	}, sink)
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func TestEthereumsRateIsTheRatioOfTheRecordedIntegers(t *testing.T) {
	t.Parallel()
	var asked, body string
	sink, err := ideals(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		asked, body = r.Method+" "+r.URL.Path, string(raw)
		fmt.Fprint(w, recorded)
	}, rewarded)
	if err != nil || len(sink.Failures()) > 0 {
		t.Fatal(err, sink.Failures())
	}
	if asked != "POST /token/eth/v1/beacon/rewards/attestations/335909" || body != `["0"]` {
		t.Errorf("it asked %s with %s", asked, body)
	}
	o, ok := sink.Find(ethStaking, sdk.BenchmarkAPR)
	if !ok {
		t.Fatal("no rate, or several")
	}
	// 9342 gwei × 64/54 × 82,125 epochs over 32 ether.
	want := fmt.Sprintf("%d/%d", 9342*64*82_125, 54*32_000_000_000)
	got := quantity(o)
	if ratioOf(want).Cmp(got) != 0 || got.FloatString(6) != "0.028415" {
		t.Errorf("the rate is %s (%s), want %s", got, got.FloatString(6), want)
	}
	sum := sha256.Sum256([]byte(recorded))
	if o.Source.Digest != hex.EncodeToString(sum[:]) || o.Source.Method != "POST /eth/v1/beacon/rewards/attestations/335909" ||
		o.Source.Target != "ethereum-beacon" || !strings.Contains(o.Source.Field, "32000000000") {
		t.Errorf("the source is %+v", o.Source)
	}
	if o.Quality != sdk.QualityEstimated || !strings.Contains(o.Reason, "consensus rewards only") || !strings.Contains(o.Reason, "54 to 64") || strings.Contains(o.Reason, ";") {
		t.Errorf("it is %s: %s", o.Quality, o.Reason)
	}
	if end := time.Unix(1_606_824_023+335_910*384, 0).UTC(); o.RefEpoch != 335_909 || !o.RefTime.Equal(end) {
		t.Errorf("it describes epoch %d until %s, want %s", o.RefEpoch, o.RefTime, end)
	}
}

func TestTheEpochIsTheNewestWithFinalRewards(t *testing.T) {
	t.Parallel()
	for slot, want := range map[uint64]string{64: "0", 95: "0", 96: "1", 10_749_151: "335908", 10_749_152: "335909", 10_749_183: "335909"} {
		var asked string
		_, err := ideals(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
			fmt.Fprint(w, recorded)
		}, sdk.Anchor{Height: slot})
		if err != nil || asked != want {
			t.Errorf("at slot %d it asks for epoch %s, want %s, %v", slot, asked, want, err)
		}
	}
}

func TestABalanceThatIsNotListedIsReplacedByTheLargest(t *testing.T) {
	t.Parallel()
	got, err := idealReward([]byte(`{"data":{"ideal_rewards":[{"effective_balance":"31000000000","head":"1","target":"2","source":"3"},` +
		`{"effective_balance":"2048000000000","head":"10","target":"20","source":"30"},{"effective_balance":"1000000000","head":"0","target":"0","source":"0"}]}}`))
	if err != nil || got != (ideal{2_048_000_000_000, 60}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRatesAreInProportionToRewardOverBalance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		reward := rapid.Uint64Range(0, 1_000_000).Draw(t, "reward")
		balance := rapid.Uint64Range(1, 2048).Draw(t, "ether") * 1_000_000_000
		// 64/54 × 82,125 = 876,000/9
		want := ratioOf(fmt.Sprintf("%d/%d", reward*876_000, balance*9))
		if got := (ideal{balance, reward}).apr(); got.Cmp(want) != 0 {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

func TestAnAnchorThatCanNotBeReadDoesNotLoseTheOthers(t *testing.T) {
	t.Parallel()
	entry := func(e string) string { return `{"finalized":true,"data":{"ideal_rewards":[` + e + `]}}` }
	for name, c := range map[string]struct {
		bad  http.HandlerFunc
		kind sdk.Kind
		says string
	}{
		"the gateway gave up":       {status(502, `{"code":502,"message":"chain ethereum-beacon: no answer","kind":"transient"}`), sdk.KindTransient, "no answer"},
		"the node has pruned it":    {status(502, `{"code":502,"message":"this needs a beacon node that keeps old states","kind":"config"}`), sdk.KindConfig, "old states"},
		"a node without a gateway":  {status(404, `{"code":404,"message":"not found"}`), sdk.KindConfig, "status 404: not found"},
		"a node that is busy":       {status(503, `busy`), sdk.KindTransient, "status 503"},
		"a state that is not final": {status(200, `{"finalized":false,"data":{"ideal_rewards":[]}}`), sdk.KindTransient, "not final"},
		"an optimistic state":       {status(200, `{"execution_optimistic":true,"data":{"ideal_rewards":[]}}`), sdk.KindTransient, "not final"},
		"an empty list":             {status(200, entry("")), sdk.KindLayout, "no entry"},
		"an amount as a number":     {status(200, entry(`{"effective_balance":32000000000,"head":"1","target":"1","source":"1"}`)), sdk.KindLayout, "is not a string"},
		"a negative amount":         {status(200, entry(`{"effective_balance":"32000000000","head":"-1","target":"1","source":"1"}`)), sdk.KindLayout, "not an amount"},
		"more than there is":        {status(200, entry(`{"effective_balance":"32000000000","head":"18446744073709551615","target":"1","source":"1"}`)), sdk.KindLayout, "not an amount"},
		"an amount that is missing": {status(200, entry(`{"effective_balance":"32000000000","head":"1","target":"1"}`)), sdk.KindLayout, "has no source"},
		"not JSON":                  {status(200, `<html>`), sdk.KindLayout, "unknown shape"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, err := ideals(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/335909") {
					c.bad(w, r)
					return
				}
				fmt.Fprint(w, recorded)
			}, rewarded, sdk.Anchor{Height: rewarded.Height + 32, Time: rewarded.Time.Add(384 * time.Second)})
			if err != nil {
				t.Fatal(err)
			}
			f := sink.Failures()
			if len(f) != 1 || f[0].Anchor != 0 || f[0].Token != ethStaking || f[0].Kind != c.kind || !strings.Contains(f[0].Message, c.says) {
				t.Errorf("failures are %+v", f)
			}
			for _, one := range f {
				if strings.Contains(one.Message, "token") {
					t.Errorf("the endpoint's address leaks: %s", one.Message)
				}
			}
			if rows := sink.Rows(""); len(rows) != 1 || rows[0].Anchor != 1 {
				t.Errorf("rows are %+v", rows)
			}
		})
	}
}

func TestTheFirstEpochsHaveNoRewardsYet(t *testing.T) {
	t.Parallel()
	sink, err := ideals(t, status(500, ""), sdk.Anchor{Height: 63})
	if f := sink.Failures(); err != nil || len(f) != 1 || f[0].Kind != sdk.KindNoData {
		t.Errorf("%v, %+v", err, f)
	}
}

func TestAFetchThatIsCancelledEndsWithoutVerdicts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	t.Cleanup(server.Close)
	sink := &solanatest.Sink{}
	err := New().Fetch(ctx, sdk.Request{Chain: beacon, Anchors: []sdk.Anchor{rewarded}, Endpoint: server.URL,
		Options: map[string]string{"beacon": "ethereum-beacon"}}, sink)
	if err == nil || len(sink.Failures()) > 0 {
		t.Errorf("%v, %+v", err, sink.Failures())
	}
}
