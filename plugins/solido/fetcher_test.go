package main

import (
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/plugins/solido/state"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

func sound() state.State {
	return state.State{
		StSOLMint:    mintKey,
		ExchangeRate: state.ExchangeRate{ComputedInEpoch: 900, StSOLSupply: 50_000_000_000_000, SOLBalance: 60_000_000_000_000},
		TreasuryFee:  4, DeveloperFee: 1, StSOLAppreciation: 95,
	}
}

func mint(supply uint64, authority solana.PublicKey) solanatest.Account {
	return solanatest.Account{Owner: solana.TokenProgram, Data: solana.Mint{Authority: &authority, Supply: supply, Decimals: 9, Initialized: true}.Encode()}
}

// chain serves a state and a mint with 40,000 stSOL left, in epoch 900.
func chain(s state.State) solanatest.State {
	return solanatest.State{
		Slot: 389_016_000, Clock: solana.Clock{Epoch: 900, EpochStart: 1_766_000_000, Time: 1_766_086_400},
		Accounts: map[solana.PublicKey]solanatest.Account{
			stateKey: {Owner: program, Data: s.Encode()},
			mintKey:  mint(40_000_000_000_000, mintAuthority),
		},
	}
}

func fetch(t *testing.T, node *solanatest.Node) (*solanatest.Sink, error) {
	t.Helper()
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	sink := &solanatest.Sink{}
	return sink, New().Fetch(t.Context(), sdk.Request{Chain: solana.Chain, Anchors: []sdk.Anchor{{Height: 1}}, Endpoint: server.URL}, sink)
}

func read900(t *testing.T, s solanatest.State) *solanatest.Sink {
	t.Helper()
	sink, err := fetch(t, solanatest.NewNode(s))
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func quantity(o sdk.Observation) string {
	if o.Value == nil {
		return "unknown: " + o.Reason
	}
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(o.Decimals)), nil)
	if o.Divisor != nil {
		den.Mul(den, o.Divisor)
	}
	return new(big.Rat).SetFrac(o.Value, den).RatString()
}

func TestEveryNumberOfASoundState(t *testing.T) {
	t.Parallel()
	sink := read900(t, chain(sound()))
	want := map[sdk.MetricID]string{
		sdk.ExchangeRateMetric: "6/5", sdk.BackingNative: "48000", sdk.LSTSupply: "40000", sdk.LSTSupplyMint: "40000",
		sdk.LSTSupplyReported: "50000", sdk.FeeRewardBPS: "500", sdk.FeeRewardTreasuryBPS: "400",
	}
	position := sdk.Position{Height: 389_016_000, Time: time.Unix(1_766_086_400, 0).UTC(), Epoch: 900, EpochStart: time.Unix(1_766_000_000, 0).UTC()}
	declared := New().Describe().Metrics
	got := map[sdk.MetricID]string{}
	for _, o := range sink.Rows("") {
		got[o.Metric] = quantity(o)
		if o.Token != token || o.Quality != sdk.QualityOK || o.At == nil || !cmp.Equal(position, *o.At) || len(o.Source.Digest) != 64 {
			t.Errorf("%s is %+v", o.Metric, o)
		}
		if !slices.Contains(declared, o.Metric) {
			t.Errorf("%s is not declared", o.Metric)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(declared) != len(got) {
		t.Errorf("%d metrics are declared, %d were read", len(declared), len(got))
	}
	if f := sink.Failures(); len(f) != 0 {
		t.Errorf("failures: %+v", f)
	}
}

func TestTheRateIsAsOldAsTheEpochItWasComputedIn(t *testing.T) {
	t.Parallel()
	for epoch, want := range map[uint64]sdk.Quality{900: sdk.QualityOK, 899: sdk.QualityStale, 706: sdk.QualityStale, 901: sdk.QualitySuspect} {
		s := sound()
		s.ExchangeRate.ComputedInEpoch = epoch
		sink := read900(t, chain(s))
		for _, m := range []sdk.MetricID{sdk.ExchangeRateMetric, sdk.BackingNative} {
			if o, _ := sink.Find(token, m); o.Quality != want || o.RefEpoch != epoch || (o.Reason == "") != (want == sdk.QualityOK) {
				t.Errorf("epoch %d: %s is %s of %d: %s", epoch, m, o.Quality, o.RefEpoch, o.Reason)
			}
		}
		if o, _ := sink.Find(token, sdk.LSTSupply); o.Quality != sdk.QualityOK {
			t.Errorf("epoch %d: the mint's supply is %s", epoch, o.Quality)
		}
	}
}

func TestTheStatusIsSunset(t *testing.T) {
	t.Parallel()
	if p := New().Describe().Protocols[0]; p.Status != "sunset" || p.Sunset == "" || p.DepositsClosed == "" {
		t.Errorf("protocol is %+v", p)
	}
	if got := mintAuthority.String(); got != "8kRRsKezwXS21beVDcAoTmih1XbyFnEAMXXiGXz6J3Jz" {
		t.Errorf("the mint's authority is %s", got)
	}
}

func TestStatesThatCanNotBeUsedAreNamedFailures(t *testing.T) {
	t.Parallel()
	foreign := sound()
	foreign.StSOLMint = program
	for name, c := range map[string]struct {
		account *solanatest.Account
		kind    sdk.Kind
		want    string
	}{
		"no state account":      {nil, sdk.KindNoData, stateKey.String() + " does not exist"},
		"another program's":     {&solanatest.Account{Owner: solana.StakeProgram, Data: sound().Encode()}, sdk.KindIdentity, "belongs to program"},
		"an account that ends":  {&solanatest.Account{Owner: program, Data: sound().Encode()[:466]}, sdk.KindLayout, "has 466 bytes"},
		"version 0":             {&solanatest.Account{Owner: program, Data: make([]byte, state.Size)}, sdk.KindLayout, "account_type"},
		"a state of other mint": {&solanatest.Account{Owner: program, Data: foreign.Encode()}, sdk.KindIdentity, "names the mint"},
	} {
		s := chain(sound())
		if delete(s.Accounts, stateKey); c.account != nil {
			s.Accounts[stateKey] = *c.account
		}
		sink := read900(t, s)
		f := sink.Failures()
		if len(f) != 1 || f[0].Token != token || f[0].Kind != c.kind || !strings.Contains(f[0].Message, c.want) || len(sink.Rows("")) > 0 {
			t.Errorf("%s: failures are %+v and %d rows, want %s with %q", name, f, len(sink.Rows("")), c.kind, c.want)
		}
	}
}

func TestAMintThatCanNotBeUsedCostsWhatItCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account  *solanatest.Account
		failures int
	}{
		"no mint":                 {nil, 0},
		"a mint of somebody else": {func() *solanatest.Account { a := mint(1, stateKey); return &a }(), 1},
		"an account of no token":  {&solanatest.Account{Owner: program}, 1},
	} {
		s := chain(sound())
		if delete(s.Accounts, mintKey); c.account != nil {
			s.Accounts[mintKey] = *c.account
		}
		sink := read900(t, s)
		if f := sink.Failures(); len(f) != c.failures {
			t.Errorf("%s: failures are %+v", name, f)
		}
		for _, m := range []sdk.MetricID{sdk.LSTSupply, sdk.LSTSupplyMint, sdk.BackingNative} {
			if o, ok := sink.Find(token, m); !ok || o.Value != nil || o.Reason == "" {
				t.Errorf("%s: %s is %s", name, m, quantity(o))
			}
		}
		if o, _ := sink.Find(token, sdk.ExchangeRateMetric); quantity(o) != "6/5" {
			t.Errorf("%s: the rate is %s", name, quantity(o))
		}
	}
}

