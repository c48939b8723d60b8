package main

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// sink keeps what it is given.
type sink struct {
	mu  sync.Mutex
	obs []sdk.Observation
	err error
}

func (s *sink) Observe(obs ...sdk.Observation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.obs = append(s.obs, obs...)
	return s.err
}
func (s *sink) Fail(f sdk.Failure) error { return fmt.Errorf("unexpected failure: %+v", f) }
func (s *sink) Progress(int, int) error  { return nil }

var history = sync.OnceValue(newFetcher)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// fetch asks for one chain at anchors with the given times.
func fetch(t testing.TB, chain sdk.ChainID, tokens []sdk.TokenID, times ...time.Time) []sdk.Observation {
	t.Helper()
	req := sdk.Request{Chain: chain, Tokens: tokens}
	for _, tm := range times {
		req.Anchors = append(req.Anchors, sdk.Anchor{Chain: chain, Time: tm})
	}
	var s sink
	if err := history().Fetch(context.Background(), req, &s); err != nil {
		t.Fatal(err)
	}
	return s.obs
}

var end = at("2026-05-01T00:00:00Z")

func everything(t testing.TB) map[sdk.ChainID][]sdk.Observation {
	return map[sdk.ChainID][]sdk.Observation{
		"ethereum": fetch(t, "ethereum", nil, end), "solana": fetch(t, "solana", nil, end),
	}
}

func TestEverySeriesHasAllItsRows(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	for chain, list := range everything(t) {
		for _, o := range list {
			got[fmt.Sprint(chain, " ", o.Token, " ", o.Metric, o.Labels[sdk.LabelVenue])]++
		}
	}
	want := map[string]int{
		"ethereum ETH chain_height":            49,
		"ethereum reth exchange_rate":          957,
		"ethereum reth backing_native":         954,
		"ethereum reth staking_native":         954,
		"ethereum reth lst_supply_reported":    954,
		"ethereum steth exchange_rate":         176,
		"ethereum steth backing_native":        2,
		"ethereum steth lst_supply":            2,
		"ethereum steth queue_native":          1,
		"ethereum steth queue_requests":        1,
		"ethereum cbeth exchange_rate":         172,
		"ethereum sfrxeth exchange_rate":       172,
		"ethereum steth pricecurve":            172,
		"ethereum wsteth pricebalancer":        172,
		"ethereum reth pricebalancer":          170,
		"ethereum ETH priceimplied":            169,
		"ethereum POL priceimplied":            169,
		"ethereum steth tvl_reported_native":   169,
		"ethereum stmatic tvl_reported_native": 169,
		"ethereum eth-staking benchmark_apr":   1492,
		"solana msol exchange_rate":            309,
		"solana jitosol exchange_rate":         309,
		"solana bsol exchange_rate":            301,
		"solana stsol exchange_rate":           309,
		"solana SOL priceimplied":              169,
		"solana SOL pricemarinade-api":         109,
		"solana msol tvl_reported_native":      109,
		"solana stsol tvl_reported_native":     169,
		"solana sol-staking benchmark_apr":     1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKnownValuesAreExact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		chain          sdk.ChainID
		token          sdk.TokenID
		metric         sdk.MetricID
		time           string
		value, divisor string
		decimals       uint8
		height, epoch  uint64
	}{
		{"the first rETH report with a gain is a ratio of two integers", "ethereum", "reth", sdk.ExchangeRateMetric,
			"2021-10-03T00:21:54Z", "16000245324450000000", "16000000000000000000", 0, 13343040, 0},
		{"the last rETH report of 2023", "ethereum", "reth", sdk.ExchangeRateMetric,
			"2023-12-31T08:53:11Z", "616044687101233374738619", "563052522348760494859036", 0, 18904320, 0},
		{"its total ether in wei", "ethereum", "reth", sdk.BackingNative,
			"2023-12-31T08:53:11Z", "616044687101233374738619", "", 18, 18904320, 0},
		{"its staking ether in wei", "ethereum", "reth", sdk.StakingNative,
			"2023-12-31T08:53:11Z", "581096623100891283222392", "", 18, 18904320, 0},
		{"its supply in wei", "ethereum", "reth", sdk.LSTSupplyReported,
			"2023-12-31T08:53:11Z", "563052522348760494859036", "", 18, 18904320, 0},
		{"a staking ether of zero is zero, not unknown", "ethereum", "reth", sdk.StakingNative,
			"2021-10-02T08:17:33Z", "0", "", 18, 13338720, 0},
		{"wstETH's rate is stETH's", "ethereum", "steth", sdk.ExchangeRateMetric,
			"2023-06-21T00:00:00Z", "1129094895284106", "", 15, 17524329, 0},
		{"stETH's rate in a block of 2022, to 27 decimals", "ethereum", "steth", sdk.ExchangeRateMetric,
			"2022-05-18T10:09:08Z", "1071663732239299774767008133", "", 27, 14798230, 0},
		{"rETH's rate in a report of 2022, to 27 decimals", "ethereum", "reth", sdk.ExchangeRateMetric,
			"2022-07-07T18:10:51Z", "1030176558094566769975853933", "", 27, 15096960, 0},
		{"the ether before Lido's report of 2023-05-18", "ethereum", "steth", sdk.BackingNative,
			"2023-05-18T12:00:00Z", "634902664", "", 2, 0, 0},
		{"the shares after it", "ethereum", "steth", sdk.LSTSupply,
			"2023-05-18T12:30:00Z", "564443478", "", 2, 0, 0},
		{"a block of known time", "ethereum", "ETH", sdk.ChainHeight,
			"2025-12-20T14:01:35Z", "24054276", "", 0, 24054276, 0},
		{"the block at the end of a reward interval", "ethereum", "ETH", sdk.ChainHeight,
			"2023-12-21T05:36:11Z", "18832201", "", 0, 18832201, 0},
		{"mSOL in epoch 412", "solana", "msol", sdk.ExchangeRateMetric,
			"2023-02-16T20:00:00Z", "10941210906569283", "", 16, 0, 412},
		{"JitoSOL in epoch 720 keeps the zero its source dropped", "solana", "jitosol", sdk.ExchangeRateMetric,
			"2024-12-31T19:19:00Z", "1166312370", "", 9, 0, 720},
		{"bSOL in epoch 720", "solana", "bsol", sdk.ExchangeRateMetric,
			"2024-12-31T19:19:00Z", "1181137431", "", 9, 0, 720},
		{"stSOL in epoch 720 has four decimals", "solana", "stsol", sdk.ExchangeRateMetric,
			"2024-12-31T19:19:00Z", "12124", "", 4, 0, 720},
		{"the SOL behind mSOL in epoch 760, in UTC", "solana", "msol", sdk.TVLReported,
			"2025-03-22T18:21:00Z", "4839143991283634", "", 9, 0, 760},
		{"ether in dollars on the first day", "ethereum", "ETH", sdk.Price,
			"2023-01-01T00:00:00Z", "119554", "", 2, 0, 0},
		{"Ethereum's staking rate keeps its last zero", "ethereum", "eth-staking", sdk.BenchmarkAPR,
			"2024-12-31T00:00:00Z", "312344519004770", "", 16, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var found []sdk.Observation
			for _, o := range fetch(t, tt.chain, []sdk.TokenID{tt.token}, at(tt.time)) {
				if o.Metric == tt.metric && o.At.Time.Equal(at(tt.time)) {
					found = append(found, o)
				}
			}
			if len(found) != 1 {
				t.Fatalf("want one observation, got %d", len(found))
			}
			o := found[0]
			divisor := ""
			if o.Divisor != nil {
				divisor = o.Divisor.String()
			}
			if o.Value.String() != tt.value || divisor != tt.divisor || o.Decimals != tt.decimals {
				t.Errorf("got %s ÷ %q with %d decimals", o.Value, divisor, o.Decimals)
			}
			if o.At.Height != tt.height || o.At.Epoch != tt.epoch || o.RefEpoch != tt.epoch {
				t.Errorf("got height %d, epoch %d, ref epoch %d", o.At.Height, o.At.Epoch, o.RefEpoch)
			}
		})
	}
}

