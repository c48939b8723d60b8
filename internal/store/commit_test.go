package store

import (
	"context"
	"fmt"
	"math/big"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// full is a result with something for every table.
func full() TaskResult {
	res := result(t0, 3)
	wait := 36 * time.Hour
	validators := int64(7)
	res.Prices = []transforms.PriceFact{{Base: "ETH", Quote: "USD", Venue: "chainlink", TS: t0, RefTS: t0.Add(-time.Minute),
		Price: rat("3412.12345678"), Quality: sdk.QualityOK, Basis: sdk.OnChain, Obs: []int{0}, Transform: "price@1"}}
	res.Quotes = []transforms.ExitQuote{{Token: "t00000", TS: t0, Route: "queue", Size: rat("100"), Out: rat("99.9"), Wait: &wait,
		Quality: sdk.QualityOK, Basis: sdk.OnChain, Obs: []int{0, 1}, Transform: "quote@1"}}
	res.Operators = []transforms.OperatorStake{{Protocol: "lido", Operator: "op1", TS: t0, Stake: rat("32.5"), Validators: &validators}}
	res.Events = []transforms.Event{{Protocol: "lido", Chain: "ethereum", TS: t0, Height: 5, Type: "pause", Severity: "critical", Source: "log"}}
	res.Epochs = []transforms.Epoch{{Chain: "solana", Epoch: 600, Start: t0, Basis: sdk.OnChain}}
	res.Rejects = []transforms.Reject{{Obs: 2, Token: "t00002", Metric: sdk.BackingNative, TS: t0, Check: "bounds", Reason: "too large"}}
	return res
}

func TestASecondIdenticalCommitAddsNothing(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	first := mustCommit(t, s, full())
	if diff := cmp.Diff(CommitStats{Observations: 3, Facts: 7, Rejects: 1, Epochs: 1}, first); diff != "" {
		t.Error(diff)
	}
	again := full()
	again.Task.RunID, again.Task.Job, again.KnownAt = "run-2", "hourly", again.KnownAt.Add(time.Hour)
	for i := range again.Observations {
		again.Observations[i].FetchedAt = again.Observations[i].FetchedAt.Add(time.Hour)
		again.Observations[i].Endpoint = "other"
	}
	if diff := cmp.Diff(CommitStats{}, mustCommit(t, s, again)); diff != "" {
		t.Error(diff)
	}
	for table, want := range map[string]int{"raw_observation": 3, "fact_metric": 3, "fact_price": 1, "fact_exit_quote": 1,
		"fact_operator_stake": 1, "fact_event": 1, "dim_epoch": 1, "quarantine": 1, "ingest_task": 1} {
		if got := count(t, s, "SELECT count(*) FROM "+table); got != want {
			t.Errorf("%s has %d rows, want %d", table, got, want)
		}
	}
	got := rows(t, s, "SELECT state, attempts, run_id, rows, rejects FROM ingest_task")
	if diff := cmp.Diff([]string{"have | 2 | run-2 | 7 | 1"}, got); diff != "" {
		t.Error(diff)
	}
	got = rows(t, s, "SELECT obs_ids FROM fact_exit_quote")
	want := rows(t, s, "SELECT list(obs_id ORDER BY obs_id) FROM raw_observation WHERE token_id <> 't00002'")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts name other observations: %s", diff)
	}
	if tables := rows(t, s, "SELECT table_name FROM duckdb_tables() WHERE temporary"); len(tables) > 0 {
		t.Errorf("stages were left behind: %v", tables)
	}
}

