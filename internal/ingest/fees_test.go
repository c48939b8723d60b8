package ingest

import (
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// openLido is a pipeline with the plugin of Lido alone.
func openLido(t *testing.T, w *world) *pipeline {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "lido"), "../../plugins/lido")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := w.setup(filepath.Join(dir, "w.duckdb"))
	s.Plugins = dir
	p, err := open(t.Context(), s, w.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// What stETH's reports minted as fees, from the log on the chain to the answer. Each
// report of the fake earns 700 ETH and keeps a tenth; the first day's rate has no
// rate before it, so of four days three reports count.
func TestFeeSharesOfReportsMakeTheTakeRate(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 9, 1, 0, 30, 0, 0, time.UTC)
	hourly := Job{Name: "state", Schedule: every(time.Hour)}
	seen := Range{From: day, To: day.Add(95 * time.Hour)}
	const fees = `SELECT count(*), count(value) FROM fact_metric WHERE metric_id = 'fee_shares' AND token_id = 'steth'`
	const taken = `SELECT round(100 * take_rate_eff, 4), round(net_native, 6), round(fee_native, 6), updates
		FROM take_rate(30, TIMESTAMP '2024-09-05') WHERE token_id = 'steth'`
	for _, c := range []struct {
		name        string
		serving     chaintest.LogServing
		every       time.Duration
		fees, taken string
	}{
		{"a report that 24 ticks read is one fact", chaintest.LogServing{}, time.Hour, "4 | 4", "10 | 1890 | 210 | 3"},
		{"a node whose logs are without times gives the same", chaintest.LogServing{Undated: true}, 8 * time.Hour, "4 | 4", "10 | 1890 | 210 | 3"},
		{"a node that does not search costs only the fee", chaintest.LogServing{Refusal: "block range is too wide"}, 8 * time.Hour, "11 | 0", "<nil> | <nil> | <nil> | <nil>"},
		{"reports that nobody read between two ticks are not taken for none", chaintest.LogServing{}, 48 * time.Hour, "2 | 2", "<nil> | <nil> | <nil> | <nil>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, day.Add(100*time.Hour))
			w.Ethereum.ServeLogs(c.serving)
			p := openLido(t, w)
			rng := seen
			rng.Every = c.every
			_, sum, err := p.backfill(t.Context(), rng, hourly)
			if err != nil || !sum.OK() {
				t.Fatalf("%+v, %v", sum, err)
			}
			if d := cmp.Diff([]string{c.fees}, p.ask(t, fees)); d != "" {
				t.Errorf("versions of fee_shares, known ones among them: %s", d)
			}
			if d := cmp.Diff([]string{c.taken}, p.ask(t, taken)); d != "" {
				t.Errorf("per cent, stakers' ETH, fees in ETH, reports: %s", d)
			}
		})
	}
}

// A setting that two readings show different is an event between them, whichever of
// the two was read first.
func TestChangesOfSettingsAreEventsInWhateverOrderTheyAreRead(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2024, 9, n, 0, 0, 0, 0, time.UTC) }
	w := newWorld(t, day(6))
	from := func(n int, before, after []any) chaintest.Answer {
		return func(b chaintest.Block) []any {
			if b.Time.Before(day(n).Add(-time.Hour)) {
				return before
			}
			return after
		}
	}
	tenth := func(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1e17)) }
	w.Ethereum.At(evm.MustMethod("getStakingFeeAggregateDistribution() returns (uint96,uint96,uint256)").At(evm.MustAddress("0xFdDf38947aFB03C621C71b06C9C70bce73f12999")),
		from(3, []any{tenth(50), tenth(50), tenth(1000)}, []any{tenth(35), tenth(65), tenth(1000)}))
	w.Ethereum.At(evm.MustMethod("isStakingPaused() returns (bool)").At(evm.MustAddress(chaintest.StETH)), from(4, []any{false}, []any{true}))
	p := openLido(t, w)
	for _, stretch := range [][2]int{{3, 4}, {1, 2}} {
		if _, sum, err := p.backfill(t.Context(), Range{From: day(stretch[0]), To: day(stretch[1])}, dailyJob()); err != nil || !sum.OK() {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	want := []string{
		`2024-09-02 | 2024-09-03 | fee_change | {"metric":"fee_reward_operators_bps","was":500.0,"is":350.0}`,
		`2024-09-02 | 2024-09-03 | fee_change | {"metric":"fee_reward_treasury_bps","was":500.0,"is":650.0}`,
		`2024-09-03 | 2024-09-04 | pause | {"metric":"deposits_paused","was":0.0,"is":1.0}`,
	}
	got := p.ask(t, `SELECT strftime(seen_since + INTERVAL 1 MINUTE, '%Y-%m-%d'), strftime(ts + INTERVAL 1 MINUTE, '%Y-%m-%d'), event_type, details
		FROM event_now WHERE protocol_id = 'lido' ORDER BY ts, details`)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