func TestEveryRowIsWithinTheContract(t *testing.T) {
	t.Parallel()
	d := history().Describe()
	for chain, list := range everything(t) {
		for _, o := range list {
			where := fmt.Sprint(chain, " ", o.Source.Target, " ", o.Source.Field)
			switch {
			case o.Basis != sdk.Published:
				t.Errorf("%s: basis %q", where, o.Basis)
			case o.Source.Method != "published series" || o.Source.Target == "" || o.Source.Field == "":
				t.Errorf("%s: source %+v", where, o.Source)
			case o.Quality != sdk.QualityOK && o.Reason == "", o.Value == nil && o.Reason == "":
				t.Errorf("%s: no reason", where)
			case !slices.Contains(d.Metrics, o.Metric):
				t.Errorf("%s: metric %s is not described", where, o.Metric)
			case o.Metric == sdk.Price && (o.Labels[sdk.LabelQuote] == "" || o.Labels[sdk.LabelVenue] == ""):
				t.Errorf("%s: price without quote or venue", where)
			}
		}
	}
}

// The same moment of a series must not be there twice.
func TestNoSeriesHasAMomentTwice(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for chain, list := range everything(t) {
		for _, o := range list {
			key := fmt.Sprint(chain, o.Token, o.Metric, o.Labels, o.At.Time.Unix())
			if other, twice := seen[key]; twice {
				t.Errorf("%s %s is also %s", o.Source.Target, o.Source.Field, other)
			}
			seen[key] = o.Source.Target + " " + o.Source.Field
		}
	}
}

