package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ expr, zone, want string }{
		"an empty expression":                   {"", "", "empty"},
		"a zone prefix":                         {"CRON_TZ=UTC 0 * * * *", "", "timezone"},
		"a zone prefix that panics the library": {"TZ=UTC", "", "timezone"},
		"an interval that restarts with us":     {"@every 15m", "", "start of the process"},
		"an unknown name":                       {"@fortnightly", "", "@hourly"},
		"too few fields":                        {"0 * * *", "", "has 4 fields"},
		"seconds":                               {"0 0 * * * *", "", "has 6 fields"},
		"a minute out of range":                 {"60 * * * *", "", "minute field"},
		"an hour out of range":                  {"0 24 * * *", "", "hour field"},
		"a word where a number belongs":         {"0 0 * * someday", "", "day of week field"},
		"a field of commas":                     {"0 , * * *", "", "hour field has no value"},
		"a step of zero":                        {"*/0 * * * *", "", "minute field"},
		"30 February":                           {"0 0 30 2 *", "", "never fires"},
		"31 of short months":                    {"0 0 31 4,6,9,11 *", "", "never fires"},
		"an unknown zone":                       {"0 * * * *", "Europe/Atlantis", "unknown time zone"},
		"the machine's own zone":                {"0 * * * *", "Local", "depends on the machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schedule.Parse(tc.expr, tc.zone)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parse(%q, %q) = %v, want an error with %q", tc.expr, tc.zone, err, tc.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		"0 * * * *", "  */5   1-4,22 * * mon-fri ", "@hourly", "@daily", "@midnight", "@weekly", "@monthly",
		"@yearly", "@annually", "0 0 29 2 *", "0 0 ? * 1",
	} {
		s, err := schedule.Parse(expr, "Europe/Berlin")
		if err != nil {
			t.Errorf("Parse(%q): %v", expr, err)
		}
		if s.Next(time.Now()).IsZero() {
			t.Errorf("Parse(%q) never fires", expr)
		}
	}
}

func TestJitterIsStableSpreadAndBounded(t *testing.T) {
	t.Parallel()
	if got, again := schedule.Jitter("daily", time.Minute), schedule.Jitter("daily", time.Minute); got != again {
		t.Errorf("the same job got %v and %v", got, again)
	}
	if got := schedule.Jitter("daily", 0); got != 0 {
		t.Errorf("no jitter gave %v", got)
	}
	seen := map[time.Duration]bool{}
	for i := range 50 {
		got := schedule.Jitter("job"+strings.Repeat("x", i), 10*time.Minute)
		if got < 0 || got >= 10*time.Minute || got%time.Second != 0 {
			t.Fatalf("jitter %v is outside [0, 10m) or not whole seconds", got)
		}
		seen[got] = true
	}
	if len(seen) < 40 {
		t.Errorf("50 jobs share %d offsets", len(seen))
	}
}

func FuzzParse(f *testing.F) {
	for _, expr := range []string{"0 * * * *", "TZ=UTC", "@every 1s", "*/0 , 1-2-3 ? L", "0 0 30 2 *"} {
		f.Add(expr, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, expr, zone string) {
		s, err := schedule.Parse(expr, zone)
		if err != nil {
			return
		}
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		next := s.Next(from)
		if !next.After(from) {
			t.Errorf("Next of %q %q = %v", expr, zone, next)
		}
		if last := s.Last(next); !last.Equal(next) {
			t.Errorf("Last(%v) of %q %q = %v", next, expr, zone, last)
		}
	})
}
