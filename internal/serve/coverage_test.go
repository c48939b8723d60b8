package serve

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestASeriesIsStaleTwoPeriodsAfterItsNewestCompleteTick(t *testing.T) {
	t.Parallel()
	at := func(h, m int) time.Time { return time.Date(2026, 3, 1, h, m, 0, 0, time.UTC) }
	hourlyJob := JobSpec{Name: "state", Schedule: schedule.MustParse("0 * * * *", ""), Required: true}
	for _, c := range []struct {
		name   string
		job    JobSpec
		newest time.Time
		now    time.Time
		stale  bool
	}{
		{"the newest tick is there", hourlyJob, at(9, 0), at(9, 59), false},
		{"the newest tick may still come", hourlyJob, at(8, 0), at(9, 59), false},
		{"two periods have passed", hourlyJob, at(8, 0), at(10, 0), true},
		{"never run", hourlyJob, time.Time{}, at(9, 0), true},
		{"jitter moves what is due", JobSpec{Name: "state", Schedule: hourlyJob.Schedule, Offset: 10 * time.Minute}, at(8, 0), at(10, 9), false},
		{"a tick is due once its block is final", JobSpec{Name: "state", Schedule: hourlyJob.Schedule,
			Settle: map[sdk.ChainID]time.Duration{"c": 20 * time.Minute}}, at(8, 0), at(10, 19), false},
		{"what another chain takes does not matter", JobSpec{Name: "state", Schedule: hourlyJob.Schedule,
			Settle: map[sdk.ChainID]time.Duration{"d": 20 * time.Minute}}, at(8, 0), at(10, 19), true},
		{"weekends do not count for a schedule of weekdays", JobSpec{Name: "state", Schedule: schedule.MustParse("0 12 * * 1-5", "")},
			time.Date(2026, 2, 26, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC), false},
		{"a job without a schedule is never stale", JobSpec{Name: "state"}, time.Time{}, at(9, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := expect([]Series{{Job: "state", Plugin: "p", Chain: "c", Newest: c.newest}}, []JobSpec{c.job}, c.now)
			if len(got) != 1 || got[0].Stale != c.stale {
				t.Errorf("%+v, want stale %v", got, c.stale)
			}
		})
	}
}

func TestCoverageListsWhatNeverRanAndWhatIsNoLongerRead(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	now := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	for h := 5; h <= 9; h++ {
		have(t, s, "state", "lido", time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC))
	}
	have(t, s, "gone", "lido", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	key := store.TaskKey{Job: "state", Plugin: "marinade", Chain: "solana", Tick: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	if err := s.FailTask(t.Context(), key, "run-1", store.StateFailed, sdk.KindTransient, "endpoint sol: busy", now, nil); err != nil {
		t.Fatal(err)
	}
	every := schedule.MustParse("0 * * * *", "")
	all, err := Coverage(t.Context(), s, []JobSpec{
		{Name: "state", Schedule: every, Required: true}, {Name: "prices", Schedule: every, Required: true, Plugins: []string{"chainlink"}},
		{Name: "later", Schedule: every},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range all {
		word := "fine"
		if x.Stale {
			word = "stale"
		}
		got = append(got, x.String()+" "+x.Grid+" "+word+" "+x.Error)
	}
	want := []string{
		"job gone, plugin lido on ethereum # fine ",
		"job later  stale ",
		"job prices, plugin chainlink  stale ",
		"job state, plugin lido on ethereum ##### fine ",
		"job state, plugin marinade on solana x stale endpoint sol: busy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	found := Findings(all)
	if len(found) != 2 || found[0].Subject != "prices/chainlink" || found[1].Subject != "state/marinade/solana" ||
		found[1].Detail != "no tick is complete yet, expected 2026-03-01T09:00:00Z: endpoint sol: busy" {
		t.Errorf("findings: %+v", found)
	}
}

func TestAHoleStaysInSightHoweverLongAgoItIs(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	at := func(h, m int) time.Time { return time.Date(2026, 3, 1, h, m, 0, 0, time.UTC) }
	key := func(h int) store.TaskKey {
		return store.TaskKey{Job: "state", Plugin: "lido", Chain: "ethereum", Tick: at(h, 0)}
	}
	if err := s.FailTask(t.Context(), key(1), "", store.StateFailed, sdk.KindLayout, "unknown layout", at(1, 5), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseTasks(t.Context(), []store.TaskKey{key(2), key(3)}, "", store.StateSuperseded, "", "catch_up: last", at(4, 0)); err != nil {
		t.Fatal(err)
	}
	for h := 4; h <= 20; h++ {
		have(t, s, "state", "lido", at(h, 0))
	}
	all, err := Coverage(t.Context(), s, []JobSpec{{Name: "state", Schedule: schedule.MustParse("0 * * * *", ""), Required: true}}, at(20, 30))
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	got := all[0]
	if got.Stale || got.Grid != "##############" || got.Error != "" {
		t.Errorf("the newest ticks are there: %+v", got)
	}
	if got.Holes() != 3 || got.Ticks[store.StateFailed] != 1 || got.Ticks[store.StateSuperseded] != 2 || got.Ticks[store.StateHave] != 17 {
		t.Errorf("%d holes in %v", got.Holes(), got.Ticks)
	}
	if !got.Hole.Equal(at(3, 0)) || got.Reason != "superseded: catch_up: last" {
		t.Errorf("the newest hole is %s, %s", got.Hole, got.Reason)
	}
	if stuck := Stuck(all); len(stuck) != 1 || stuck[0].Stuck != 1 {
		t.Errorf("%+v", stuck)
	}
}

func TestWhatAClockAheadHasWrittenDoesNotHideThatASeriesIsStale(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	at := func(h, m int) time.Time { return time.Date(2026, 3, 1, h, m, 0, 0, time.UTC) }
	have(t, s, "state", "lido", at(6, 0))
	have(t, s, "state", "lido", at(19, 0))
	all, err := Coverage(t.Context(), s, []JobSpec{{Name: "state", Schedule: schedule.MustParse("0 * * * *", ""), Required: true}}, at(9, 30))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || !all[0].Stale || !all[0].Newest.Equal(at(6, 0)) || all[0].Grid != "#" {
		t.Errorf("%+v", all)
	}
}
