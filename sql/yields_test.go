package sql_test

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

// storeDoubling stores a token and a chain that both double in a year, evenly: then the
// compound figure of any time is 100 %, and the simple one the smaller the shorter it is.
// It trades below its worth by what it grows in the ten days that leaving takes.
func storeDoubling(t *testing.T, s *store.Store) {
	t.Helper()
	exec(t, s, tokens)
	var facts []fact
	var prices []string
	for n := range 401 {
		at := start.AddDate(0, 0, n-400)
		rate := math.Exp2(float64(n) / 365)
		fee := 1000.0
		if n > 300 {
			fee = 900
		}
		facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: at, value: rate}, fact{metric: "lst_supply", token: "a", ts: at, value: 1000},
			fact{metric: "fee_shares", token: "a", ts: at}, fact{metric: "fee_reward_bps", token: "a", ts: at, value: fee},
			fact{metric: "benchmark_apr", token: "bench", ts: at, value: simple(1) / 100})
		prices = append(prices, fmt.Sprintf("('a', 'ETH', 'dex', '%[1]s', %.17[2]g, 'ok', 'onchain', '%[1]s', 'r', 't@1')", stamp(at), rate/math.Exp2(10.0/365)))
	}
	for n := 1; n < 4; n++ { // enough updates for a figure of one day
		at := start.Add(-time.Duration(6*n) * time.Hour)
		facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: at, value: math.Exp2((400 - float64(n)/4) / 365)})
	}
	// What others state, of the same growth.
	facts = append(facts, fact{metric: "apr_claimed", token: "a", ts: start, value: simple(100) / 100}, fact{metric: "apy_claimed", token: "a", ts: start, value: 1})
	insertFacts(t, s, facts)
	exec(t, s, `INSERT INTO fact_price (base_id, quote, venue, ts, price, quality, basis, known_at, run_id, transform) VALUES `+strings.Join(prices, ",")+`;
		INSERT INTO fact_exit_quote (token_id, ts, route, size_native, out_native, wait_days, quality, basis, known_at, run_id, transform) VALUES
		('a', '2024-01-01', 'queue', 100, 100, 10, 'ok', 'onchain', '2024-01-01', 'r', 't@1'), ('a', '2024-01-01', 'instant', 100, 99, 0, 'ok', 'onchain', '2024-01-01', 'r', 't@1')`)
}

// simple is the growth of some days per year without compounding, in percent; 100 is
// the compound one.
func simple(days float64) float64 { return 100 * (math.Exp2(days/365) - 1) * 365 / days }

// windowOf are the days of the columns whose name does not say them, where they are
// not those of the window asked for.
var windowOf = map[string]float64{
	"arbitrage.implied_apr_pct": 10, "breakeven.net_apr_pct": 30, "fee-change.apr_before_pct": 99, "fee-change.apr_after_pct": 99, "noise.median_apr_pct": 1,
}

// isAnnual says whether a column is called an APR, or an APY.
func isAnnual(c query.ColumnDoc) (apr, apy bool) {
	words := strings.Split(c.Name, "_")
	ofRate := c.Unit == "percent"
	return ofRate && slices.Contains(words, "apr"), ofRate && slices.Contains(words, "apy")
}

// mislabelled are the columns of the queries asked whose name does not say what they
// hold, and unseen those of which nothing was shown.
func mislabelled(t *testing.T, s *store.Store, asked func(name string) bool) (wrong, unseen []string) {
	t.Helper()
	for _, n := range queries(t) {
		if !asked(n.Name) || !slices.ContainsFunc(n.Columns, func(c query.ColumnDoc) bool { apr, apy := isAnnual(c); return apr || apy }) {
			continue
		}
		params := ""
		for _, p := range n.Params {
			switch p.Name {
			case "as_of", "to":
				params += " " + p.Name + "=2024-01-01"
			case "from":
				params += " from=2023-09-23" // a hundred days before
			case "window":
				params += " window=100"
			}
		}
		res, err := run(s, []query.Named{n}, n.Name+params)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range n.Columns {
			isAPR, isAPY := isAnnual(c)
			if !isAPR && !isAPY {
				continue
			}
			days := 100.0
			if d, ok := windowOf[n.Name+"."+c.Name]; ok {
				days = d
			}
			for _, w := range strings.Split(c.Name, "_") {
				if _, err := fmt.Sscanf(w, "%fd", &days); err == nil {
					break
				}
			}
			want := 100.0
			if isAPR {
				want = simple(days)
			}
			if c.Name == "stressed_apr_pct" { // the simple figure, and the discount it is sold at
				want += 100 * (math.Exp2(-10.0/365) - 1)
			}
			name, seen := n.Name+"."+c.Name, false
			for _, row := range res.Rows {
				if got, ok := row[i].(float64); ok {
					if seen = true; math.Abs(got-want) > 2e-4 {
						wrong = append(wrong, fmt.Sprintf("%s is %.4f, its name says %.4f", name, got, want))
					}
				}
			}
			if !seen {
				unseen = append(unseen, name)
			}
		}
	}
	return wrong, unseen
}

// Pitfall 20: what is called APR does not compound, and what is called APY does, in
// every answer; and exchanging the two anywhere is noticed.
func TestEveryAnnualFigureIsWhatItsNameSays(t *testing.T) {
	t.Parallel()
	s := open(t)
	storeDoubling(t, s)
	wrong, unseen := mislabelled(t, s, func(string) bool { return true })
	if len(wrong) > 0 {
		t.Errorf("%s", strings.Join(wrong, "\n"))
	}
	if len(unseen) > 0 {
		t.Errorf("the world of this test shows nothing in %v", unseen)
	}
	for _, swap := range []struct{ file, old, new, blames string }{
		{"views/04_apr.sql", "annualise(growth, secs, 'apr') AS apr_net", "annualise(growth, secs, 'apy') AS apr_net", "league.apr_pct"},
		{"views/04_apr.sql", "annualise(growth, secs, 'apy') AS apy_net", "annualise(growth, secs, 'apr') AS apy_net", "claims.apy_net_pct"},
		{"views/04_apr.sql", "THEN annualise(growth, secs, 'apr') END AS apr_net", "THEN annualise(growth, secs, 'apy') END AS apr_net", "apr-history.apr_pct"},
		{"views/04_apr.sql", "annualise(growth, seconds_between(from_ts, to_ts), 'apr') AS bench_apr", "annualise(growth, seconds_between(from_ts, to_ts), 'apy') AS bench_apr", "capture.chain_apr_pct"},
		{"views/01_constants.sql", "THEN pow(growth, year_s() / secs) - 1", "THEN (growth - 1) * year_s() / secs", "growth.apy_pct"},
		{"views/01_constants.sql", "THEN (growth - 1) * year_s() / secs", "THEN pow(growth, year_s() / secs) - 1", "arbitrage.implied_apr_pct"},
	} {
		text, err := fs.ReadFile(warehouse.FS(), swap.file)
		if err != nil {
			t.Fatal(err)
		}
		without := strings.ReplaceAll(string(text), swap.old, swap.new)
		if without == string(text) {
			t.Fatalf("%s does not contain %q", swap.file, swap.old)
		}
		exec(t, s, without)
		wrong, _ := mislabelled(t, s, func(name string) bool { return strings.HasPrefix(swap.blames, name+".") })
		if !slices.ContainsFunc(wrong, func(w string) bool { return strings.HasPrefix(w, swap.blames+" ") }) {
			t.Errorf("with %q, %s is not found wrong: %v", swap.new, swap.blames, wrong)
		}
		exec(t, s, string(text))
	}
}
