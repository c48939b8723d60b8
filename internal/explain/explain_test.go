package explain

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func num(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		panic(text)
	}
	return n
}

// observed is what a plugin reads of a token whose rate is 7/3.
func observed() []sdk.Observation {
	at := func(field string) sdk.Source {
		return sdk.Source{Method: "state()", Target: "0x1", Field: field, Digest: strings.Repeat("a", 64)}
	}
	return []sdk.Observation{
		{Token: "tst", Metric: sdk.ExchangeRateMetric, Value: num("7"), Divisor: num("3"), Source: at("rate")},
		{Token: "tst", Metric: sdk.LSTSupply, Value: num("3000000000000000001"), Decimals: 18, Source: at("supply")},
		{Token: "tst", Metric: sdk.BackingNative, Value: num("7000000000000000002"), Decimals: 18, Source: at("backing")},
		{Token: "tst", Metric: sdk.StakingNative, Value: num("6"), Source: at("staking")},
		{Token: "ETH", Metric: sdk.Price, Value: num("300012345678"), Decimals: 8, Source: at("price"),
			Labels: map[string]string{"quote": "USD", "venue": "feed"}},
	}
}

// warehouse stores what the transforms make of the observations at noon.
func warehouse(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	tokens := []sdk.Token{
		{ID: "tst", Protocol: "test", Chain: "ethereum", Symbol: "TST", Underlying: "ETH", Accrual: sdk.ExchangeRate},
		{ID: "wtst", Protocol: "test", Chain: "ethereum", Symbol: "wTST", Underlying: "ETH", Accrual: sdk.Wrapper, RateOf: "tst"},
	}
	err = s.PutDimensions(t.Context(), sdk.Description{Name: "test", Tokens: tokens, Protocols: []sdk.Protocol{{ID: "test", Name: "Test", Status: "live"}}}, "test", noon)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, noon, observed())
	return s
}