// rETH's rate equals its backing over its supply in every report.
func TestReportsAgreeWithThemselves(t *testing.T) {
	t.Parallel()
	type report struct{ rate, backing, supply *big.Rat }
	reports := map[int64]*report{}
	for _, o := range fetch(t, "ethereum", []sdk.TokenID{"reth"}, end) {
		if !strings.HasPrefix(o.Source.Target, "reth_reports.csv ") {
			continue
		}
		r := reports[o.At.Time.Unix()]
		if r == nil {
			r = &report{}
			reports[o.At.Time.Unix()] = r
		}
		v := new(big.Rat).SetInt(o.Value)
		switch o.Metric {
		case sdk.ExchangeRateMetric:
			r.rate = v.Quo(v, new(big.Rat).SetInt(o.Divisor))
		case sdk.BackingNative:
			r.backing = v
		case sdk.LSTSupplyReported:
			r.supply = v
		}
	}
	for ts, r := range reports {
		if new(big.Rat).Mul(r.rate, r.supply).Cmp(r.backing) != 0 {
			t.Errorf("report of %s", time.Unix(ts, 0).UTC())
		}
	}
}

// The samples of 2022 are the reports' rates, cut off after 27 decimals.
func TestSamplesOfTheRateAgreeWithTheReports(t *testing.T) {
	t.Parallel()
	reports, samples := map[uint64]sdk.Observation{}, 0
	rates := fetch(t, "ethereum", []sdk.TokenID{"reth"}, end)
	for _, o := range rates {
		if o.Metric == sdk.ExchangeRateMetric && o.Divisor != nil {
			reports[o.At.Height] = o
		}
	}
	for _, o := range rates {
		if o.Metric != sdk.ExchangeRateMetric || o.Divisor != nil {
			continue
		}
		samples++
		r := reports[o.At.Height]
		cut := new(big.Int).Mul(r.Value, new(big.Int).Exp(big.NewInt(10), big.NewInt(27), nil))
		if cut.Quo(cut, r.Divisor); cut.Cmp(o.Value) != 0 {
			t.Errorf("block %d: %s, the report gives %s", o.At.Height, o.Value, cut)
		}
	}
	if samples != 3 {
		t.Errorf("%d samples", samples)
	}
}

// However the anchors lie, every point up to the last of them comes exactly once,
// at the first anchor that may know it.
func TestAnchorsShareThePointsWithoutOverlap(t *testing.T) {
	t.Parallel()
	start := at("2022-12-01T00:00:00Z")
	rapid.Check(t, func(rt *rapid.T) {
		days := rapid.SliceOfNDistinct(rapid.IntRange(0, 900), 1, 8, rapid.ID[int]).Draw(rt, "days")
		slices.Sort(days)
		var times []time.Time
		for _, d := range days {
			times = append(times, start.AddDate(0, 0, d))
		}
		got := fetch(t, "solana", nil, times...)
		for i, o := range got {
			a := o.Anchor
			if o.At.Time.After(times[a]) || a > 0 && !o.At.Time.After(times[a-1]) {
				rt.Fatalf("point of %s at anchor %d of %v", o.At.Time, a, times)
			}
			got[i].Anchor = 0
		}
		want := fetch(t, "solana", nil, times[len(times)-1])
		if len(got) != len(want) {
			rt.Fatalf("got %d points, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i].Source != want[i].Source {
				rt.Fatalf("point %d is %v, want %v", i, got[i].Source, want[i].Source)
			}
		}
	})
}

func TestARequestIsNarrowedToItsTokens(t *testing.T) {
	t.Parallel()
	for _, o := range fetch(t, "solana", []sdk.TokenID{"msol"}, end) {
		if o.Token != "msol" {
			t.Fatalf("got %s", o.Token)
		}
	}
}

func TestAnotherChainIsAMistakeOfTheConfiguration(t *testing.T) {
	t.Parallel()
	err := history().Fetch(context.Background(), sdk.Request{Chain: "polygon", Anchors: []sdk.Anchor{{Time: end}}}, &sink{})
	if sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatIsGoneEndsTheFetch(t *testing.T) {
	t.Parallel()
	s := &sink{err: fmt.Errorf("the host has gone")}
	err := history().Fetch(context.Background(), sdk.Request{Chain: "solana", Anchors: []sdk.Anchor{{Time: end}}}, s)
	if err != s.err {
		t.Errorf("got %v", err)
	}
}

func TestTheCardDeclaresOnlyItsOwnTokens(t *testing.T) {
	t.Parallel()
	var own []sdk.TokenID
	for _, token := range history().Describe().Tokens {
		own = append(own, token.ID)
	}
	if diff := cmp.Diff([]sdk.TokenID{"cbeth", "sfrxeth"}, own); diff != "" {
		t.Error(diff)
	}
}