func TestARestatementIsANewVersionAndBothStay(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	mustCommit(t, s, result(t0, 1))
	restate := func(change func(*TaskResult), known time.Duration) CommitStats {
		res := result(t0, 1)
		res.KnownAt = t0.Add(known)
		change(&res)
		return mustCommit(t, s, res)
	}
	value := func(v, quality, reason string) func(*TaskResult) {
		return func(r *TaskResult) {
			r.Metrics[0].Value, r.Metrics[0].Quality, r.Metrics[0].Reason = rat(v), sdk.Quality(quality), reason
		}
	}
	for i, step := range []struct {
		change func(*TaskResult)
		facts  int64
	}{
		{value("1.5", "ok", ""), 1},
		{value("1.5", "ok", ""), 0}, // the made reason does not count as a difference
		{value("1.5", "suspect", "jump of 50 %"), 1},
		{value("1.5", "suspect", "jump of 50 %"), 0},
		{value("1.5", "ok", ""), 1},
		{value("1", "ok", ""), 1}, // back to the first value is a change too
	} {
		// The clock goes back on the way; the order of versions must not.
		if got := restate(step.change, time.Duration(10-i)*time.Minute); got.Facts != step.facts || got.Restated != step.facts {
			t.Errorf("step %d: %+v, want %d facts", i, got, step.facts)
		}
	}
	got := rows(t, s, "SELECT value, quality, reason FROM fact_metric ORDER BY known_at")
	want := []string{
		"1 | ok | <nil>",
		"1.5 | ok | restated: was 1",
		"1.5 | suspect | jump of 50 %",
		"1.5 | ok | restated: quality was suspect, reason was jump of 50 %",
		"1 | ok | restated: was 1.5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNumbersAreStoredExactly(t *testing.T) {
	t.Parallel()
	const maxUint256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
	s := openNew(t)
	tests := []struct {
		value *big.Rat
		exact string // as DuckDB prints value_exact
	}{
		{rat("0"), "0.000000000000000000"},
		{rat("123.45"), "123.450000000000000000"}, // an Appender that trusts the scale stores 0.000000000000012345
		{rat("-0.000000000000000001"), "-0.000000000000000001"},
		{rat("99999999999999999999.999999999999999999"), "99999999999999999999.999999999999999999"},
		{rat("100000000000000000000"), "<nil>"},
		{rat("1/3"), "0.333333333333333333"},
		{rat("2/3"), "0.666666666666666667"},
		{rat("0.0000000000000000005"), "0.000000000000000000"},                                      // tie, to even
		{rat("0.0000000000000000015"), "0.000000000000000002"},                                      // tie, to even
		{rat("-0.0000000000000000025"), "-0.000000000000000002"},                                    // tie, to even
		{rat("12345678901234567890.123456789012345678"), "12345678901234567890.123456789012345678"}, // a float on the way loses it
		{rat(maxUint256), "<nil>"},
	}
	res := result(t0, len(tests))
	for i, tc := range tests {
		res.Metrics[i].Value = tc.value
		res.Observations[i].Value, res.Observations[i].Divisor = bigint(maxUint256), bigint("1000000000000000000000000000000000000000001")
	}
	mustCommit(t, s, res)
	got := rows(t, s, "SELECT value_exact, value FROM fact_metric ORDER BY token_id")
	for i, tc := range tests {
		f, _ := tc.value.Float64()
		if want := fmt.Sprintf("%s | %v", tc.exact, f); got[i] != want {
			t.Errorf("%s was stored as %q, want %q", tc.value, got[i], want)
		}
	}
	got = rows(t, s, "SELECT DISTINCT value_text, divisor_text FROM raw_observation")
	if diff := cmp.Diff([]string{maxUint256 + " | 1000000000000000000000000000000000000000001"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRoundingIsToTheNearestAndTiesAreEven(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for range 50 {
			num := big.NewInt(rapid.Int64().Draw(t, "num"))
			den := big.NewInt(rapid.OneOf(rapid.Int64Range(1, 8), rapid.Int64Range(1, 1<<62)).Draw(t, "den"))
			n := roundHalfEven(num, den)
			// |n - num/den| <= 1/2, and a tie is even.
			twice := new(big.Int).Sub(new(big.Int).Mul(n, den), num)
			twice.Abs(twice).Lsh(twice, 1)
			if c := twice.Cmp(den); c > 0 || c == 0 && n.Bit(0) == 1 {
				t.Fatalf("%s / %s was rounded to %s", num, den, n)
			}
		}
	})
}

func TestOneBatchKeepsOneFactAKey(t *testing.T) {
	t.Parallel()
	variants := func() []transforms.MetricFact {
		base := result(t0, 1).Metrics[0]
		make := func(value, quality string, height uint64, reason string) transforms.MetricFact {
			f := base
			f.Value, f.Quality, f.Height, f.Reason = nil, sdk.Quality(quality), height, reason
			if value != "" {
				f.Value = rat(value)
			}
			return f
		}
		return []transforms.MetricFact{
			make("", "ok", 9, "not read"), make("3", "suspect", 9, "odd"), make("2", "ok", 5, ""), make("2", "ok", 4, ""), make("4", "estimated", 9, "guessed"),
		}
	}
	for seed := range int64(3) {
		facts := variants()
		rand.New(rand.NewSource(seed)).Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		s := openNew(t)
		res := result(t0, 1)
		res.Metrics = facts
		stats := mustCommit(t, s, res)
		if diff := cmp.Diff(CommitStats{Observations: 1, Facts: 1, Rejects: 2, Collapsed: 4}, stats); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"2 | 5"}, rows(t, s, "SELECT value, height FROM fact_metric")); diff != "" {
			t.Error(diff)
		}
		got := rows(t, s, "SELECT check_name, reason FROM quarantine ORDER BY reason")
		if len(got) != 2 || !strings.Contains(got[0], "2.000000000000000000 was kept, this one is 3.0") {
			t.Errorf("quarantine has %q", got)
		}
	}
}

