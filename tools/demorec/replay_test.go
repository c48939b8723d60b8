package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

// replay runs the committed demo into the warehouse as `pipeline demo` does: from
// the recordings alone, with no endpoint to ask.
func replay(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	text, err := os.ReadFile(filepath.Join(demoDir, manifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Tasks []task }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	var work []ingest.Work
	for _, task := range manifest.Tasks {
		work = append(work, ingest.Work{
			Series: ingest.Series{Job: "demo", Plugin: task.Plugin, Chain: task.Chain}, Ticks: []time.Time{task.Tick}, Tokens: task.Tokens,
		})
	}
	g, err := gateway.New(gateway.Options{
		Chains: []gateway.Chain{{ID: "ethereum", Kind: gateway.EVM}, {ID: "solana", Kind: gateway.Solana}},
		Replay: filepath.Join(demoDir, recordingsDir),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	h := host.New(host.Options{Logger: slog.New(slog.DiscardHandler)})
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	found, err := ingest.Discover(ctx, h, builtPlugins(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	runner := &ingest.Runner{Store: s, Host: h, Gateway: g, Log: slog.New(slog.DiscardHandler), Version: "test"}
	if err := runner.Prepare(ctx, found); err != nil {
		t.Fatal(err)
	}
	sum, err := runner.Run(ctx, "demo", found, work)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.OK() || len(sum.Outcomes) != len(manifest.Tasks) {
		t.Fatalf("%d tasks: %+v", len(manifest.Tasks), sum)
	}
}

// query returns the only row.
func query(t *testing.T, s *store.Store, text string, args ...any) []any {
	t.Helper()
	rows, err := s.Query(context.Background(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	values := rows.Values()
	if rows.Next() {
		t.Fatalf("more than one row for %s %v", text, args)
	}
	return values
}

func TestTheDemo(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "demo.duckdb"), store.Options{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	replay(t, s)
	before := counts(t, s)
	// Real updates, but larger than their own history explains: a person would look.
	held := query(t, s, `SELECT string_agg(token_id || ' ' || metric_id || ' ' || ts::DATE || ' ' || check_name, ', ' ORDER BY ts) FROM quarantine`)[0]
	if held != "reth exchange_rate 2022-11-03 jump, reth exchange_rate 2023-07-31 jump, stsol exchange_rate 2024-03-28 jump" {
		t.Errorf("held are %v", held)
	}

	// The parts only read; they run one after the other because the last replays.
	t.Run("known values are exact", func(t *testing.T) { knownValues(t, s) })
	t.Run("every expected value a plugin emits is exact", func(t *testing.T) { expectedValues(t, s) })
	t.Run("what is estimated says so", func(t *testing.T) { estimates(t, s) })
	t.Run("what no source holds is unknown with its reason", func(t *testing.T) { unknowns(t, s) })
	t.Run("a second run adds nothing", func(t *testing.T) {
		replay(t, s)
		if diff := cmp.Diff(before, counts(t, s)); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}

func counts(t *testing.T, s *store.Store) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, table := range []string{"raw_observation", "fact_metric", "fact_price", "fact_exit_quote", "fact_operator_stake", "fact_event", "quarantine", "ingest_task", "dim_epoch"} {
		n, ok := query(t, s, "SELECT count(*) FROM "+table)[0].(int64)
		if !ok {
			t.Fatalf("count of %s is no integer", table)
		}
		out[table] = n
	}
	return out
}

// value is an exact fact as SQL gives it: 18 decimals.
func value(t *testing.T, s *store.Store, token, metric, at string, basis sdk.Basis) (text, quality string) {
	t.Helper()
	row := query(t, s, `SELECT value_exact::VARCHAR, quality FROM metric_now
		WHERE token_id = ? AND metric_id = ? AND ts = ?::TIMESTAMP AND basis = ?`, token, metric, at, string(basis))
	if row == nil {
		return "no row", ""
	}
	return fmt.Sprint(row[0]), fmt.Sprint(row[1])
}

func knownValues(t *testing.T, s *store.Store) {
	for _, v := range []struct {
		token, metric, at string
		basis             sdk.Basis
		want              string
	}{
		// Lido: the pairs of the SDK's test vectors.
		{"steth", "backing_native", "2023-08-26 11:59:59", sdk.OnChain, "8394212.555328852098606993"},
		{"steth", "lst_supply", "2023-11-30 11:59:59", sdk.OnChain, "8066681.860242338824295513"},
		{"steth", "backing_native", "2023-12-10 12:59:59", sdk.OnChain, "9214558.073511239726258077"},
		{"steth", "exchange_rate", "2023-12-10 12:59:59", sdk.OnChain, "1.149640769957527054"},
		// Lido: the report of 2023-05-18 (G1) and the samples of 2022 (G2).
		{"steth", "backing_native", "2023-05-18 12:00:00", sdk.Published, "6349026.640000000000000000"},
		{"steth", "lst_supply", "2023-05-18 12:00:00", sdk.Published, "5646066.680000000000000000"},
		{"steth", "backing_native", "2023-05-18 12:30:00", sdk.Published, "6348106.240000000000000000"},
		{"steth", "exchange_rate", "2023-05-18 12:30:00", sdk.Published, "1.124670000000000000"},
		{"steth", "exchange_rate", "2022-04-10 01:30:19", sdk.Published, "1.067472418481557459"},
		{"reth", "exchange_rate", "2022-07-07 18:10:51", sdk.Published, "1.030176558094566770"},
		// Rocket Pool: a report as read by the plugin, and as published; the full state of 2026.
		{"reth", "backing_native", "2023-12-31 17:59:59", sdk.OnChain, "616044.687101233374738619"},
		{"reth", "staking_native", "2023-12-31 17:59:59", sdk.OnChain, "581096.623100891283222392"},
		{"reth", "lst_supply_reported", "2023-12-31 17:59:59", sdk.OnChain, "563052.522348760494859036"},
		{"reth", "exchange_rate", "2023-12-31 17:59:59", sdk.OnChain, "1.094115846478082183"},
		{"reth", "report_height", "2023-12-31 17:59:59", sdk.OnChain, "18904320.000000000000000000"},
		{"reth", "backing_native", "2023-12-31 08:53:11", sdk.Published, "616044.687101233374738619"},
		{"reth", "backing_native", "2026-04-14 18:24:59", sdk.OnChain, "393070.246092667017109023"},
		{"reth", "lst_supply", "2026-04-14 18:24:59", sdk.OnChain, "338360.158912466277545855"},
		{"reth", "instant_capacity_native", "2026-04-14 18:24:59", sdk.OnChain, "2224.148175222317944602"},
		// Solana: Marinade, Jito, BlazeStake, Lido on Solana.
		{"msol", "backing_native", "2023-11-30 12:00:00", sdk.OnChain, "6157998.081985218000000000"},
		{"msol", "exchange_rate", "2023-11-30 12:00:00", sdk.OnChain, "1.151526823611199522"},
		{"jitosol", "backing_native", "2023-11-30 12:00:00", sdk.OnChain, "6636671.656500264000000000"},
		{"jitosol", "exchange_rate_closed", "2024-07-06 12:00:00", sdk.OnChain, "1.121467972882168291"},
		{"jitosol", "instant_capacity_native", "2024-07-06 12:00:00", sdk.OnChain, "19584.844481717000000000"},
		{"msol", "instant_capacity_native", "2024-05-05 00:00:00", sdk.OnChain, "20473.363987681000000000"},
		{"stsol", "fee_reward_bps", "2025-06-03 00:00:00", sdk.OnChain, "500.000000000000000000"},
		{"bsol", "validators", "2025-06-14 12:00:00", sdk.OnChain, "1177.000000000000000000"},
		{"stsol", "exchange_rate", "2025-06-03 00:00:00", sdk.OnChain, "1.212405583275711144"},
		// Blocks and times (G8).
		{"ETH", "chain_height", "2022-05-28 12:27:55", sdk.Published, "14860268.000000000000000000"},
		{"ETH", "chain_height", "2026-04-28 20:09:59", sdk.Published, "24980862.000000000000000000"},
	} {
		if got, _ := value(t, s, v.token, v.metric, v.at, v.basis); got != v.want {
			t.Errorf("%s of %s at %s (%s) is %s, want %s", v.metric, v.token, v.at, v.basis, got, v.want)
		}
	}
	// All 27 decimals of a sample are in the observation.
	row := query(t, s, `SELECT value_text, decimals FROM raw_observation WHERE token_id = 'steth' AND height = 14798230`)
	if diff := cmp.Diff("[1071663732239299774767008133 27]", fmt.Sprint(row)); diff != "" {
		t.Error(diff)
	}
}

// emitted says which expected value of an account a plugin emits as which metric.
var emitted = map[string]map[string]string{
	"marinade_state": {
		"computed.total_virtual_staked_lamports": "backing_native", "msol_supply": "lst_supply",
		"total_active_balance": "staking_native", "available_reserve_balance": "buffer_native",
		"circulating_ticket_balance": "tickets_native", "circulating_ticket_count": "queue_requests",
		"validator_list.count": "validators", "reward_fee_bps": "fee_reward_bps", "delayed_unstake_fee_cents": "fee_withdraw_bps",
		"lp_min_fee_bps": "fee_instant_min_bps", "lp_max_fee_bps": "fee_instant_max_bps", "lp_liquidity_target": "instant_target_native",
		"min_deposit": "deposit_min_native", "min_withdraw": "withdraw_min_native", "paused": "protocol_paused",
	},
	"spl_stake_pool":     {"total_lamports": "backing_native", "pool_token_supply": "lst_supply"},
	"spl_mint":           {"supply": "lst_supply_mint"},
	"lido_state_v1":      {"er.st_sol_supply": "lst_supply_reported"},
	"spl_validator_list": {"count": "validators"},
}

// ratios are emitted as a ratio of two expected values.
var ratios = map[string]map[string][2]string{
	"marinade_state": {"exchange_rate": {"computed.total_virtual_staked_lamports", "msol_supply"}},
	"spl_stake_pool": {
		"exchange_rate":        {"total_lamports", "pool_token_supply"},
		"exchange_rate_closed": {"last_epoch_total_lamports", "last_epoch_pool_token_supply"},
	},
	"lido_state_v1": {"exchange_rate": {"er.sol_balance", "er.st_sol_supply"}},
}

// fees of a stake pool are emitted in basis points.
var fees = map[string]string{
	"epoch_fee": "fee_reward_bps", "sol_deposit_fee": "fee_deposit_bps", "stake_deposit_fee": "fee_deposit_stake_bps",
	"stake_withdrawal_fee": "fee_withdraw_bps", "sol_withdrawal_fee": "fee_instant_bps",
}

func expectedValues(t *testing.T, s *store.Store) {
	all := dumps.Read(t, "")
	checked := 0
	for _, set := range sets {
		tick := query(t, s, `SELECT DISTINCT strftime(block_ts, '%Y-%m-%d %H:%M:%S') FROM raw_observation WHERE epoch = ? AND basis = 'onchain'`, set.epoch)
		if tick == nil {
			t.Fatalf("nothing was read in epoch %d", set.epoch)
		}
		at := fmt.Sprint(tick[0])
		for _, file := range set.files {
			d, ok := all[file]
			if !ok {
				t.Fatalf("%s has no expected values", file)
			}
			kind := d.Text("kind")
			for field, metric := range emitted[kind] {
				checked++
				observed(t, s, d.Key.String(), metric, at, d.Text(field), "")
			}
			for metric, of := range ratios[kind] {
				checked++
				observed(t, s, d.Key.String(), metric, at, d.Text(of[0]), d.Text(of[1]))
			}
			if kind == "spl_stake_pool" {
				for field, metric := range fees {
					checked++
					feeInBPS(t, s, d, field, metric, at)
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d values were compared", checked)
	}
}

// observed compares the integers of an observation with expected ones.
func observed(t *testing.T, s *store.Store, target, metric, at, want, divisor string) {
	t.Helper()
	row := query(t, s, `SELECT value_text, coalesce(divisor_text, '') FROM raw_observation
		WHERE target = ? AND metric_id = ? AND block_ts = ?::TIMESTAMP`, target, metric, at)
	if want == "" || fmt.Sprint(row) != fmt.Sprintf("[%s %s]", want, divisor) {
		t.Errorf("%s of %s at %s is %v, want %s ÷ %q", metric, target, at, row, want, divisor)
	}
}

func feeInBPS(t *testing.T, s *store.Store, d dumps.Dump, field, metric, at string) {
	t.Helper()
	pair, _ := d.Decoded[field].([]any)
	if len(pair) != 2 {
		t.Fatalf("%s of %s is %v", field, d.File, d.Decoded[field])
	}
	want := new(big.Rat)
	if fmt.Sprint(pair[1]) != "0" { // the program's rule: a fee with a denominator of 0 is none
		var ok bool
		if want, ok = want.SetString(fmt.Sprintf("%v/%v", pair[0], pair[1])); !ok {
			t.Fatalf("%s of %s is %v", field, d.File, pair)
		}
	}
	want.Mul(want, big.NewRat(10_000, 1))
	row := query(t, s, `SELECT value_text, coalesce(divisor_text, '1') FROM raw_observation
		WHERE target = ? AND metric_id = ? AND block_ts = ?::TIMESTAMP`, d.Key.String(), metric, at)
	if row == nil {
		t.Errorf("%s of %s has no row", metric, d.File)
		return
	}
	if got, ok := new(big.Rat).SetString(fmt.Sprintf("%v/%v", row[0], row[1])); !ok || got.Cmp(want) != 0 {
		t.Errorf("%s of %s is %v, want %s", metric, d.File, row, want)
	}
}

func estimates(t *testing.T, s *store.Store) {
	for _, v := range []struct{ token, at, quality string }{
		{"steth", "2023-11-30 11:59:59", "estimated"}, {"reth", "2023-11-30 11:59:59", "estimated"},
		{"msol", "2023-11-30 12:00:00", "estimated"}, {"jitosol", "2023-11-30 12:00:00", "estimated"},
		{"reth", "2026-04-14 18:24:59", "ok"},
	} {
		if _, got := value(t, s, v.token, "backing_native", v.at, sdk.OnChain); got != v.quality {
			t.Errorf("%s at %s is %s, want %s", v.token, v.at, got, v.quality)
		}
	}
	if n := counts(t, s)["dim_epoch"]; n != 0 {
		t.Errorf("%d estimated epochs are stored as observed", n)
	}
}

func unknowns(t *testing.T, s *store.Store) {
	row := query(t, s, `SELECT count(*), count(value), count(*) FILTER (reason LIKE '%not in the recorded sources%') FROM metric_now
		WHERE token_id = 'steth' AND metric_id IN ('buffer_native', 'fee_reward_bps', 'queue_native', 'deposits_paused') AND basis = 'onchain'`)
	if fmt.Sprint(row) != "[12 0 12]" { // three moments
		t.Errorf("rows, values, reasons: %v", row)
	}
	row = query(t, s, `SELECT value, reason LIKE '%does not exist%unrecorded accounts read as absent%' FROM metric_now
		WHERE token_id = 'msol' AND metric_id = 'instant_capacity_native' AND ts = TIMESTAMP '2023-11-30 12:00:00'`)
	if fmt.Sprint(row) != "[<nil> true]" {
		t.Errorf("mSOL's liquidity: %v", row)
	}
}
