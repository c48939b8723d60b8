package sql_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// storeRates puts recorded rates into a warehouse, each as exact as its source is.
func storeRates(t *testing.T, s *store.Store, rates map[string]historytest.Series) {
	t.Helper()
	const columns = `INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at) VALUES `
	exec(t, s, columns+`('msol','p','solana','mSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'), ('jitosol','p','solana','JitoSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'),
		('stsol','p','solana','stSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'), ('reth','p','ethereum','rETH','ETH','exchange_rate',86400,259200,'t','2020-01-01'),
		('steth','p','ethereum','stETH','ETH','rebase',86400,180000,'t','2020-01-01'),
		('bsol','p','solana','bSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'), ('cbeth','p','ethereum','cbETH','ETH','exchange_rate',86400,259200,'t','2020-01-01'),
		('sfrxeth','p','ethereum','sfrxETH','ETH','exchange_rate',86400,691200,'t','2020-01-01');
		INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, rate_of, plugin, updated_at) VALUES ('wsteth','p','ethereum','wstETH','ETH','wrapper','steth','t','2020-01-01')`)
	var facts []fact
	for token, series := range rates {
		for _, p := range series {
			facts = append(facts, fact{metric: "exchange_rate", token: token, ts: p.Time, value: historytest.Float(p.Value), uncertainty: p.Unit, basis: "published"})
		}
	}
	insertFacts(t, s, facts)
}

func TestPublishedHistoryGivesTheYieldsComputedByHand(t *testing.T) {
	t.Parallel()
	rates := historytest.Rates(t)
	s := open(t)
	storeRates(t, s, rates)
	compared := map[string]int{}
	for _, asOf := range []time.Time{
		time.Date(2023, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 6, 15, 12, 0, 0, 0, time.UTC), time.Date(2023, 12, 15, 18, 0, 0, 0, time.UTC),
		time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		for _, days := range []float64{7, 30, 90, 365} {
			res := table(t, s, fmt.Sprintf(`SELECT token_id, apr_net, from_ts, to_ts FROM apr(%v, '%s') WHERE apr_net IS NOT NULL`, days, stamp(asOf)))
			rows, err := csv.NewReader(strings.NewReader(res)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows[1:] {
				token := row[0]
				if token == "steth" { // has the rate of the wrapper that was read
					token = "wsteth"
				}
				yield, whole := rates[token].YieldOf(time.Duration(days*24)*time.Hour, asOf)
				if !whole || yield.Updates == 0 {
					continue // the history begins inside the window; covers_window says so
				}
				want, from, to := historytest.Float(yield.APR()), yield.From.Time, yield.To.Time
				var got float64
				if _, err := fmt.Sscan(row[1], &got); err != nil {
					t.Fatal(err)
				}
				if math.Abs(got-want) > 1e-9 || row[2] != from.Format(time.RFC3339) || row[3] != to.Format(time.RFC3339) {
					t.Errorf("%s over %v days at %s: SQL says %v (%s to %s), by hand %v (%s to %s)", row[0], days, stamp(asOf),
						got, row[2], row[3], want, from.Format(time.RFC3339), to.Format(time.RFC3339))
				}
				compared[row[0]]++
			}
		}
	}
	for _, token := range []string{"msol", "jitosol", "bsol", "stsol", "reth", "wsteth", "steth", "cbeth", "sfrxeth"} {
		if compared[token] < 4 {
			t.Errorf("%s was compared only %d times", token, compared[token])
		}
	}
}

// stSOL stood still in June 2024 and must not be ranked on what it earned before.
func TestStSOLIsFrozenInTheSummerOf2024(t *testing.T) {
	t.Parallel()
	rates := historytest.Rates(t)
	s := open(t)
	storeRates(t, s, rates)
	state := func(asOf string) string {
		return strings.TrimSpace(strings.TrimPrefix(table(t, s, `SELECT state || ' ' || coalesce(apr_net::VARCHAR, 'withheld') AS x FROM league(30, '`+asOf+`') WHERE token_id = 'stsol'`), "x\n"))
	}
	if got := state("2024-07-01"); got != "frozen withheld" {
		t.Errorf("in July 2024: %s", got)
	}
	if got := state("2023-12-15"); !strings.HasPrefix(got, "fresh 0.06") {
		t.Errorf("in December 2023: %s", got)
	}
}

// Rewards of rETH holders: supply before × change of the rate, by hand and by SQL.
func TestRewardsOfRETHByHand(t *testing.T) {
	t.Parallel()
	rates, supplies := historytest.Rates(t)["reth"], historytest.Supplies(t)
	s := open(t)
	storeRates(t, s, map[string]historytest.Series{"reth": rates})
	var rows []string
	for _, p := range supplies {
		rows = append(rows, fmt.Sprintf("('lst_supply_reported','reth','%s',%.17g,'ok','published','%s','r','t@1')", stamp(p.Time), historytest.Float(p.Value), stamp(p.Time)))
	}
	exec(t, s, `INSERT INTO fact_metric (metric_id, token_id, ts, value, quality, basis, known_at, run_id, transform) VALUES `+strings.Join(rows, ","))
	lo, hi := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 12, 31, 12, 0, 0, 0, time.UTC)
	want := new(big.Rat)
	for i := 1; i < len(rates); i++ {
		if rates[i].Time.After(lo) && !rates[i].Time.After(hi) {
			want.Add(want, mul(supplies[i-1].Value, sub(rates[i].Value, rates[i-1].Value)))
		}
	}
	got, _ := scalar(t, s, fmt.Sprintf(`SELECT sum(net_native) FROM reward_between('%s', '%s', 'infinity') WHERE token_id = 'reth'`, stamp(lo), stamp(hi)))
	if w := historytest.Float(want); math.Abs(got-w) > 1e-6*w || w < 1000 {
		t.Errorf("SQL says %v ETH, by hand %v ETH", got, w)
	}
}