func TestAnyOrderOfRepeatedCommitsStoresTheSameSet(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		day := t0.AddDate(0, 0, round) // each round has its own keys
		model := map[string]string{}   // key -> newest value
		versions := 0
		seen := map[string]bool{} // raw rows
		for step := range rapid.IntRange(1, 6).Draw(rt, "commits") {
			res := result(day, 0)
			res.KnownAt = t0.Add(time.Duration(step) * time.Second)
			in := map[string]string{}
			for range rapid.IntRange(0, 6).Draw(rt, "facts") {
				token := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "token")
				hour := rapid.IntRange(0, 2).Draw(rt, "hour")
				key := fmt.Sprint(token, hour)
				value, again := in[key]
				if !again {
					value = rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "value")
					in[key] = value
				}
				at := day.Add(time.Duration(hour) * time.Hour)
				part := result(at, 1)
				part.Observations[0].Token, part.Observations[0].Value = sdk.TokenID(token), bigint(value)
				part.Metrics[0].Token, part.Metrics[0].Value = sdk.TokenID(token), rat(value)
				part.Metrics[0].Obs = []int{len(res.Observations)}
				res.Observations = append(res.Observations, part.Observations...)
				res.Metrics = append(res.Metrics, part.Metrics...)
				seen[key+value] = true
			}
			for key, value := range in {
				if model[key] != value {
					model[key] = value
					versions++
				}
			}
			if _, err := s.Commit(context.Background(), res); err != nil {
				rt.Fatal(err)
			}
		}
		var facts, raw int
		during := fmt.Sprintf("BETWEEN %s AND %s", literal(day), literal(day.Add(23*time.Hour)))
		if err := s.DB().QueryRow(`SELECT (SELECT count(*) FROM fact_metric WHERE ts `+during+`), (SELECT count(*) FROM raw_observation WHERE block_ts `+during+`)`).Scan(&facts, &raw); err != nil {
			rt.Fatal(err)
		}
		if facts != versions || raw != len(seen) {
			rt.Fatalf("%d facts and %d raw rows are stored, want %d and %d", facts, raw, versions, len(seen))
		}
		newest, err := s.DB().Query(`SELECT token_id || hour(ts) - 12, value::INT::VARCHAR FROM fact_metric WHERE ts ` + during + `
			QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts, basis ORDER BY known_at DESC) = 1`)
		if err != nil {
			rt.Fatal(err)
		}
		defer newest.Close()
		got := map[string]string{}
		for newest.Next() {
			var k, v string
			if err := newest.Scan(&k, &v); err != nil {
				rt.Fatal(err)
			}
			got[k] = v
		}
		if diff := cmp.Diff(model, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestABadBatchWritesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*TaskResult)
		says  string
	}{
		"an unknown fact without a reason":   {func(r *TaskResult) { r.Metrics[1].Value = nil }, "unknown without a reason"},
		"an observation without a time":      {func(r *TaskResult) { r.Observations[0].At.Time = time.Time{} }, "has no time"},
		"a divisor of zero":                  {func(r *TaskResult) { r.Observations[0].Divisor = new(big.Int) }, "not positive"},
		"a fact of an observation not there": {func(r *TaskResult) { r.Quotes[0].Obs = []int{17} }, "names observation 17"},
		"a reject without a check":           {func(r *TaskResult) { r.Rejects[0].Check = "" }, "names no check"},
		"no run":                             {func(r *TaskResult) { r.Task.RunID = "" }, "run id"},
		"an epoch without a start":           {func(r *TaskResult) { r.Epochs[0].Start = time.Time{} }, "has no start"},
	}
	s := openNew(t)
	for name, tc := range tests {
		res := full()
		tc.spoil(&res)
		if _, err := s.Commit(t.Context(), res); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
	for _, table := range []string{"raw_observation", "fact_metric", "fact_price", "quarantine", "ingest_task", "dim_epoch"} {
		if n := count(t, s, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	mustCommit(t, s, full()) // and the next good one goes through
}

func TestACancelledCommitWritesNothing(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, full()); err == nil {
		t.Error("a cancelled commit succeeded")
	}
	mustCommit(t, s, full())
}

func TestTimesDoNotDependOnTheZoneOfTheMachine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	cmd := child(t.Context(), "commit-once", path)
	cmd.Env = append(cmd.Env, "TZ=America/New_York")
	if out, err := cmd.Output(); err != nil {
		t.Fatal(err, string(out))
	}
	s := open(t, path, Options{})
	got := rows(t, s, "SELECT ts::VARCHAR, known_at::VARCHAR, (SELECT tick::VARCHAR FROM ingest_task), (SELECT strftime(block_ts, '%H:%M') FROM raw_observation LIMIT 1) FROM fact_metric LIMIT 1")
	want := []string{"2024-03-10 07:30:00 | 2024-03-10 07:31:00 | 2024-03-10 07:30:00 | 07:30"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func init() {
	// commit-once writes the night New York changes its clocks, given in its own zone.
	children["commit-once"] = func(args []string) error {
		at := time.Date(2024, 3, 10, 7, 30, 0, 0, time.UTC).In(time.Local)
		if _, offset := at.Zone(); offset != -4*3600 {
			return fmt.Errorf("the zone of the child is %s", at)
		}
		s, err := Open(context.Background(), args[0], Options{})
		if err != nil {
			return err
		}
		if _, err := s.Commit(context.Background(), result(at, 2)); err != nil {
			return err
		}
		tasks, err := s.Tasks(context.Background(), TaskFilter{From: at, To: at})
		if err != nil {
			return err
		}
		if len(tasks) != 1 || !tasks[0].Tick.Equal(at) {
			return fmt.Errorf("the ledger read back %+v", tasks)
		}
		var shown string
		if err := s.DB().QueryRow("SELECT current_setting('TimeZone')").Scan(&shown); err != nil || shown != "UTC" {
			return fmt.Errorf("the session's zone is %s, %w", shown, err)
		}
		return s.Close()
	}
}
