package sql_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// TestMain asks for fewer random cases than rapid's 100: each costs several
// questions to DuckDB. -rapid.checks=N asks for more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// fact is one row of fact_metric, as far as the engine looks at it.
type fact struct {
	metric, token string
	ts            time.Time
	value         float64
	basis         string
	uncertainty   float64
	known         time.Time
	quality       string
	unknown       bool      // NULL, with a reason
	from          time.Time // start of the period it describes; zero: of a moment
}

func insertFacts(t interface{ Fatalf(string, ...any) }, s *store.Store, facts []fact) {
	rows := make([]string, len(facts))
	for i, f := range facts {
		known := cmp.Or(f.known, f.ts)
		value, from := fmt.Sprintf("%.17g, NULL", f.value), "NULL"
		if f.unknown {
			value = "NULL, 'not read'"
		}
		if !f.from.IsZero() {
			from = "'" + stamp(f.from) + "'"
		}
		rows[i] = fmt.Sprintf("('%s','%s','%s',%s,%s,%.17g,'%s','%s','%s','r','t@1')", f.metric, f.token, stamp(f.ts), from, value,
			f.uncertainty, cmp.Or(f.quality, "ok"), cmp.Or(f.basis, "onchain"), stamp(known))
	}
	text := `DELETE FROM fact_metric; INSERT INTO fact_metric (metric_id, token_id, ts, period_start, value, reason, uncertainty, quality, basis, known_at, run_id, transform) VALUES ` +
		strings.Join(rows, ",")
	if _, err := s.DB().ExecContext(context.Background(), text); err != nil {
		t.Fatalf("%v", err)
	}
}

const tokens = `
INSERT INTO dim_protocol (protocol_id, name, status, plugin, updated_at) VALUES ('p', 'P', 'live', 'test', '2020-01-01');
INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at) VALUES
  ('a', 'p', 'ethereum', 'A', 'ETH', 'exchange_rate', 86400, 259200, 'test', '2020-01-01'),
  ('b', 'p', 'solana', 'B', 'SOL', 'exchange_rate', 172800, 345600, 'test', '2020-01-01'),
  ('bench', 'p', 'ethereum', 'BENCH', 'ETH', 'benchmark', 86400, 259200, 'test', '2020-01-01')`

// table answers SQL as CSV.
func table(t interface{ Fatalf(string, ...any) }, s *store.Store, text string) string {
	res, err := query.Adhoc(context.Background(), s, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var out strings.Builder
	if err := query.Render(&out, res, "csv", 0); err != nil {
		t.Fatalf("%v", err)
	}
	return out.String()
}

// history draws readings of token a at random gaps: some unchanged, some lower,
// some of another basis, some rounded, some restated, with quiet stretches.
func history(t *rapid.T, token string) []fact {
	var facts []fact
	ts, rate := start.AddDate(0, 0, -rapid.IntRange(60, 200).Draw(t, token+" days before")), 1.0
	for range rapid.IntRange(2, 60).Draw(t, token+" readings") {
		ts = ts.Add(time.Duration(rapid.SampledFrom([]int{600, 3600, 40000, 86400, 86400, 200000, 5000000}).Draw(t, "gap")) * time.Second)
		if rapid.IntRange(0, 3).Draw(t, "moves") > 0 {
			rate *= 1 + float64(rapid.IntRange(-20, 100).Draw(t, "step"))*1e-6
		}
		f := fact{metric: "exchange_rate", token: token, ts: ts, value: rate}
		if rapid.IntRange(0, 4).Draw(t, "published") == 0 {
			f.basis, f.value, f.uncertainty = "published", math.Round(rate*1e5)/1e5, 1e-5
		}
		facts = append(facts, f)
		if rapid.IntRange(0, 9).Draw(t, "restated") == 0 {
			f.known, f.value = ts.Add(time.Hour), f.value*1.0001
			f.quality = rapid.SampledFrom([]string{"ok", "ok", "retracted", "suspect"}).Draw(t, "quality")
			facts = append(facts, f)
		}
	}
	return facts
}

// Reading only the time a question needs must not change the answer.
func TestYieldsFromPartOfTheHistoryEqualThoseFromAllOfIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	rapid.Check(t, func(t *rapid.T) {
		insertFacts(t, s, append(history(t, "a"), history(t, "b")...))
		lo := stamp(start.AddDate(0, 0, -rapid.IntRange(0, 100).Draw(t, "lo")))
		hi := stamp(start.AddDate(0, 0, rapid.IntRange(0, 60).Draw(t, "hi")))
		// all steps after lo and the last one before it
		part := fmt.Sprintf(`SELECT token_id, ts, rate, prev_ts, prev_rate FROM rate_step_between('%s', '%s', 'infinity') `, lo, hi)
		whole := fmt.Sprintf(`WITH rates AS (SELECT * FROM rate_between('-infinity', '%s', 'infinity')), s AS (SELECT * FROM steps_of('rates')) SELECT token_id, ts, rate, prev_ts, prev_rate FROM s `, hi)
		kept := fmt.Sprintf(`WHERE ts > '%s' ORDER BY token_id, ts`, lo)
		if diff := gocmp.Diff(table(t, s, whole+kept), table(t, s, part+kept)); diff != "" {
			t.Fatalf("steps of the whole history (-) and of the part (+):\n%s", diff)
		}
		last := fmt.Sprintf(`SELECT token_id, max(ts) AS ts, arg_max(rate, ts) AS rate FROM (%%s) WHERE ts <= '%s' GROUP BY 1 ORDER BY 1`, lo)
		if diff := gocmp.Diff(table(t, s, fmt.Sprintf(last, whole)), table(t, s, fmt.Sprintf(last, part))); diff != "" {
			t.Fatalf("last step of the whole history (-) and of the part (+):\n%s", diff)
		}
	})
}

