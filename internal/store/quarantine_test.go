package store

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// refused is a task whose observations were all refused.
func refused(obs ...sdk.Observation) TaskResult {
	res := result(t0, 0)
	res.Task.State = StateQuarantined
	for i, o := range obs {
		o.Source = sdk.Source{Method: "rate()", Target: "0x1"}
		res.Observations = append(res.Observations, Observation{
			Observation: o, At: sdk.Position{Height: 19_000_000, Hash: "0xabc", Time: t0}, Finality: sdk.Finalized, Endpoint: "public",
		})
		res.Rejects = append(res.Rejects, transforms.Reject{Obs: i, Token: o.Token, Metric: o.Metric, TS: t0, Check: "bounds", Reason: "outside"})
	}
	return res
}

// heldID finds the row in quarantine of a metric; the empty one is of no observation.
func heldID(t *testing.T, s *Store, metric sdk.MetricID) int64 {
	t.Helper()
	var id int64
	if err := s.DB().QueryRowContext(t.Context(), `SELECT quarantine_id FROM quarantine WHERE coalesce(metric_id, '') = ?`, string(metric)).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestARowInQuarantineIsReleasedOrDismissedOnce(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	ctx := t.Context()
	mustCommit(t, s, refused(
		sdk.Observation{Token: "a", Metric: sdk.ExchangeRateMetric, Value: big.NewInt(900), Divisor: big.NewInt(7)},
		sdk.Observation{Token: "a", Metric: sdk.Price, Value: big.NewInt(5), Decimals: 1, Labels: map[string]string{"quote": "ETH", "venue": "curve"}},
		sdk.Observation{Token: "a", Metric: sdk.ExitQuote, Value: big.NewInt(99), Labels: map[string]string{"route": "queue", "size_native": "100", "wait_s": "86400"}},
	))
	at := t0.Add(time.Hour)
	rate, price, quote := heldID(t, s, sdk.ExchangeRateMetric), heldID(t, s, sdk.Price), heldID(t, s, sdk.ExitQuote)
	for _, v := range []Verdict{{ID: rate, At: at}, {ID: rate, Reason: " \t", At: at}} {
		if _, err := s.Release(ctx, v); err == nil {
			t.Error("released without a reason")
		}
		if err := s.Dismiss(ctx, v); err == nil {
			t.Error("dismissed without a reason")
		}
	}
	if others, err := s.Release(ctx, Verdict{ID: rate, Reason: "seen on chain", At: at, Version: "dev"}); err != nil || others != nil {
		t.Fatal(others, err)
	}
	if got := states(t, s, TaskFilter{}); got[0] != "12h quarantined" {
		t.Errorf("rows are still held, the task is %v", got)
	}
	if err := s.Dismiss(ctx, Verdict{ID: price, Reason: "a typo", At: at}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Release(ctx, Verdict{ID: quote, Reason: "right", At: at}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"exchange_rate | released | seen on chain | " + at.Format(time.RFC3339Nano),
		"exit_quote | released | right | " + at.Format(time.RFC3339Nano),
		"price | dismissed | a typo | " + at.Format(time.RFC3339Nano),
	}
	if d := cmp.Diff(want, rows(t, s, `SELECT metric_id, state, verdict, decided_at FROM quarantine ORDER BY 1`)); d != "" {
		t.Error(d)
	}
	want = []string{"a | 128.571428571428571429 | ok | released: seen on chain | onchain | 1 | manual-release@1"}
	if d := cmp.Diff(want, rows(t, s, `SELECT token_id, value_exact, quality, reason, basis, len(obs_ids), transform FROM metric_now`)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"queue | 100 | 99 | 1 | ok"}, rows(t, s, `SELECT route, size_native, out_native, wait_days, quality FROM fact_exit_quote`)); d != "" {
		t.Error(d)
	}
	if n := count(t, s, `SELECT count(*) FROM fact_price`); n != 0 {
		t.Errorf("a dismissed price became %d facts", n)
	}
	if d := cmp.Diff([]string{"12h have"}, states(t, s, TaskFilter{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"release | ok | 1", "release | ok | 1"}, rows(t, s, `SELECT command, status, rows FROM ingest_run JOIN (SELECT run_id FROM fact_metric UNION ALL SELECT run_id FROM fact_exit_quote) USING (run_id)`)); d != "" {
		t.Error(d)
	}
	for id, want := range map[int64]string{rate: "released before", price: "dismissed before", 99: "no such row"} {
		if _, err := s.Release(ctx, Verdict{ID: id, Reason: "again", At: at}); !errors.Is(err, ErrNotHeld) || !strings.Contains(err.Error(), want) {
			t.Errorf("row %d: %v", id, err)
		}
	}
}

func TestWhatCannotBecomeAFactIsNotReleased(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	res := refused(
		sdk.Observation{Token: "a", Metric: sdk.ExchangeRateMetric, Value: nil, Reason: "reverted"},
		sdk.Observation{Token: "a", Metric: sdk.TVLNative, Value: big.NewInt(1)},
		sdk.Observation{Token: "a", Metric: sdk.Price, Value: big.NewInt(1)},
		sdk.Observation{Token: "a", Metric: "made_up", Value: big.NewInt(1)},
	)
	res.Rejects = append(res.Rejects, transforms.Reject{Obs: -1, Check: "disagreement", Reason: "two endpoints disagree"})
	mustCommit(t, s, res)
	for metric, want := range map[sdk.MetricID]string{
		sdk.ExchangeRateMetric: "unknown", sdk.TVLNative: "no metric", sdk.Price: "quote and venue", "made_up": "no metric", "": "no observation",
	} {
		if _, err := s.Release(t.Context(), Verdict{ID: heldID(t, s, metric), Reason: "let it in", At: t0}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("row of %q: %v", metric, err)
		}
	}
	// Nothing of the attempts stayed.
	if n := count(t, s, `SELECT count(*) FROM quarantine WHERE state <> 'held' OR verdict IS NOT NULL`) + count(t, s, `SELECT count(*) FROM fact_metric`); n != 0 {
		t.Errorf("%d rows were left behind", n)
	}
}

// reading is one reading of a rate of token a, hours after t0. why says that the
// checks hold it.
func reading(hours int, rate, why string) TaskResult {
	at := t0.Add(time.Duration(hours) * time.Hour)
	res := result(at, 1)
	value := rat(rate)
	res.Observations[0].Token, res.Observations[0].Metric = "a", sdk.ExchangeRateMetric
	res.Observations[0].Value = new(big.Int).Quo(new(big.Int).Mul(value.Num(), scale18), value.Denom())
	f := &res.Metrics[0]
	f.Token, f.Metric, f.Value, f.Uncertainty = "a", sdk.ExchangeRateMetric, value, rat("0.001")
	if why != "" {
		f.Quality, f.Reason = sdk.QualitySuspect, why
		res.Rejects = []transforms.Reject{{Obs: 0, Token: "a", Metric: f.Metric, TS: at, Check: transforms.CheckJump, Reason: why}}
	}
	derived := *f
	derived.Metric, derived.Basis, derived.Transform = sdk.TVLNative, transforms.BasisDerived, transforms.TVLNativeTransform
	res.Metrics = append(res.Metrics, derived)
	return res
}

func rowAt(t *testing.T, s *Store, hours int) int64 {
	t.Helper()
	return int64(count(t, s, `SELECT quarantine_id FROM quarantine WHERE ts = `+literal(t0.Add(time.Duration(hours)*time.Hour))))
}

const standing = `SELECT (epoch(ts) - epoch(TIMESTAMP '2024-03-01 12:00'))::INT / 3600 AS h, metric_id, value, uncertainty, quality, reason FROM metric_now ORDER BY metric_id, ts`

func TestAReleasedValueCountsAndWithItWhatAgreesLater(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	for _, res := range []TaskResult{
		reading(0, "1", ""), reading(1, "0.9", "fell"), reading(2, "0.95", "fell a little less"),
		reading(3, "0.9", "fell"), reading(4, "0.7", "fell far"), reading(5, "0.9", "fell"), reading(6, "1", ""),
	} {
		mustCommit(t, s, res)
	}
	later := t0.Add(100 * time.Hour)
	others, err := s.Release(t.Context(), Verdict{ID: rowAt(t, s, 3), Reason: "slashed", At: later})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int64{rowAt(t, s, 5)}, others); d != "" {
		t.Errorf("released with it: %s", d)
	}
	want := []string{
		"0 | exchange_rate | 1 | 0.001 | ok | <nil>",
		"1 | exchange_rate | 0.9 | 0.001 | suspect | fell", // it was before
		"2 | exchange_rate | 0.95 | 0.001 | suspect | fell a little less",
		"3 | exchange_rate | 0.9 | 0.001 | ok | released: slashed",
		"4 | exchange_rate | 0.7 | 0.001 | suspect | fell far", // it does not agree
		fmt.Sprintf("5 | exchange_rate | 0.9 | 0.001 | ok | released: slashed (with row %d)", rowAt(t, s, 3)),
		"6 | exchange_rate | 1 | 0.001 | ok | <nil>",
	}
	got := rows(t, s, standing)
	if d := cmp.Diff(want, got[:7]); d != "" {
		t.Error(d)
	}
	for i, fact := range got[7:] { // what was derived from it
		if (strings.Contains(fact, "| ok |")) != strings.Contains(want[i], "| ok |") {
			t.Errorf("derived: %s", fact)
		}
	}
	past, err := s.PreviousAt(t.Context(), []sdk.TokenID{"a"}, []time.Time{t0.Add(6 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if l := past[0][transforms.Key{Metric: sdk.ExchangeRateMetric, Token: "a", Basis: sdk.OnChain}]; l.Value.Cmp(rat("0.9")) != 0 {
		t.Errorf("the next reading is compared with %s", l.Value)
	}
}

func TestAVerdictStandsWhenTheBlockIsReadAgain(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	provisional := func(res TaskResult) TaskResult {
		res.Observations[0].Finality, res.Metrics[0].Finality = sdk.Provisional, sdk.Provisional
		return res
	}
	mustCommit(t, s, provisional(reading(1, "0.9", "fell")))
	mustCommit(t, s, provisional(reading(2, "2", "rose")))
	at := t0.Add(100 * time.Hour)
	if _, err := s.Release(t.Context(), Verdict{ID: rowAt(t, s, 1), Reason: "slashed", At: at}); err != nil {
		t.Fatal(err)
	}
	if err := s.Dismiss(t.Context(), Verdict{ID: rowAt(t, s, 2), Reason: "a broken node", At: at}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 | exchange_rate | 0.9 | 0.001 | ok | released: slashed",
		"2 | exchange_rate | 2 | 0.001 | suspect | dismissed: a broken node",
		"1 | tvl_native | 0.9 | 0.001 | ok | released: slashed",
		"2 | tvl_native | 2 | 0.001 | suspect | dismissed: a broken node",
	}
	again := reading(1, "0.9", "fell from something else")
	for _, res := range []TaskResult{again, reading(2, "2", "")} { // final now, and judged by another past
		res.KnownAt = at.Add(time.Hour)
		mustCommit(t, s, res)
	}
	if d := cmp.Diff(want, rows(t, s, standing)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"finalized", "finalized"}, rows(t, s, `SELECT finality FROM metric_now WHERE metric_id = 'exchange_rate'`)); d != "" {
		t.Error(d)
	}
	if n := count(t, s, `SELECT count(*) FROM quarantine`); n != 2 {
		t.Errorf("%d rows in quarantine", n)
	}
	// Another value is another question.
	other := reading(1, "0.8", "fell further")
	other.KnownAt = at.Add(2 * time.Hour)
	mustCommit(t, s, other)
	if d := cmp.Diff("1 | exchange_rate | 0.8 | 0.001 | suspect | fell further", rows(t, s, standing)[0]); d != "" {
		t.Error(d)
	}
	if n := count(t, s, `SELECT count(*) FROM quarantine WHERE state = 'held'`); n != 1 {
		t.Errorf("%d rows are held", n)
	}
}