func TestAStateWithoutNumbersGivesUnknownNotZero(t *testing.T) {
	t.Parallel()
	sink := read900(t, chain(state.State{StSOLMint: mintKey, ExchangeRate: state.ExchangeRate{ComputedInEpoch: 900}}))
	for _, m := range []sdk.MetricID{sdk.ExchangeRateMetric, sdk.BackingNative, sdk.FeeRewardBPS, sdk.FeeRewardTreasuryBPS} {
		if o, ok := sink.Find(token, m); !ok || o.Value != nil || o.Reason == "" {
			t.Errorf("%s is %s", m, quantity(o))
		}
	}
}

func TestAnEndpointThatFailsFailsTheFetch(t *testing.T) {
	t.Parallel()
	node := solanatest.NewNode(chain(sound()))
	node.Intercept(solanatest.Answer(http.StatusTooManyRequests, ""))
	if _, err := fetch(t, node); sdk.KindOf(err) != sdk.KindTransient || !strings.Contains(err.Error(), "solido on solana") {
		t.Errorf("got %v", err)
	}
	if err := New().Fetch(t.Context(), sdk.Request{Chain: "ethereum"}, nil); sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("another chain: %v", err)
	}
	if err := New().Fetch(t.Context(), sdk.Request{Chain: solana.Chain, Tokens: []sdk.TokenID{"msol"}}, nil); err != nil {
		t.Errorf("another token: %v", err)
	}
}

// The state and the mint of June 2025 were recorded on one day.
func TestTheRecordedStateComesOutExactlyThroughRPC(t *testing.T) {
	t.Parallel()
	s := chain(sound())
	s.Accounts = map[solana.PublicKey]solanatest.Account{}
	var d dumps.Dump
	for file, a := range dumps.Read(t, "") {
		if strings.HasSuffix(file, ".inf15-ca9a991.json") {
			s.Accounts[a.Key] = a.Account
			if a.Text("kind") == "lido_state_v1" {
				d = a
			}
		}
	}
	s.Clock.Epoch = 796
	sink := read900(t, s)
	if f := sink.Failures(); len(f) > 0 {
		t.Fatalf("failures: %+v", f)
	}
	rate, _ := sink.Find(token, sdk.ExchangeRateMetric)
	if rate.Value.String() != d.Text("er.sol_balance") || rate.Divisor.String() != d.Text("er.st_sol_supply") || rate.Quality != sdk.QualityOK {
		t.Errorf("rate is %+v", rate)
	}
	if got := new(big.Rat).SetFrac(rate.Value, rate.Divisor).FloatString(9); got != "1.212405583" {
		t.Errorf("rate is %s", got)
	}
	for metric, want := range map[sdk.MetricID]string{sdk.LSTSupply: "46641107724815", sdk.LSTSupplyMint: "46641107724815", sdk.LSTSupplyReported: d.Text("er.st_sol_supply")} {
		if o, _ := sink.Find(token, metric); o.Value.String() != want {
			t.Errorf("%s is %s, want %s", metric, o.Value, want)
		}
	}
	if o, _ := sink.Find(token, sdk.FeeRewardBPS); quantity(o) != "500" {
		t.Errorf("fee is %s", quantity(o))
	}
}