// Pitfall 1: what holders put in or take out is not yield.
func TestADepositBetweenTwoUpdatesLeavesTheYieldUnchanged(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	rapid.Check(t, func(t *rapid.T) {
		facts := history(t, "a")
		supply := func(n float64) []fact {
			list := slices.Clone(facts)
			for i, f := range facts {
				list = append(list, fact{metric: "lst_supply", token: "a", ts: f.ts, value: 1000},
					fact{metric: "lst_supply", token: "a", ts: f.ts.Add(5 * time.Minute), value: 1000 + n*float64(i)})
			}
			return list
		}
		ask := `SELECT * FROM apr(30, '2024-01-01') ORDER BY token_id`
		insertFacts(t, s, supply(0))
		without := table(t, s, ask)
		insertFacts(t, s, supply(rapid.Float64Range(-10, 1e6).Draw(t, "deposit")))
		if diff := gocmp.Diff(without, table(t, s, ask)); diff != "" {
			t.Fatalf("without (-) and with (+) deposits:\n%s", diff)
		}
	})
}

// Pitfall 7: rewards spread over days sum to the growth of what was there.
func TestRewardsOfTheDaysSumToTheGrowth(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	rapid.Check(t, func(t *rapid.T) {
		var facts []fact
		ts, rate, first := start, 1.0, 1.0
		for i := range rapid.IntRange(2, 30).Draw(t, "updates") {
			if i > 0 {
				ts = ts.Add(time.Duration(rapid.IntRange(60, 400000).Draw(t, "gap")) * time.Second)
				rate *= 1 + float64(rapid.IntRange(-50, 400).Draw(t, "step"))*1e-6
			}
			facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: ts, value: rate},
				fact{metric: "lst_supply", token: "a", ts: ts, value: 1000})
		}
		insertFacts(t, s, facts)
		// Rewards that round to nothing are not rewards; they belong to the next update.
		last, _ := scalar(t, s, `SELECT arg_max(rate, ts) FROM rate_step WHERE token_id = 'a'`)
		got, ok := scalar(t, s, `SELECT sum(net_native) FROM reward_daily('2023-12-01', '2024-12-31')`)
		want := 1000 * (last - first)
		if math.Abs(got-want) > 1e-9 || !ok && want != 0 {
			t.Fatalf("the days sum to %v, the growth is %v", got, want)
		}
	})
}

