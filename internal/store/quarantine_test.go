package store

import (
	"errors"
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
	run, err := s.Release(ctx, Verdict{ID: rate, Reason: "seen on chain", At: at, Version: "dev"})
	if err != nil {
		t.Fatal(err)
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
	want = []string{"a | 128.571428571428571429 | suspect | seen on chain | onchain | 1 | manual-release@1 | " + run}
	if d := cmp.Diff(want, rows(t, s, `SELECT token_id, value_exact, quality, reason, basis, len(obs_ids), transform, run_id FROM metric_now`)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"queue | 100 | 99 | 1 | suspect"}, rows(t, s, `SELECT route, size_native, out_native, wait_days, quality FROM fact_exit_quote`)); d != "" {
		t.Error(d)
	}
	if n := count(t, s, `SELECT count(*) FROM fact_price`); n != 0 {
		t.Errorf("a dismissed price became %d facts", n)
	}
	if d := cmp.Diff([]string{"12h have"}, states(t, s, TaskFilter{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"release | ok | 1", "release | ok | 1"}, rows(t, s, `SELECT command, status, rows FROM ingest_run WHERE command = 'release'`)); d != "" {
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
