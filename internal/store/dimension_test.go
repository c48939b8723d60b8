package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func lido(name string) sdk.Description {
	return sdk.Description{
		Name: "lido",
		Protocols: []sdk.Protocol{{
			ID: "lido", Name: name, Status: "live", Launched: "2020-12-18",
			Fees: []sdk.AdvertisedFee{{Type: "reward", BPS: "1000", From: "2020-12-18", Source: "docs"}},
		}},
		Tokens: []sdk.Token{
			{ID: "steth", Protocol: "lido", Chain: "ethereum", Symbol: "stETH", Decimals: 18, Underlying: "ETH", Accrual: sdk.Rebase, ExpectedUpdate: 24 * time.Hour, StaleAfter: 72 * time.Hour},
			{ID: "wsteth", Protocol: "lido", Chain: "ethereum", Symbol: "wstETH", Decimals: 18, Underlying: "ETH", Accrual: sdk.Wrapper, RateOf: "steth"},
		},
		Chains: []sdk.ChainNeed{{Chain: "ethereum", ReadsPast: true}},
	}
}

func TestADescriptionIsStoredOnceAndUpdatedWhenItChanges(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	put := func(d sdk.Description, plugin string, at time.Time) {
		t.Helper()
		if err := s.PutDimensions(t.Context(), d, plugin, at); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want ...string) {
		t.Helper()
		got := rows(t, s, `SELECT name, launched::VARCHAR, plugin, updated_at,
			(SELECT string_agg(token_id || ' ' || accrual || ' ' || coalesce(rate_of, '-') || ' ' || coalesce(stale_after_s, 0), ', ' ORDER BY token_id) FROM dim_token),
			(SELECT string_agg(fee_type || ' ' || bps || ' ' || plugin, ', ') FROM dim_fee WHERE dropped_at IS NULL) FROM dim_protocol`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	const tokens = "steth rebase - 259200, wsteth wrapper steth 0"
	put(lido("Lido"), "lido", t0)
	put(lido("Lido"), "lido", t0.Add(time.Hour)) // unchanged: not touched
	check("Lido | 2020-12-18 | lido | 2024-03-01T12:00:00Z | " + tokens + " | reward 1000.0 lido")

	history := lido("Lido by others")
	history.Chains[0].Offline = true
	history.Protocols[0].Fees = nil
	put(history, "history", t0.Add(2*time.Hour)) // published history does not speak for the protocol
	check("Lido | 2020-12-18 | lido | 2024-03-01T12:00:00Z | " + tokens + " | reward 1000.0 lido")

	changed := lido("Lido DAO")
	changed.Protocols[0].Fees[0].BPS = "800"
	put(changed, "lido", t0.Add(3*time.Hour))
	check("Lido DAO | 2020-12-18 | lido | 2024-03-01T15:00:00Z | " + tokens + " | reward 800.0 lido")
}

func TestAFeeThatIsSaidNoMoreKeepsTheTimeItWasSaid(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	at := func(h int) time.Time { return t0.Add(time.Duration(h) * time.Hour) }
	for hour, bps := range []string{"1000", "1000", "800", "1000"} {
		d := lido("Lido")
		d.Protocols[0].Fees[0].BPS = bps
		if err := s.PutDimensions(t.Context(), d, "lido", at(hour)); err != nil {
			t.Fatal(err)
		}
	}
	other := lido("Lido")
	other.Protocols[0].Fees[0].BPS = "5"
	if err := s.PutDimensions(t.Context(), other, "another", at(4)); err != nil { // speaks for itself only
		t.Fatal(err)
	}
	want := []string{
		"lido | 1000 | 2024-03-01T12:00:00Z | 2024-03-01T14:00:00Z",
		"lido | 800 | 2024-03-01T14:00:00Z | 2024-03-01T15:00:00Z",
		"lido | 1000 | 2024-03-01T15:00:00Z | <nil>",
		"another | 5 | 2024-03-01T16:00:00Z | <nil>",
	}
	if diff := cmp.Diff(want, rows(t, s, "SELECT plugin, bps, known_at, dropped_at FROM dim_fee ORDER BY known_at")); diff != "" {
		t.Error(diff)
	}
	said := func(hour int) []string {
		return rows(t, s, "SELECT bps FROM fee_card('"+at(hour).Format(time.DateTime)+"') WHERE plugin = 'lido'")
	}
	if diff := cmp.Diff([][]string{{}, {"1000"}, {"800"}, {"1000"}}, [][]string{said(-1), said(1), said(2), said(9)}); diff != "" {
		t.Error("as known then:", diff)
	}
}

func TestAPluginThatReadsTheProtocolTakesOverFromHistory(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	history := lido("Lido by others")
	history.Chains[0].Offline = true
	for plugin, d := range map[string]sdk.Description{"history": history} {
		if err := s.PutDimensions(t.Context(), d, plugin, t0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutDimensions(t.Context(), lido("Lido"), "lido", t0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Lido | lido"}, rows(t, s, "SELECT name, plugin FROM dim_protocol")); diff != "" {
		t.Error(diff)
	}
}

func TestAWrongDescriptionIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	d := lido("Lido")
	d.Protocols[0].Fees[0].BPS = "ten percent"
	if err := s.PutDimensions(t.Context(), d, "lido", t0); err == nil {
		t.Error("a fee in words was stored")
	}
	if n := count(t, s, "SELECT count(*) FROM dim_token"); n != 0 {
		t.Errorf("%d tokens stayed", n)
	}
}

func TestChainsAndMetricVersionsAreStored(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	for _, name := range []string{"Ethereum", "Ethereum", "Ethereum mainnet"} {
		if err := s.PutChains(t.Context(), []Chain{{ID: "ethereum", Kind: "evm", Name: name, NativeAsset: "ETH", HeightKind: "block"}}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"Ethereum mainnet | block"}, rows(t, s, "SELECT name, height_kind FROM dim_chain")); diff != "" {
		t.Error(diff)
	}
	def, _ := sdk.LookupMetric(sdk.BackingNative)
	def.Version, def.Definition = 2, "something narrower"
	for range 2 {
		if err := s.PutMetrics(t.Context(), []sdk.MetricDef{def}, t0); err != nil {
			t.Fatal(err)
		}
	}
	got := rows(t, s, "SELECT version FROM dim_metric WHERE metric_id = 'backing_native' ORDER BY 1")
	if diff := cmp.Diff([]string{"1", "2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPreviousIsTheNewestValueThatStillStands(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	known := t0.Add(100 * time.Hour)
	commit := func(hour int, value string, q sdk.Quality) {
		t.Helper()
		known = known.Add(time.Minute)
		res := result(t0.Add(time.Duration(hour)*time.Hour), 1)
		res.KnownAt = known
		f := &res.Metrics[0]
		f.Token, f.Quality, f.Reason = "reth", q, "said so"
		f.Value = nil
		if value != "" {
			f.Value = rat(value)
		}
		mustCommit(t, s, res)
	}
	want := func(before int, text string, hour int) {
		t.Helper()
		all, err := s.PreviousAt(t.Context(), []sdk.TokenID{"reth", "nobody"}, []time.Time{t0.Add(time.Duration(before) * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		model := map[transforms.Key]transforms.Last{}
		if text != "" {
			model[transforms.Key{Metric: sdk.BackingNative, Token: "reth", Basis: sdk.OnChain}] = transforms.Last{TS: t0.Add(time.Duration(hour) * time.Hour), Value: rat(text)}
		}
		if diff := cmp.Diff(model, all[0], cmp.Comparer(func(a, b transforms.Last) bool { return a.TS.Equal(b.TS) && a.Value.Cmp(b.Value) == 0 })); diff != "" {
			t.Error(diff)
		}
	}
	want(9, "", 0)
	commit(0, "1.000000000000000001", sdk.QualityOK)
	commit(1, "2", sdk.QualityOK)
	commit(2, "", sdk.QualityOK)
	want(9, "2", 1)
	want(1, "1.000000000000000001", 0) // strictly before
	commit(1, "2", transforms.QualityRetracted)
	want(9, "1.000000000000000001", 0)
	commit(1, "3", sdk.QualityOK)
	want(9, "3", 1)
	commit(3, "9", sdk.QualitySuspect)
	want(9, "3", 1)
	commit(2, "4", sdk.QualityEstimated)
	want(9, "4", 2)
	commit(2, "4", sdk.QualitySuspect)
	want(9, "3", 1)
	commit(4, "1e30", sdk.QualityOK) // does not fit 18 decimals
	want(9, "3", 1)
}
