package main

import (
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

const rent = 2_282_880

// find returns a listed pool.
func find(t *testing.T, token sdk.TokenID) target {
	t.Helper()
	for _, x := range New().(fetcher).targets {
		if x.token == token {
			return x
		}
	}
	t.Fatalf("%s is not listed", token)
	return target{}
}

// sound is a pool in which everything agrees.
func sound(x target) pool.Pool {
	p := pool.Pool{
		StakeDepositAuthority: x.depositAuthority, ValidatorList: x.validatorList, ReserveStake: x.reserve, PoolMint: x.mint,
		TokenProgram: solana.TokenProgram, TotalLamports: 12_000_000_000_000_000, PoolTokenSupply: 10_000_000_000_000_000,
		LastUpdateEpoch: 900, EpochFee: pool.Fee{Denominator: 100, Numerator: 4},
		StakeWithdrawalFee: pool.Fee{Denominator: 1000, Numerator: 1}, SOLWithdrawalFee: pool.Fee{Denominator: 1000, Numerator: 3},
		SOLDepositFee: pool.Fee{Denominator: 10_000, Numerator: 8}, NextStakeWithdrawalFee: pool.FutureFee{Epochs: 2, Fee: pool.Fee{Denominator: 3, Numerator: 1}},
		LastEpochPoolTokens: 10_000_000_000_000_000, LastEpochTotalLamports: 11_990_000_000_000_000,
	}
	if p.ReserveStake.IsZero() {
		p.ReserveStake = solana.PublicKey{31: 1, 0: byte(len(x.token)), 1: x.token[0]}
	}
	return p
}

// put serves a pool with its mint, reserve and validator list.
func put(s *solanatest.State, x target, p pool.Pool) {
	authority := x.withdrawAuthority
	s.Accounts[x.pool] = solanatest.Account{Owner: x.program, Lamports: 5_143_440, Data: p.Encode()}
	s.Accounts[x.mint] = solanatest.Account{Owner: solana.TokenProgram, Data: solana.Mint{Authority: &authority, Supply: p.PoolTokenSupply, Decimals: 9, Initialized: true}.Encode()}
	s.Accounts[p.ReserveStake] = solanatest.Account{Owner: solana.StakeProgram, Lamports: 5_000_000_000_000 + rent,
		Data: solana.StakeAccount{State: solana.StakeInitialized, RentExemptReserve: rent}.Encode()}
	s.Accounts[x.validatorList] = solanatest.Account{Owner: x.program, Data: pool.List{MaxValidators: 9, Validators: []pool.Validator{
		{ActiveStake: 11_000_000_000_000_000, LastUpdateEpoch: 900, Vote: solana.PublicKey{1}},
		{ActiveStake: 900_000_000_000_000, TransientStake: 95_000_000_000_000, LastUpdateEpoch: 900, Vote: solana.PublicKey{2}},
		{ActiveStake: 1_002_282_880, LastUpdateEpoch: 900, Vote: solana.PublicKey{3}},
	}}.Encode()}
}

// epoch900 is the middle of epoch 900, a day after its start.
func epoch900() solanatest.State {
	schedule := solanatest.MainnetSchedule
	return solanatest.State{
		Slot:     900*432_000 + 216_000,
		Clock:    solana.Clock{Epoch: 900, EpochStart: 1_766_000_000, Time: 1_766_086_400},
		Schedule: &schedule, Accounts: map[solana.PublicKey]solanatest.Account{},
	}
}

type options map[string]string

func fetch(t *testing.T, node *solanatest.Node, o options, tokens ...sdk.TokenID) (*solanatest.Sink, error) {
	t.Helper()
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	sink := &solanatest.Sink{}
	return sink, New().Fetch(t.Context(), sdk.Request{
		Chain: solana.Chain, Anchors: []sdk.Anchor{{Chain: solana.Chain, Height: 1}}, Endpoint: server.URL, Options: o, Tokens: tokens,
	}, sink)
}

// jito reads JitoSOL alone after changing what the chain serves.
func jito(t *testing.T, o options, change func(s *solanatest.State, x target, p *pool.Pool)) *solanatest.Sink {
	t.Helper()
	x := find(t, "jitosol")
	s, p := epoch900(), sound(x)
	put(&s, x, p)
	if change != nil {
		change(&s, x, &p)
		if a := s.Accounts[x.pool]; len(a.Data) == pool.Size && a.Owner == x.program {
			a.Data = p.Encode()
			s.Accounts[x.pool] = a
		}
	}
	sink, err := fetch(t, solanatest.NewNode(s), o, "jitosol")
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

func TestEveryNumberOfASoundPool(t *testing.T) {
	t.Parallel()
	sink := jito(t, options{"validators": "full"}, nil)
	if f := sink.Failures(); len(f) > 0 {
		t.Fatalf("failures: %v", f)
	}
	want := map[sdk.MetricID]string{
		sdk.ExchangeRateMetric: "6/5", sdk.ExchangeRateClosed: "1199/1000", sdk.BackingNative: "12000000", sdk.LSTSupply: "10000000", sdk.LSTSupplyMint: "10000000",
		sdk.FeeRewardBPS: "400", sdk.FeeDepositBPS: "8", sdk.FeeDepositStakeBPS: "0", sdk.FeeWithdrawBPS: "10", sdk.FeeInstantBPS: "30",
		sdk.FeeNextRewardBPS: "unknown: no change is announced", sdk.FeeNextWithdrawBPS: "10000/3",
		sdk.InstantCapacityNative: "5000", sdk.InstantClosed: "0", sdk.DepositPermissioned: "0",
		sdk.Validators: "3", sdk.ValidatorsActive: "2", sdk.StakingNative: "18742189066067/1562500",
	}
	got := map[sdk.MetricID]string{}
	for _, o := range sink.Rows("jitosol") {
		if o.Metric != sdk.ExitQuote && o.Metric != sdk.OperatorStake {
			got[o.Metric] = quantity(o)
		}
		if o.Quality != sdk.QualityOK {
			t.Errorf("%s is %s: %s", o.Metric, o.Quality, o.Reason)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for metric, epoch := range map[sdk.MetricID]uint64{sdk.ExchangeRateMetric: 900, sdk.BackingNative: 900, sdk.ExchangeRateClosed: 899, sdk.FeeNextWithdrawBPS: 902} {
		if o, _ := sink.Find("jitosol", metric); o.RefEpoch != epoch {
			t.Errorf("%s is of epoch %d, want %d", metric, o.RefEpoch, epoch)
		}
	}
	if o, _ := sink.Find("jitosol", sdk.ExchangeRateClosed); !o.RefTime.Equal(time.Unix(1_766_000_000, 0)) {
		t.Errorf("the closed rate is of %s", o.RefTime)
	}
}

func TestEveryRowHasPositionEvidenceAndADeclaredMetric(t *testing.T) {
	t.Parallel()
	declared := New().Describe().Metrics
	position := sdk.Position{Height: 389_016_000, Time: time.Unix(1_766_086_400, 0).UTC(), Epoch: 900, EpochStart: time.Unix(1_766_000_000, 0).UTC()}
	seen := map[sdk.MetricID]bool{}
	for _, o := range jito(t, options{"validators": "full"}, nil).Rows("") {
		seen[o.Metric] = true
		if !slices.Contains(declared, o.Metric) {
			t.Errorf("%s is not declared", o.Metric)
		}
		// Operators' stake is of the start of the epoch.
		if o.At == nil || o.Metric != sdk.OperatorStake && !cmp.Equal(position, *o.At) {
			t.Errorf("%s is at %+v", o.Metric, o.At)
		}
		if s := o.Source; s.Method != "getMultipleAccounts" || s.Target == "" || s.Field == "" || len(s.Digest) != 64 {
			t.Errorf("%s has the source %+v", o.Metric, s)
		}
	}
	for _, m := range declared {
		if !seen[m] {
			t.Errorf("%s is declared and never read", m)
		}
	}
}

func TestExitQuotesFollowTheProgram(t *testing.T) {
	t.Parallel()
	sink := jito(t, nil, nil)
	for _, c := range []struct{ route, size, wait, want string }{
		{"instant", "1", "0", "0.997000000"},
		{"instant", "1000", "0", "997.000000000"},
		{"instant", "10000", "0", ""}, // the reserve has 5,000
		{"stake", "1", "86400", "0.999000000"},
		{"stake", "10000", "86400", "9990.000000000"},
	} {
		o, ok := sink.Find("jitosol", sdk.ExitQuote, sdk.LabelRoute, c.route, sdk.LabelSize, c.size)
		if !ok || o.Labels[sdk.LabelWait] != c.wait {
			t.Errorf("%s of %s: %+v", c.size, c.route, o)
			continue
		}
		if c.want == "" {
			if o.Value != nil || !strings.Contains(o.Reason, "the reserve holds 5000000000000 lamports") {
				t.Errorf("%s of %s is %s", c.size, c.route, quantity(o))
			}
			continue
		}
		want, _ := new(big.Rat).SetString(c.want)
		off := new(big.Rat).Sub(want, new(big.Rat).SetFrac(o.Value, big.NewInt(1_000_000_000)))
		if off.Sign() < 0 || off.Cmp(big.NewRat(3, 1_000_000_000)) > 0 {
			t.Errorf("%s of %s gives %s lamports, want %s", c.size, c.route, o.Value, c.want)
		}
	}
}

func TestDoorsThatAreClosedSaySo(t *testing.T) {
	t.Parallel()
	key := solana.SystemProgram
	for name, c := range map[string]struct {
		change func(*pool.Pool)
		want   map[sdk.MetricID]string
	}{
		"nobody can withdraw SOL": {func(p *pool.Pool) { p.SOLWithdrawAuthority = &key },
			map[sdk.MetricID]string{sdk.InstantClosed: "1", sdk.InstantCapacityNative: "0", sdk.DepositPermissioned: "0"}},
		"deposits of SOL need a signature": {func(p *pool.Pool) { p.SOLDepositAuthority = &key },
			map[sdk.MetricID]string{sdk.InstantClosed: "0", sdk.InstantCapacityNative: "5000", sdk.DepositPermissioned: "1"}},
		"deposits of stake need a signature": {func(p *pool.Pool) { p.StakeDepositAuthority = key },
			map[sdk.MetricID]string{sdk.DepositPermissioned: "1"}},
		"no tokens": {func(p *pool.Pool) { p.PoolTokenSupply = 0 },
			map[sdk.MetricID]string{sdk.ExchangeRateMetric: "unknown: no pool token is in circulation, so it has no rate"}},
		"a new pool": {func(p *pool.Pool) { p.LastEpochPoolTokens, p.LastEpochTotalLamports = 0, 0 },
			map[sdk.MetricID]string{sdk.ExchangeRateClosed: "unknown: the pool has no totals of an earlier epoch yet"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := jito(t, nil, func(_ *solanatest.State, _ target, p *pool.Pool) { c.change(p) })
			for metric, want := range c.want {
				if o, ok := sink.Find("jitosol", metric); !ok || quantity(o) != want {
					t.Errorf("%s is %q, want %q", metric, quantity(o), want)
				}
			}
			if f := sink.Failures(); len(f) > 0 {
				t.Errorf("failures: %+v", f)
			}
		})
	}
}

func TestQualityFollowsTheAgeOfTheUpdate(t *testing.T) {
	t.Parallel()
	asOfUpdate := []sdk.MetricID{sdk.BackingNative, sdk.ExchangeRateMetric, sdk.ExitQuote, sdk.LSTSupply}
	for name, c := range map[string]struct {
		updated uint64
		since   int64
		want    sdk.Quality
	}{
		"this epoch":                          {900, 86_400, sdk.QualityOK},
		"the last epoch, within its hour":     {899, 3_599, sdk.QualityOK},
		"the last epoch, after its hour":      {899, 3_600, sdk.QualityStale},
		"long ago":                            {700, 60, sdk.QualityStale},
		"an epoch that has not begun":         {901, 86_400, sdk.QualitySuspect},
		"the first hour, two epochs too late": {898, 60, sdk.QualityStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := jito(t, nil, func(s *solanatest.State, _ target, p *pool.Pool) {
				p.LastUpdateEpoch = c.updated
				s.Clock.Time = s.Clock.EpochStart + c.since
			})
			for _, o := range sink.Rows("jitosol") {
				want := sdk.QualityOK
				if o.Value != nil && slices.Contains(asOfUpdate, o.Metric) {
					want = c.want
				}
				if o.Quality != want {
					t.Errorf("%s is %s (%s), want %s", o.Metric, o.Quality, o.Reason, want)
				}
			}
			if o, _ := sink.Find("jitosol", sdk.ExchangeRateClosed); o.RefEpoch != c.updated-1 || o.RefTime.IsZero() != (c.updated != 900) {
				t.Errorf("the closed rate is of epoch %d, %s", o.RefEpoch, o.RefTime)
			}
		})
	}
}

func TestPoolsThatCanNotBeUsedAreNamedFailuresAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	jito, blaze := find(t, "jitosol"), find(t, "bsol")
	foreign := func(change func(*pool.Pool)) []byte { p := sound(jito); change(&p); return p.Encode() }
	for name, c := range map[string]struct {
		account *solanatest.Account
		kind    sdk.Kind
		want    string
	}{
		"no account":                {nil, sdk.KindNoData, jito.pool.String() + " does not exist"},
		"another program's account": {&solanatest.Account{Owner: solana.StakeProgram, Data: sound(jito).Encode()}, sdk.KindIdentity, "belongs to program"},
		"another deployment's pool": {&solanatest.Account{Owner: programs["sanctum"], Data: sound(jito).Encode()}, sdk.KindIdentity, "belongs to program"},
		"the program's old layout":  {&solanatest.Account{Owner: jito.program, Data: sound(jito).Encode()[:529]}, sdk.KindLayout, "has 529 bytes"},
		"an account never used":     {&solanatest.Account{Owner: jito.program, Data: make([]byte, 611)}, sdk.KindLayout, "account_type"},
		"another mint":              {&solanatest.Account{Owner: jito.program, Data: foreign(func(p *pool.Pool) { p.PoolMint = solana.StakeProgram })}, sdk.KindIdentity, "as its mint"},
		"another validator list":    {&solanatest.Account{Owner: jito.program, Data: foreign(func(p *pool.Pool) { p.ValidatorList = solana.StakeProgram })}, sdk.KindIdentity, "as its validator list"},
		"another reserve":           {&solanatest.Account{Owner: jito.program, Data: foreign(func(p *pool.Pool) { p.ReserveStake = solana.StakeProgram })}, sdk.KindIdentity, "as its reserve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := epoch900()
			put(&s, jito, sound(jito))
			put(&s, blaze, sound(blaze))
			if delete(s.Accounts, jito.pool); c.account != nil {
				s.Accounts[jito.pool] = *c.account
			}
			sink, err := fetch(t, solanatest.NewNode(s), nil, "jitosol", "bsol")
			if err != nil {
				t.Fatal(err)
			}
			f := sink.Failures()
			if len(f) != 1 || f[0].Token != "jitosol" || f[0].Kind != c.kind || !strings.Contains(f[0].Message, c.want) {
				t.Errorf("failures are %+v, want %s with %q", f, c.kind, c.want)
			}
			for _, o := range sink.Rows("jitosol") {
				if o.Metric != sdk.Validators {
					t.Errorf("%s came all the same", o.Metric)
				}
			}
			if o, ok := sink.Find("bsol", sdk.ExchangeRateMetric); !ok || o.Value == nil {
				t.Errorf("bsol has no rate: %+v", o)
			}
		})
	}
}

func TestAMissingSideAccountCostsOnlyWhatItSays(t *testing.T) {
	t.Parallel()
	x := find(t, "jitosol")
	for name, c := range map[string]struct {
		key  solana.PublicKey
		lost []sdk.MetricID
	}{
		"the mint":           {x.mint, []sdk.MetricID{sdk.LSTSupplyMint}},
		"the reserve":        {x.reserve, []sdk.MetricID{sdk.ExitQuote, sdk.InstantCapacityNative}},
		"the validator list": {x.validatorList, []sdk.MetricID{sdk.Validators}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := jito(t, nil, func(s *solanatest.State, _ target, _ *pool.Pool) { delete(s.Accounts, c.key) })
			if f := sink.Failures(); len(f) != 0 {
				t.Errorf("failures: %+v", f)
			}
			var lost []sdk.MetricID
			for _, o := range sink.Rows("jitosol") {
				if o.Value == nil && strings.Contains(o.Reason, c.key.String()) && !slices.Contains(lost, o.Metric) {
					lost = append(lost, o.Metric)
				}
			}
			slices.Sort(lost)
			if diff := cmp.Diff(c.lost, lost); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			f := jito(t, nil, func(s *solanatest.State, _ target, _ *pool.Pool) {
				s.Accounts[c.key] = solanatest.Account{Owner: solana.SystemProgram, Data: make([]byte, 200)}
			}).Failures()
			if len(f) != 1 || f[0].Kind != sdk.KindIdentity || !strings.Contains(f[0].Message, c.key.String()) {
				t.Errorf("of another owner: failures are %+v", f)
			}
		})
	}
}

