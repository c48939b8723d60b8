package ingest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// every is a Ticker with a tick each period since the Unix epoch.
type every time.Duration

func (e every) Last(t time.Time) time.Time { return t.Truncate(time.Duration(e)) }
func (e every) Next(t time.Time) time.Time { return e.Last(t).Add(time.Duration(e)) }
func (e every) Ticks(from, to time.Time) []time.Time {
	var out []time.Time
	for t := e.Next(from); !t.After(to); t = t.Add(time.Duration(e)) {
		out = append(out, t)
	}
	return out
}

func at(hour, minute int) time.Time { return time.Date(2026, 3, 1, hour, minute, 0, 0, time.UTC) }

func TestMakePlan(t *testing.T) {
	t.Parallel()
	hourly := every(time.Hour)
	for _, c := range []struct {
		name        string
		policy      Policy
		newest, now time.Time
		due         []time.Time
		closed      []time.Time
		closedAs    string
	}{
		{"a new series owes only the current tick", Policy{CatchUp: CatchUpAll, ReadsPast: true}, time.Time{}, at(10, 45), []time.Time{at(10, 0)}, nil, ""},
		{"nothing is due twice", Policy{CatchUp: CatchUpAll, ReadsPast: true}, at(10, 0), at(10, 59), nil, nil, ""},
		{"all missed ticks of a chain with a past are due", Policy{CatchUp: CatchUpAll, ReadsPast: true}, at(6, 0), at(9, 1), []time.Time{at(7, 0), at(8, 0), at(9, 0)}, nil, ""},
		{"the cap keeps the newest and writes down the rest", Policy{CatchUp: CatchUpAll, Max: 2, ReadsPast: true}, at(5, 0), at(9, 0), []time.Time{at(8, 0), at(9, 0)}, []time.Time{at(6, 0), at(7, 0)}, "superseded"},
		{"last reads one and writes down the rest", Policy{CatchUp: CatchUpLast, ReadsPast: true}, at(6, 0), at(9, 0), []time.Time{at(9, 0)}, []time.Time{at(7, 0), at(8, 0)}, "superseded"},
		{"a chain without a past loses all but the current tick, in writing", Policy{CatchUp: CatchUpAll}, at(6, 0), at(9, 30), []time.Time{at(9, 0)}, []time.Time{at(7, 0), at(8, 0)}, "unrecoverable"},
		{"a clock set back owes nothing", Policy{CatchUp: CatchUpAll, ReadsPast: true}, at(9, 0), at(7, 30), nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan := MakePlan(hourly, c.policy, c.newest, c.now)
			if d := cmp.Diff(c.due, plan.Due); d != "" {
				t.Errorf("due (-want +got):\n%s", d)
			}
			var closed []time.Time
			for _, v := range plan.Closed {
				closed = append(closed, v.Tick)
				if v.State != c.closedAs || v.Why == "" {
					t.Errorf("tick %s closed as %q because %q, want %q with a reason", v.Tick, v.State, v.Why, c.closedAs)
				}
			}
			if d := cmp.Diff(c.closed, closed); d != "" {
				t.Errorf("closed (-want +got):\n%s", d)
			}
		})
	}
}

// Sixty days of minutes: nothing is too long ago to be written down.
func TestALongDowntimeIsInTheLedgerTickByTick(t *testing.T) {
	t.Parallel()
	const missed = 60 * 24 * 60
	start := at(0, 0)
	minutely := schedule.MustParse("* * * * *", "")
	r := planner(t, start)
	plugins := []*Plugin{reader("past", "ethereum", true), reader("now", "solana", false)}
	job := Job{Name: "state", Schedule: minutely, CatchUp: CatchUpAll, Max: 1000}
	for _, now := range []time.Time{start, start.Add(missed * time.Minute)} {
		r.Now = func() time.Time { return now }
		if _, _, err := r.Due(t.Context(), []Job{job}, plugins, chains); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Store.Tasks(t.Context(), store.TaskFilter{})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, task := range got {
		counts[string(task.Chain)+" "+task.State]++
	}
	if d := cmp.Diff(map[string]int{
		"ethereum due": 1001, "ethereum superseded": missed - 1000, "solana due": 1, "solana unrecoverable": missed,
	}, counts); d != "" {
		t.Error(d)
	}
}

// A tick between two plans must appear in exactly one of Due and Closed, however
// the process slept: that is what "no silent hole" means.
func TestPlanLosesNoTick(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ticker := every(time.Duration(rapid.IntRange(1, 180).Draw(t, "period minutes")) * time.Minute)
		policy := Policy{
			CatchUp:   rapid.SampledFrom([]CatchUp{CatchUpAll, CatchUpLast, CatchUpSkip}).Draw(t, "catch up"),
			Max:       rapid.IntRange(0, 20).Draw(t, "max"),
			ReadsPast: rapid.Bool().Draw(t, "reads past"),
		}
		now := at(0, 0)
		newest := time.Time{}
		seen := map[time.Time]int{}
		first := time.Time{}
		for range rapid.IntRange(1, 12).Draw(t, "wakes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "sleep minutes")) * time.Minute)
			if rapid.IntRange(0, 50).Draw(t, "long") == 50 {
				now = now.AddDate(0, 2, 0) // of minutes: far more ticks than a plan ever reads
			}
			plan := MakePlan(ticker, policy, newest, now)
			for _, tick := range plan.Due {
				seen[tick]++
			}
			for _, v := range plan.Closed {
				seen[v.Tick]++
			}
			for tick := range seen {
				if tick.After(newest) {
					newest = tick
				}
				if first.IsZero() || tick.Before(first) {
					first = tick
				}
			}
		}
		for _, tick := range append([]time.Time{first}, ticker.Ticks(first, now)...) {
			if seen[tick] != 1 {
				t.Fatalf("tick %s was planned %d times", tick, seen[tick])
			}
		}
	})
}