func put(t *testing.T, s *store.Store, known time.Time, obs []sdk.Observation) {
	t.Helper()
	anchor := sdk.Anchor{Chain: "ethereum", Height: 19_000_000, Hash: "0xabc", Time: noon, Tick: noon, Finality: sdk.Finalized}
	out := transforms.Normalise(transforms.Input{
		Anchors: []sdk.Anchor{anchor}, Observations: obs, Tokens: map[sdk.TokenID]sdk.Token{"tst": {ID: "tst", Chain: "ethereum", Underlying: "ETH"}},
	})
	if len(out.Rejects) > 0 {
		t.Fatalf("refused: %+v", out.Rejects)
	}
	res := store.TaskResult{
		Task: store.Task{
			TaskKey: store.TaskKey{Job: "state", Plugin: "test", Chain: "ethereum", Tick: noon}, State: store.StateHave, RunID: "run-" + known.Format("15"),
		},
		KnownAt: known, PluginVersion: "1.2.3", PluginSHA256: "51ab", Metrics: out.Metrics, Prices: out.Prices,
	}
	for _, o := range obs {
		res.Observations = append(res.Observations, store.Observation{
			Observation: o, At: sdk.Position{Height: anchor.Height, Hash: anchor.Hash, Time: noon}, Finality: anchor.Finality, Endpoint: "own",
		})
	}
	if _, err := s.Commit(t.Context(), res); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, s *store.Store, q Question) *Evidence {
	t.Helper()
	e, err := Find(t.Context(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryNumberLeadsBackToItsObservations(t *testing.T) {
	t.Parallel()
	s := warehouse(t)
	for metric, want := range map[sdk.MetricID]struct {
		value, step string
		obs         int
	}{
		sdk.ExchangeRateMetric: {"2.333333333333333333", "= 7 ÷ 3", 1},
		sdk.LSTSupply:          {"3.000000000000000001", "= 3000000000000000001 ÷ 10^18", 1},
		sdk.TVLNative:          {"7.000000000000000002", "= 3.000000000000000001 × 2.333333333333333333", 2},
		sdk.Utilisation:        {"0.857142857142857143", "= 6 ÷ 7.000000000000000002", 2},
	} {
		e := find(t, s, Question{Metric: metric, Token: "tst", At: noon.Add(time.Hour)})
		if e.Fact.Value != trim(want.value) || e.Agrees == nil || !*e.Agrees || len(e.Observations) != want.obs || !strings.Contains(strings.Join(e.Derivation, "\n"), want.step) {
			t.Errorf("%s = %s, agrees %v, %d observations, %q", metric, e.Fact.Value, e.Agrees, len(e.Observations), e.Derivation)
		}
		if len(e.Versions) != 1 || e.Observations[0].Endpoint != "own" || e.Observations[0].Plugin != "test" || e.Observations[0].Hash != "0xabc" {
			t.Errorf("%s: %+v", metric, e)
		}
	}
	if e := find(t, s, Question{Metric: sdk.Price, Token: "ETH", At: noon}); e.Fact.Value != "3000.12345678" || e.Fact.Venue != "feed" || !*e.Agrees {
		t.Errorf("%+v", e.Fact)
	}
	if e := find(t, s, Question{Metric: sdk.ExchangeRateMetric, Token: "wtst", At: noon}); e.Fact.Token != "tst" || len(e.Notes) != 1 {
		t.Errorf("the wrapper: %+v", e)
	}
}

func TestVersionsAndWhatWasKnownWhen(t *testing.T) {
	t.Parallel()
	s := warehouse(t)
	later := observed()[:1]
	later[0].Value = num("8")
	put(t, s, noon.Add(5*time.Hour), later)
	q := Question{Metric: sdk.ExchangeRateMetric, Token: "tst", At: noon}
	now := find(t, s, q)
	if now.Fact.Value != "2.666666666666666667" || len(now.Versions) != 2 || !strings.HasPrefix(now.Fact.Reason, "restated: was 2.33") || len(now.Notes) != 0 {
		t.Errorf("%+v", now)
	}
	q.KnownAt = noon.Add(time.Hour)
	if then := find(t, s, q); then.Fact.Value != "2.333333333333333333" || len(then.Notes) != 1 || !strings.Contains(then.Notes[0], "newer version") {
		t.Errorf("%+v", then)
	}
	for text, q := range map[string]Question{
		"the first is of 2024-03-01T12:00:00Z": {Metric: sdk.ExchangeRateMetric, Token: "tst", At: noon.Add(-time.Second)},
		"nor of any other time":                {Metric: sdk.ExchangeRateMetric, Token: "none", At: noon},
		"there is no metric":                   {Metric: "none", Token: "tst", At: noon},
	} {
		if _, err := Find(t.Context(), s, q); !errors.Is(err, ErrNoFact) || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// A stored value that its observations do not give is seen.
func TestAValueThatIsNotWhatWasReadIsSeen(t *testing.T) {
	t.Parallel()
	s := warehouse(t)
	for metric, by := range map[sdk.MetricID]string{sdk.ExchangeRateMetric: "0.000000000000000001", sdk.TVLNative: "0.00001"} {
		if _, err := s.DB().ExecContext(t.Context(), `UPDATE fact_metric SET value_exact = value_exact + `+by+`::DECIMAL(38,18) WHERE metric_id = '`+string(metric)+`'`); err != nil {
			t.Fatal(err)
		}
		e := find(t, s, Question{Metric: metric, Token: "tst", At: noon})
		if e.Agrees == nil || *e.Agrees || !strings.Contains(e.Derivation[len(e.Derivation)-1], "NOT the same") {
			t.Errorf("%s: %q", metric, e.Derivation)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	stored := Observation{
		Token: "ETH", Metric: sdk.Price, Labels: `{"quote":"USD","venue":"feed"}`, Value: "300012345678", Decimals: 8,
		Method: "state()", Target: "0x1", Field: "price", Digest: strings.Repeat("a", 64), PluginSHA256: "51ab",
	}
	for _, c := range []struct {
		name   string
		change func(o *sdk.Observation)
		sha256 string
		equal  bool
		detail string
	}{
		{"the same", func(*sdk.Observation) {}, "51ab", true, ""},
		{"another value", func(o *sdk.Observation) { o.Value = num("1") }, "51ab", false, "value was 300012345678, is 1"},
		{"unknown now", func(o *sdk.Observation) { o.Value = nil }, "51ab", false, "is unknown"},
		{"another divisor", func(o *sdk.Observation) { o.Divisor = num("2") }, "51ab", false, "divisor was unknown, is 2"},
		{"another scale", func(o *sdk.Observation) { o.Decimals = 18 }, "51ab", false, "decimals was 8, is 18"},
		{"another answer to the same binary", func(o *sdk.Observation) { o.Source.Digest = "b" }, "51ab", false, "its digest was"},
		{"another answer to another build", func(o *sdk.Observation) { o.Source.Digest = "b" }, "77", true, "another build"},
		{"another place", func(o *sdk.Observation) { o.Source.Target = "0x2" }, "51ab", false, "does not give"},
		{"another venue", func(o *sdk.Observation) { o.Labels["venue"] = "x" }, "51ab", false, "does not give"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			again := observed()
			c.change(&again[4])
			if v := Compare(stored, again, c.sha256); v.Equal != c.equal || !strings.Contains(v.Detail, c.detail) {
				t.Errorf("%+v", v)
			}
		})
	}
}

// The event of a block is found again by a search that ends with that block, and
// began with others.
func TestAnEventIsTheSameInAnotherSearch(t *testing.T) {
	t.Parallel()
	stored := Observation{Token: "steth", Metric: sdk.FeeShares, Value: "5", Method: "eth_getLogs E(uint256)", Target: "0x1", Field: "word 0", Digest: "a", PluginSHA256: "51ab"}
	again := sdk.Observation{Token: "steth", Metric: sdk.FeeShares, Value: num("5"), Source: sdk.Source{Method: stored.Method, Target: "0x1", Field: "word 0", Digest: "b"}}
	if v := Compare(stored, []sdk.Observation{again}, "51ab"); !v.Equal || !strings.Contains(v.Detail, "searched for in other blocks") {
		t.Errorf("%+v", v)
	}
	again.Value = num("6")
	if v := Compare(stored, []sdk.Observation{again}, "51ab"); v.Equal {
		t.Errorf("another value: %+v", v)
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	s := warehouse(t)
	e := find(t, s, Question{Metric: sdk.TVLNative, Token: "tst", At: noon})
	e.Observations[0].Target = "evil\x1b[2J" // a chain's text must not reach the terminal
	e.Observations[0].Verdict = &Verdict{Detail: "value was 7, is 8"}
	out := map[string]string{}
	for _, format := range []string{"table", "json", "csv", "markdown"} {
		var b bytes.Buffer
		if err := Render(&b, e, format); err != nil {
			t.Fatal(err)
		}
		out[format] = b.String()
	}
	for _, want := range []string{"tvl_native of tst = 7.000000000000000002 native", "DIFFERENT: value was 7, is 8", "own", "inputs", "lst_supply"} {
		if !strings.Contains(out["table"], want) {
			t.Errorf("the text lacks %q:\n%s", want, out["table"])
		}
	}
	if strings.Contains(out["table"], "\x1b") {
		t.Error("an escape sequence reaches the terminal")
	}
	var back Evidence
	if err := json.Unmarshal([]byte(out["json"]), &back); err != nil || cmp.Diff(e, &back) != "" {
		t.Errorf("JSON loses something: %v\n%s", err, cmp.Diff(e, &back))
	}
	rows, err := csv.NewReader(strings.NewReader(out["csv"])).ReadAll()
	if err != nil || len(rows) < 30 || strings.Join(rows[0], ",") != "part,item,value" {
		t.Errorf("CSV has %d rows, %v", len(rows), err)
	}
	if !strings.HasPrefix(out["markdown"], "| part | item | value |") {
		t.Errorf("markdown begins %.40q", out["markdown"])
	}
}
