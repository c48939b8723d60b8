package schedule_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		expr, zone, from, to string
		want                 []string
	}{
		"the first moment is excluded and the last included": {
			"0 * * * *", "", "2024-01-01T00:00:00Z", "2024-01-01T02:00:00Z",
			[]string{"2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"},
		},
		"fractions of a second do not hide or double a tick": {
			"0 * * * *", "", "2024-01-01T00:59:59.999999999Z", "2024-01-01T01:00:00.000000001Z",
			[]string{"2024-01-01T01:00:00Z"},
		},
		"a leap day fires in leap years only": {
			"0 12 29 2 *", "", "2023-01-01T00:00:00Z", "2029-01-01T00:00:00Z",
			[]string{"2024-02-29T12:00:00Z", "2028-02-29T12:00:00Z"},
		},
		"a century without a leap day is bridged": {
			"0 0 29 2 *", "", "2097-01-01T00:00:00Z", "2105-01-01T00:00:00Z",
			[]string{"2104-02-29T00:00:00Z"},
		},
		"a daily job around a leap day misses no day": {
			"@daily", "", "2024-02-27T12:00:00Z", "2024-03-02T00:00:00Z",
			[]string{"2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"},
		},
		"New York: a time skipped in spring fires once after the gap": {
			"30 2 * * *", "America/New_York", "2026-03-07T00:00:00Z", "2026-03-10T00:00:00Z",
			[]string{"2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"},
		},
		"New York: several skipped times fire once together": {
			"*/15 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z",
			[]string{"2026-03-08T07:00:00Z"},
		},
		"New York: the end of the gap fires once although it is also scheduled": {
			"0 2,3 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z",
			[]string{"2026-03-08T07:00:00Z"},
		},
		"New York: a time repeated in autumn fires at its first occurrence": {
			"30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"},
		},
		"New York: every hour is every real hour in spring": {
			"0 * * * *", "America/New_York", "2026-03-08T05:30:00Z", "2026-03-08T08:30:00Z",
			[]string{"2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"},
		},
		"New York: every hour is every real hour in autumn": {
			"0 * * * *", "America/New_York", "2026-11-01T04:30:00Z", "2026-11-01T07:30:00Z",
			[]string{"2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"},
		},
		"New York: an odd way to write every hour is every real hour too": {
			"0 0-23 * * *", "America/New_York", "2026-11-01T04:30:00Z", "2026-11-01T07:30:00Z",
			[]string{"2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"},
		},
		"Berlin: a time skipped in spring fires once after the gap": {
			"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		},
		"Berlin: a time repeated in autumn fires at its first occurrence": {
			"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		},
		"Berlin: midnight stays local midnight through both changes": {
			"0 0 1 */6 *", "Europe/Berlin", "2025-12-01T00:00:00Z", "2026-08-01T00:00:00Z",
			[]string{"2025-12-31T23:00:00Z", "2026-06-30T22:00:00Z"},
		},
		"Sao Paulo: a midnight that did not exist fired at one": {
			"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z",
			[]string{"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		},
		"Apia: a whole day that did not exist fired once": {
			"0 9,15 * * *", "Pacific/Apia", "2011-12-30T02:00:00Z", "2011-12-31T02:00:00Z",
			[]string{"2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T01:00:00Z"},
		},
		"Lord Howe: a half-hour change is handled like any other": {
			"15 2 * * *", "Australia/Lord_Howe", "2026-10-02T00:00:00Z", "2026-10-05T00:00:00Z",
			[]string{"2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := schedule.MustParse(tc.expr, tc.zone)
			var got []string
			for _, tick := range s.Ticks(at(tc.from), at(tc.to)) {
				got = append(got, tick.Format(time.RFC3339))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ticks of %v (-want +got):\n%s", s, diff)
			}
		})
	}
}

// Cutting an interval anywhere must neither lose nor double a tick: that is what
// makes "schedule minus coverage" exact however often the planner wakes.
func TestTicksDoNotDependOnHowTheIntervalIsCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		expr := rapid.SampledFrom([]string{
			"0 * * * *", "*/7 * * * *", "30 1 * * *", "30 2 * * *", "0 0 * * *", "*/20 1-3 * * *", "0 2 * * 0", "15 0 1,29 * *",
		}).Draw(t, "expr")
		zone := rapid.SampledFrom([]string{
			"UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu",
		}).Draw(t, "zone")
		s := schedule.MustParse(expr, zone)
		start := at("2017-10-20T00:00:00Z").Add(time.Duration(rapid.Int64Range(0, 900*86400).Draw(t, "start")) * time.Second)
		length := rapid.Int64Range(0, 20*86400).Draw(t, "length")
		end := start.Add(time.Duration(length) * time.Second)
		cut := start.Add(time.Duration(rapid.Int64Range(0, length).Draw(t, "cut")) * time.Second)

		whole := s.Ticks(start, end)
		parts := append(s.Ticks(start, cut), s.Ticks(cut, end)...)
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Fatalf("%v cut at %v (-whole +parts):\n%s", s, cut, diff)
		}
		for i, tick := range whole {
			if i > 0 && !tick.After(whole[i-1]) {
				t.Fatalf("%v: tick %v does not come after %v", s, tick, whole[i-1])
			}
			if tick.Location() != time.UTC {
				t.Fatalf("%v: tick %v is not in UTC", s, tick)
			}
		}
		last := s.Last(end)
		if len(whole) > 0 && !last.Equal(whole[len(whole)-1]) {
			t.Fatalf("%v: Last(%v) = %v, want %v", s, end, last, whole[len(whole)-1])
		}
		if last.After(end) || !s.Next(last).After(end) {
			t.Fatalf("%v: Last(%v) = %v is not the newest tick", s, end, last)
		}
	})
}