func TestAMintThatSomebodyElseCanIssueIsAFailure(t *testing.T) {
	t.Parallel()
	sink := jito(t, nil, func(s *solanatest.State, x target, p *pool.Pool) {
		key := solana.StakeProgram
		s.Accounts[x.mint] = solanatest.Account{Owner: solana.TokenProgram, Data: solana.Mint{Authority: &key, Supply: 1, Decimals: 9, Initialized: true}.Encode()}
	})
	if f := sink.Failures(); len(f) != 1 || f[0].Kind != sdk.KindIdentity || !strings.Contains(f[0].Message, "can be issued by Stake111") {
		t.Errorf("failures: %+v", f)
	}
}

func TestAMintAboveThePoolsCountIsSuspect(t *testing.T) {
	t.Parallel()
	sink := jito(t, nil, func(s *solanatest.State, x target, p *pool.Pool) { p.PoolTokenSupply-- })
	if o, _ := sink.Find("jitosol", sdk.LSTSupplyMint); o.Quality != sdk.QualitySuspect || o.Reason == "" {
		t.Errorf("it is %s: %s", o.Quality, o.Reason)
	}
}

func TestOperatorsAreTheValidatorsInUseAtTheStartOfTheEpoch(t *testing.T) {
	t.Parallel()
	operators := func(change func(*solanatest.State, target, *pool.Pool)) map[string]string {
		got := map[string]string{}
		for _, o := range jito(t, options{"validators": "full"}, change).Rows("jitosol") {
			if o.Metric != sdk.OperatorStake {
				continue
			}
			got[o.Labels[sdk.LabelOperator]] = quantity(o)
			want := sdk.Position{Height: 900 * 432_000, Time: time.Unix(1_766_000_000, 0).UTC(), Epoch: 900, EpochStart: time.Unix(1_766_000_000, 0).UTC()}
			if o.At == nil || *o.At != want || o.RefEpoch != 900 {
				t.Errorf("%s is of %+v, epoch %d; want %+v", o.Labels[sdk.LabelOperator], o.At, o.RefEpoch, want)
			}
		}
		return got
	}
	want := map[string]string{solana.PublicKey{1}.String(): "11000000", solana.PublicKey{2}.String(): "995000"}
	later := func(s *solanatest.State, _ target, _ *pool.Pool) {
		s.Slot, s.Clock.Time = s.Slot+9_000, s.Clock.Time+3_600
	}
	for name, change := range map[string]func(*solanatest.State, target, *pool.Pool){"in the middle of the epoch": nil, "an hour later": later} {
		if diff := cmp.Diff(want, operators(change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, change := range map[string]func(*solanatest.State, target, *pool.Pool){
		"a pool not yet updated": func(_ *solanatest.State, _ target, p *pool.Pool) { p.LastUpdateEpoch = 899 },
		"an epoch without an update": func(s *solanatest.State, _ target, _ *pool.Pool) {
			s.Clock.Epoch, s.Slot = 901, 901*432_000+9
		},
	} {
		if got := operators(change); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestMixedEpochsInAValidatorListGiveNoSum(t *testing.T) {
	t.Parallel()
	sink := jito(t, options{"validators": "full"}, func(_ *solanatest.State, _ target, p *pool.Pool) { p.LastUpdateEpoch = 899 })
	if o, _ := sink.Find("jitosol", sdk.StakingNative); o.Value != nil || !strings.Contains(o.Reason, "epoch 899") {
		t.Errorf("got %s", quantity(o))
	}
}

func TestAllPoolsTakeThreeCallsAndOneWhenReservesAreListed(t *testing.T) {
	t.Parallel()
	s := epoch900()
	d := New().Describe()
	for _, x := range New().(fetcher).targets {
		put(&s, x, sound(x))
	}
	for name, c := range map[string]struct {
		options options
		tokens  []sdk.TokenID
		want    int
	}{
		"everything":                         {nil, nil, 3},
		"without validators":                 {options{"validators": "none"}, nil, 2},
		"two pools whose reserve is listed ": {options{"validators": "none"}, []sdk.TokenID{"jitosol", "bsol"}, 1},
		"two pools and their validators":     {options{"validators": "count"}, []sdk.TokenID{"jitosol", "bsol"}, 2},
		"no pool":                            {nil, []sdk.TokenID{"msol"}, 0},
	} {
		node := solanatest.NewNode(s)
		sink, err := fetch(t, node, c.options, c.tokens...)
		if err != nil || len(sink.Failures()) > 0 {
			t.Fatalf("%s: %v, %+v", name, err, sink.Failures())
		}
		if got := len(node.Requests()); got != c.want {
			t.Errorf("%s: %d calls, want %d", name, got, c.want)
		}
		for _, token := range d.Tokens {
			if _, ok := sink.Find(token.ID, sdk.ExchangeRateMetric); ok != (c.tokens == nil || slices.Contains(c.tokens, token.ID)) {
				t.Errorf("%s: %s read: %v", name, token.ID, ok)
			}
		}
	}
}

func TestAFailingEndpointFailsTheFetchWhereverItFails(t *testing.T) {
	t.Parallel()
	s := epoch900()
	for _, x := range New().(fetcher).targets {
		put(&s, x, sound(x))
	}
	for fail := 1; fail <= 3; fail++ {
		node := solanatest.NewNode(s)
		node.Intercept(failAt(node, fail))
		sink, err := fetch(t, node, nil)
		if sdk.KindOf(err) != sdk.KindTransient {
			t.Errorf("call %d: %v", fail, err)
		}
		if got := len(sink.Rows("")) > 0; got != (fail == 3) {
			t.Errorf("call %d: rows came: %v", fail, got)
		}
	}
}

// failAt refuses the n-th call.
func failAt(node *solanatest.Node, n int) func(http.ResponseWriter, solanatest.Request) bool {
	return func(w http.ResponseWriter, r solanatest.Request) bool {
		if len(node.Requests()) != n-1 {
			return false
		}
		return solanatest.Refuse(-32005, "Node is behind")(w, r)
	}
}

func TestWrongRequestsAreConfigurationMistakes(t *testing.T) {
	t.Parallel()
	for name, req := range map[string]sdk.Request{
		"another chain":  {Chain: "ethereum"},
		"a wrong option": {Chain: solana.Chain, Options: options{"validators": "all"}},
	} {
		if err := New().Fetch(t.Context(), req, nil); sdk.KindOf(err) != sdk.KindConfig {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheListOfPoolsIsSound(t *testing.T) {
	t.Parallel()
	d := New().Describe()
	if d.Tokens[0].ID != "jitosol" || d.Tokens[0].Protocol != "jito" {
		t.Errorf("the first pool is %+v", d.Tokens[0])
	}
	seen := map[string]bool{}
	for i, token := range d.Tokens {
		for _, name := range []string{"token " + string(token.ID), "protocol " + string(token.Protocol), token.Address} {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if p := d.Protocols[i]; p.ID != token.Protocol || p.Name == "" || p.Status == "" || p.TVLBasis == "" {
			t.Errorf("protocol %+v does not go with token %+v", p, token)
		}
	}
	// Addresses known from the accounts themselves.
	x := find(t, "jitosol")
	if got := fmt.Sprint(x.withdrawAuthority, x.depositAuthority); got != "6iQKfEyhr3bZMotVkW6beNZz5CPAkiwvgV2CTje9pVSS 74opVa3v51hUmTrsZn8YusZw4fXB16vGQY4WYHt9UegR" {
		t.Errorf("jito's authorities are %s", got)
	}
}

func TestMistakesInTheListOfPoolsAreNamed(t *testing.T) {
	t.Parallel()
	good := string(poolList)
	for name, c := range map[string]struct{ old, new, want string }{
		"an unknown key":     {"symbol: JitoSOL", "symbl: JitoSOL", "symbl"},
		"an unknown program": {"program: spl", "program: splat", `jitosol: program "splat"`},
		"a broken address":   {"pool: Jito4APy", "pool: 0ito4APy", "jitosol: address"},
		"a missing address":  {"  mint: J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn\n", "", "jitosol: address"},
	} {
		source := strings.Replace(good, c.old, c.new, 1)
		if _, _, err := parsePools([]byte(source)); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