// The legs of attribution sum to the change, on any path of supply, rate and price.
func TestAttributionLeavesNothingOver(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	rapid.Check(t, func(t *rapid.T) {
		var facts []fact
		var prices []string
		for n := range rapid.IntRange(2, 12).Draw(t, "days") {
			at := start.AddDate(0, 0, n)
			if rapid.IntRange(0, 5).Draw(t, "present") > 0 {
				facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: at, value: rapid.Float64Range(0.9, 1.3).Draw(t, "rate")})
			}
			facts = append(facts, fact{metric: "lst_supply", token: "a", ts: at, value: rapid.Float64Range(1, 1e7).Draw(t, "supply")},
				fact{metric: "fee_shares", token: "a", ts: at.Add(-time.Hour), value: rapid.Float64Range(0, 10).Draw(t, "fee")})
			prices = append(prices, fmt.Sprintf("('ETH','USD','x','%s',%g,'ok','onchain','%s','r','t')", stamp(at), rapid.Float64Range(10, 5000).Draw(t, "price"), stamp(at)))
		}
		insertFacts(t, s, facts)
		if _, err := s.DB().Exec(`DELETE FROM fact_price; INSERT INTO fact_price (base_id, quote, venue, ts, price, quality, basis, known_at, run_id, transform) VALUES ` + strings.Join(prices, ",")); err != nil {
			t.Fatalf("%v", err)
		}
		over, _ := scalar(t, s, `SELECT coalesce(max(greatest(abs(residual_usd) / 5e10, abs(residual_native) / 1e7,
			abs(net_in_usd + net_out_usd - deposits_usd) / 5e10, abs(start_usd + change_usd - end_usd) / 5e10)), 0) FROM attribution('2024-01-01', '2024-02-01')`)
		if over > 1e-12 {
			t.Fatalf("%v of the largest possible value is left over", over)
		}
		off, _ := scalar(t, s, `WITH d AS (SELECT * FROM daily('2024-01-01', '2024-02-01') WHERE tvl_usd IS NOT NULL)
			SELECT coalesce(max(abs(a.change_usd - (d1.tvl_usd - d0.tvl_usd)) / 5e10), 0) FROM attribution('2024-01-01', '2024-02-01') a
			JOIN d d0 ON d0.token_id = a.token_id AND d0.d = a.usd_from_d JOIN d d1 ON d1.token_id = a.token_id AND d1.d = a.usd_to_d`)
		if off > 1e-12 {
			t.Fatalf("the change is off the difference of the levels by %v of the largest value", off)
		}
	})
}

// Pitfall 29. New York changes its clocks on 10 March, Berlin on 31 March.
func TestAnswersDoNotDependOnTheSessionsTimeZone(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	var facts []fact
	march := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	for h := range 24 * 40 {
		at := march.Add(time.Duration(h) * time.Hour)
		facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: at, value: 1 + float64(h/19)*1e-4}, fact{metric: "lst_supply", token: "a", ts: at, value: 1000 + float64(h)})
	}
	insertFacts(t, s, facts)
	answers := map[string][]string{}
	for _, zone := range []string{"UTC", "America/New_York", "Europe/Berlin", "Pacific/Kiritimati"} {
		conn, err := s.DB().Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(context.Background(), "SET TimeZone = '"+zone+"'"); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			`SELECT string_agg(d::VARCHAR || ' ' || net_native, ';' ORDER BY d) FROM reward_daily('2024-03-08', '2024-04-02')`,
			`SELECT string_agg(d::VARCHAR || ' ' || tvl_native, ';' ORDER BY d) FROM daily('2024-03-08', '2024-04-02')`,
			`SELECT string_agg(token_id || ' ' || coalesce(apr_net, 0) || coalesce(to_ts::VARCHAR, ''), ';' ORDER BY token_id) FROM apr(7, '2024-04-02')`,
		} {
			var got string
			if err := conn.QueryRowContext(context.Background(), text).Scan(&got); err != nil {
				t.Fatal(err)
			}
			answers[text] = append(answers[text], got)
		}
		if _, err := conn.ExecContext(context.Background(), "SET TimeZone = 'UTC'"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for text, got := range answers {
		if len(slices.Compact(got)) != 1 {
			t.Errorf("%s differs between time zones: %v", text, got)
		}
	}
}

// What was known then can be asked for later, whatever was learned since.
func TestAYieldAsItWasKnownThen(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, tokens)
	var facts []fact
	for n := range 31 {
		facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: start.AddDate(0, 0, n), value: 1 + float64(n)*1e-4})
	}
	then := `SELECT token_id, apr_net, to_ts FROM apr_known(30, '2024-01-31', '2024-02-01') WHERE token_id = 'a'`
	insertFacts(t, s, facts)
	before := table(t, s, then)
	later := start.AddDate(0, 2, 0)
	facts = append(facts, fact{metric: "exchange_rate", token: "a", ts: start.AddDate(0, 0, 30), value: 1.01, known: later},
		fact{metric: "exchange_rate", token: "a", ts: start.AddDate(0, 0, 29).Add(12 * time.Hour), value: 1.0029, known: later})
	insertFacts(t, s, facts)
	if diff := gocmp.Diff(before, table(t, s, then)); diff != "" {
		t.Errorf("the answer of then changed:\n%s", diff)
	}
	if now := table(t, s, `SELECT token_id, apr_net, to_ts FROM apr(30, '2024-01-31') WHERE token_id = 'a'`); now == before {
		t.Error("the correction does not show now")
	}
}