// A local time of the day comes once a day, whatever the clocks do.
func TestADailyJobFiresOncePerLocalDay(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"} {
		for _, expr := range []string{"0 0 * * *", "30 1 * * *", "30 2 * * *", "59 23 * * *"} {
			s := schedule.MustParse(expr, zone)
			days := map[string]int{}
			for _, tick := range s.Ticks(at("2016-01-01T12:00:00Z"), at("2019-12-31T12:00:00Z")) {
				days[tick.In(s.Location()).Format(time.DateOnly)]++
			}
			for day := at("2016-01-03T00:00:00Z"); day.Before(at("2019-12-30T00:00:00Z")); day = day.AddDate(0, 0, 1) {
				if n := days[day.Format(time.DateOnly)]; n != 1 {
					t.Errorf("%v fired %d times on %s", s, n, day.Format(time.DateOnly))
				}
			}
		}
	}
}

func TestLast(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ expr, at, want string }{
		"a tick is its own last":             {"0 * * * *", "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z"},
		"the tick before, just after it":     {"* * * * *", "2024-01-01T01:00:59Z", "2024-01-01T01:00:00Z"},
		"a rare tick is found years back":    {"0 0 29 2 *", "2023-12-31T00:00:00Z", "2020-02-29T00:00:00Z"},
		"the century gap is bridged as well": {"0 0 29 2 *", "2104-02-28T00:00:00Z", "2096-02-29T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := schedule.MustParse(tc.expr, "").Last(at(tc.at)).Format(time.RFC3339)
			if got != tc.want {
				t.Errorf("Last = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestTheZeroScheduleNeverFires(t *testing.T) {
	t.Parallel()
	var s schedule.Schedule
	now := at("2024-01-01T00:00:00Z")
	if !s.Next(now).IsZero() || !s.Last(now).IsZero() || s.Ticks(now, now.AddDate(1, 0, 0)) != nil {
		t.Error("the zero Schedule fires")
	}
}
