package store

import (
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// history is n results of one run, an hour apart, with everything a result can
// hold: doubts, unknowns, contradictions, repeats and rejects.
func history(n int) []TaskResult {
	list := make([]TaskResult, n)
	for i := range list {
		res := result(t0.Add(time.Duration(i)*time.Hour), 4)
		res.KnownAt = t0.Add(1000 * time.Hour)
		res.Observations[0].Metric, res.Metrics[0].Metric = sdk.ExchangeRateMetric, sdk.ExchangeRateMetric
		for j := range res.Metrics {
			res.Metrics[j].Value = new(big.Rat).Add(res.Metrics[j].Value, big.NewRat(int64(i), 7))
		}
		if i%3 == 1 {
			res.Metrics[1].Quality, res.Metrics[1].Reason = sdk.QualitySuspect, "looks odd"
		}
		if i%4 == 2 {
			res.Metrics[2].Value, res.Metrics[2].Reason = nil, "reverted"
		}
		twin := res.Metrics[3]
		twin.Value = rat("99")
		res.Metrics = append(res.Metrics, twin)
		res.Prices = []transforms.PriceFact{{Base: "ETH", Quote: "USD", Venue: "v", TS: res.Task.Tick, Price: rat("3000.5"), Obs: []int{0}, Transform: "price@1"}}
		res.Epochs = []transforms.Epoch{{Chain: "ethereum", Epoch: uint64(i / 2), Start: t0.Add(time.Duration(i/2) * time.Hour), Basis: sdk.OnChain}}
		res.Rejects = []transforms.Reject{{Obs: 2, Check: "bounds", Reason: "outside"}}
		list[i] = res
	}
	return list
}

// What a warehouse holds, without the numbers it gave out itself.
func content(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, q := range map[string]string{
		"raw":    `SELECT * EXCLUDE (obs_id) FROM raw_observation ORDER BY ALL`,
		"metric": `SELECT f.* EXCLUDE (obs_ids), (SELECT list(o.token_id || o.block_ts::VARCHAR) FROM raw_observation o WHERE list_contains(f.obs_ids, o.obs_id)) AS of FROM fact_metric f ORDER BY ALL`,
		"price":  `SELECT * EXCLUDE (obs_ids) FROM fact_price ORDER BY ALL`,
		"epoch":  `FROM dim_epoch ORDER BY ALL`,
		"reject": `SELECT q.* EXCLUDE (quarantine_id, obs_id), o.token_id AS of, o.block_ts AS at FROM quarantine q LEFT JOIN raw_observation o USING (obs_id) ORDER BY ALL`,
		"task":   `FROM ingest_task ORDER BY ALL`,
	} {
		out[name] = rows(t, s, q)
	}
	return out
}

func TestTasksCommittedTogetherAreAsCommittedOneByOne(t *testing.T) {
	t.Parallel()
	one, all := openNew(t), openNew(t)
	var sum CommitStats
	for _, res := range history(9) {
		stats := mustCommit(t, one, res)
		sum.Observations += stats.Observations
		sum.Facts += stats.Facts
		sum.Rejects += stats.Rejects
		sum.Epochs += stats.Epochs
		sum.Collapsed += stats.Collapsed
	}
	for _, want := range []CommitStats{sum, {Collapsed: sum.Collapsed}} { // the second time nothing is new
		got, err := all.CommitAll(t.Context(), history(9))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if want.Facts > 0 {
			if d := cmp.Diff(content(t, one), content(t, all)); d != "" {
				t.Error(d)
			}
		}
	}
	// Of what cannot be written nothing is.
	bad := history(3)
	bad[1].Metrics[0].Value, bad[1].Metrics[0].Reason = nil, ""
	bad[2].Task.Tick = t0.Add(500 * time.Hour)
	if _, err := all.CommitAll(t.Context(), bad); err == nil || count(t, all, `SELECT count(*) FROM ingest_task`) != 9 {
		t.Errorf("a bad result among good ones: %v", err)
	}
	bad = history(2)
	bad[1].Task.RunID = "another"
	if _, err := all.CommitAll(t.Context(), bad); err == nil {
		t.Error("two runs in one commit")
	}
}

func TestPreviousOfManyMomentsIsPreviousOfEach(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	if _, err := s.CommitAll(t.Context(), history(9)); err != nil {
		t.Fatal(err)
	}
	back := history(9)[4:6] // one value is taken back, a doubted one is vouched for
	for i := range back {
		back[i].KnownAt = t0.Add(2000 * time.Hour)
	}
	back[0].Metrics[0].Quality, back[0].Metrics[0].Reason = transforms.QualityRetracted, "reorganised"
	back[0].Metrics[1].Quality, back[0].Metrics[1].Reason = sdk.QualityOK, ""
	if _, err := s.CommitAll(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	tokens := []sdk.TokenID{"t00000", "t00001", "t00002", "t00003"}
	var moments []time.Time
	for m := t0.Add(-time.Hour); m.Before(t0.Add(11 * time.Hour)); m = m.Add(20 * time.Minute) {
		moments = append(moments, m)
	}
	got, err := s.PreviousAt(t.Context(), tokens, moments)
	if err != nil {
		t.Fatal(err)
	}
	updates := 0
	for i, m := range moments {
		want, err := s.PreviousAt(t.Context(), tokens, []time.Time{m})
		if err != nil {
			t.Fatal(err)
		}
		updates += len(want[0][transforms.Key{Metric: sdk.ExchangeRateMetric, Token: "t00000", Basis: sdk.OnChain}].Updates)
		if d := cmp.Diff(want[0], got[i], cmpopts.EquateEmpty(), cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })); d != "" {
			t.Errorf("at %s:\n%s", m, d)
		}
	}
	if updates == 0 {
		t.Error("no updates were compared")
	}
}
