package sql_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// point is one published rate, exact.
type point struct {
	ts   time.Time
	rate *big.Rat
	unit float64 // one unit in the last printed place; 0 for a ratio of integers
}

// readCSV reads a recorded series in place; without the folder the test is left out.
func readCSV(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", "data", "history", name))
	if os.IsNotExist(err) {
		t.Skip("left out: ../shared/data/history is not beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = r[i]
		}
		list = append(list, m)
	}
	return list
}

func parsed(t *testing.T, text string) time.Time {
	t.Helper()
	ts, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// recorded gives mSOL, JitoSOL, stSOL, rETH and wstETH as their sources print them.
func recorded(t *testing.T) map[string][]point {
	t.Helper()
	series := map[string][]point{}
	keep := func(token, at, num, den string) {
		r, ok := new(big.Rat).SetString(num)
		if !ok {
			t.Fatalf("%s %s: %q", token, at, num)
		}
		unit := 0.0
		if den != "" {
			r.Quo(r, integer(den))
		} else if _, frac, ok := strings.Cut(num, "."); ok {
			unit = math.Pow10(-len(frac))
		}
		p := point{parsed(t, at), r, unit}
		list := series[token]
		if len(list) > 0 && !p.ts.After(list[len(list)-1].ts) {
			return // the event log holds a few reports twice or out of order
		}
		series[token] = append(list, p)
	}
	for _, row := range readCSV(t, "solana_rates_per_epoch.csv") {
		if row["token"] != "bsol" {
			keep(row["token"], row["first_seen"], row["sol_per_token"], "")
		}
	}
	for _, row := range readCSV(t, "rocketpool_balances.csv") {
		if row["reth_supply_wei"] != "0" {
			keep("reth", row["event_time"], row["total_eth_wei"], row["reth_supply_wei"])
		}
	}
	for _, row := range readCSV(t, "ethereum_rates_daily.csv") {
		if row["token"] == "wsteth" {
			keep("wsteth", row["time"], row["eth_per_token"], "")
		}
	}
	return series
}

func storeSeries(t *testing.T, s *store.Store, series map[string][]point) {
	t.Helper()
	const columns = `INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at) VALUES `
	exec(t, s, columns+`('msol','p','solana','mSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'), ('jitosol','p','solana','JitoSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'),
		('stsol','p','solana','stSOL','SOL','exchange_rate',172800,345600,'t','2020-01-01'), ('reth','p','ethereum','rETH','ETH','exchange_rate',86400,259200,'t','2020-01-01'),
		('steth','p','ethereum','stETH','ETH','rebase',86400,180000,'t','2020-01-01');
		INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, rate_of, plugin, updated_at) VALUES ('wsteth','p','ethereum','wstETH','ETH','wrapper','steth','t','2020-01-01')`)
	var facts []fact
	for token, list := range series {
		for _, p := range list {
			f, _ := p.rate.Float64()
			facts = append(facts, fact{metric: "exchange_rate", token: token, ts: p.ts, value: f, uncertainty: p.unit, basis: "published"})
		}
	}
	insertFacts(t, s, facts)
}

// byHand computes what apr() promises from the printed numbers alone, in rationals:
// growth between the last changes at or before both ends of the window.
func byHand(list []point, days float64, asOf time.Time) (apr float64, from, to time.Time, ok bool) {
	var changes []point
	moved := func(p, q point) bool { // by more than both last places together, and than dust
		by := new(big.Rat).Abs(sub(q.rate, p.rate))
		return by.Cmp(add(add(rat(p.unit), rat(q.unit)), mul(rat(1e-9), q.rate))) > 0
	}
	lastMoved := list[0]
	for i, p := range list {
		switch {
		case i == 0:
			changes = append(changes, p)
		case moved(list[i-1], p):
			changes, lastMoved = append(changes, p), p
		case p.rate.Cmp(list[i-1].rate) != 0 && moved(lastMoved, p): // crept away
			changes = append(changes, p)
		}
	}
	last := func(at time.Time) (point, bool) {
		i, _ := slices.BinarySearchFunc(changes, at, func(p point, at time.Time) int {
			if p.ts.After(at) {
				return 1
			}
			return -1
		})
		if i == 0 {
			return point{}, false
		}
		return changes[i-1], true
	}
	e, ok1 := last(asOf)
	s, ok2 := last(asOf.Add(-time.Duration(days * 24 * float64(time.Hour))))
	if !ok1 || !ok2 || !e.ts.After(s.ts) {
		return 0, s.ts, e.ts, false
	}
	secs := big.NewRat(int64(e.ts.Sub(s.ts)/time.Second), 1)
	apr, _ = quo(mul(sub(quo(e.rate, s.rate), one), big.NewRat(31536000, 1)), secs).Float64()
	return apr, s.ts, e.ts, true
}

func TestPublishedHistoryGivesTheYieldsComputedByHand(t *testing.T) {
	t.Parallel()
	series := recorded(t)
	s := open(t)
	storeSeries(t, s, series)
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
				list, ok := series[row[0]]
				if row[0] == "steth" { // has the rate of the wrapper that was read
					list, ok = series["wsteth"]
				}
				if !ok {
					continue
				}
				want, from, to, ok := byHand(list, days, asOf)
				if !ok {
					continue // the history begins inside the window; covers_window says so
				}
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
	for _, token := range []string{"msol", "jitosol", "reth", "wsteth", "steth", "stsol"} {
		if compared[token] < 4 {
			t.Errorf("%s was compared only %d times", token, compared[token])
		}
	}
}

// stSOL stood still in June 2024 and must not be ranked on what it earned before.
func TestStSOLIsFrozenInTheSummerOf2024(t *testing.T) {
	t.Parallel()
	series := recorded(t)
	s := open(t)
	storeSeries(t, s, series)
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
	series := recorded(t)
	s := open(t)
	storeSeries(t, s, map[string][]point{"reth": series["reth"]})
	supply := map[time.Time]*big.Rat{}
	var rows []string
	for _, row := range readCSV(t, "rocketpool_balances.csv") {
		ts := parsed(t, row["event_time"])
		if _, twice := supply[ts]; twice || row["reth_supply_wei"] == "0" {
			continue
		}
		supply[ts] = quo(integer(row["reth_supply_wei"]), integer("1000000000000000000"))
		f, _ := supply[ts].Float64()
		rows = append(rows, fmt.Sprintf("('lst_supply_reported','reth','%s',%.17g,'ok','published','%s','r','t@1')", stamp(ts), f, stamp(ts)))
	}
	exec(t, s, `INSERT INTO fact_metric (metric_id, token_id, ts, value, quality, basis, known_at, run_id, transform) VALUES `+strings.Join(rows, ","))
	lo, hi := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 12, 31, 12, 0, 0, 0, time.UTC)
	want := new(big.Rat)
	list := series["reth"]
	for i := 1; i < len(list); i++ {
		if list[i].ts.After(lo) && !list[i].ts.After(hi) {
			want.Add(want, mul(supply[list[i-1].ts], sub(list[i].rate, list[i-1].rate)))
		}
	}
	got, _ := scalar(t, s, fmt.Sprintf(`SELECT sum(net_native) FROM reward_between('%s', '%s', 'infinity') WHERE token_id = 'reth'`, stamp(lo), stamp(hi)))
	w, _ := want.Float64()
	if math.Abs(got-w) > 1e-6*w || w < 1000 {
		t.Errorf("SQL says %v ETH, by hand %v ETH", got, w)
	}
}
