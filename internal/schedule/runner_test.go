package schedule_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// planner is the smallest thing that decides what is due: schedule − coverage.
type planner struct {
	schedule schedule.Schedule
	skew     atomic.Int64 // nanoseconds the planner's clock is ahead of the real one
	covered  time.Time    // every tick up to here is covered
	ran      []time.Time
}

func (p *planner) wake(_ context.Context, until time.Time) {
	for _, tick := range p.schedule.Ticks(p.covered, until.Add(time.Duration(p.skew.Load()))) {
		p.ran = append(p.ran, tick)
		p.covered = tick
	}
}

// start runs r until the returned function is called, which returns Run's error.
func start(r *schedule.Runner) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// In a synctest bubble the clock starts at 2000-01-01T00:00:00Z.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRunnerWakesAtTickPlusJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var woken []time.Duration
		var untils []time.Duration
		r := &schedule.Runner{Heartbeat: 24 * time.Hour}
		r.Add("hourly", schedule.MustParse("0 * * * *", ""), 7*time.Minute, func(_ context.Context, until time.Time) {
			woken = append(woken, time.Since(epoch))
			untils = append(untils, until.Sub(epoch))
		})
		stop := start(r)
		time.Sleep(150 * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]time.Duration{0, 7 * time.Minute, 67 * time.Minute, 127 * time.Minute}, woken); diff != "" {
			t.Errorf("woken at (-want +got):\n%s", diff)
		}
		// The tick is due at its own wake, and not before.
		if diff := cmp.Diff([]time.Duration{-7 * time.Minute, 0, time.Hour, 2 * time.Hour}, untils); diff != "" {
			t.Errorf("due until (-want +got):\n%s", diff)
		}
	})
}

func TestRunnerBeatsWhenNoTickComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var woken []time.Duration
		r := &schedule.Runner{}
		r.Add("yearly", schedule.MustParse("0 0 1 7 *", ""), 0, func(context.Context, time.Time) {
			woken = append(woken, time.Since(epoch))
		})
		stop := start(r)
		time.Sleep(100 * time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]time.Duration{0, 45 * time.Second, 90 * time.Second}, woken); diff != "" {
			t.Errorf("woken at (-want +got):\n%s", diff)
		}
	})
}

// A machine that slept and a clock that was set look the same to a planner: its
// next wake sees another time than it expected.
func TestEachTickRunsOnceWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		skews []time.Duration // applied one after the other, ten minutes apart
		want  string          // the last tick that must have run
	}{
		"a steady clock": {[]time.Duration{0, 0, 0}, "2000-01-01T00:30:00Z"},
		"a clock set back by an hour, then forward": {[]time.Duration{0, -time.Hour, 0}, "2000-01-01T00:30:00Z"},
		"a clock set forward, then back":            {[]time.Duration{0, time.Hour, 0}, "2000-01-01T01:20:00Z"},
		"a machine suspended for three days":        {[]time.Duration{0, 72 * time.Hour, 72 * time.Hour}, "2000-01-04T00:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &planner{schedule: schedule.MustParse("*/5 * * * *", ""), covered: epoch}
				r := &schedule.Runner{Heartbeat: 30 * time.Second}
				r.Add("state", p.schedule, 0, p.wake)
				stop := start(r)
				for _, skew := range tc.skews {
					p.skew.Store(int64(skew))
					time.Sleep(10 * time.Minute)
					synctest.Wait()
				}
				time.Sleep(time.Second) // the wake of the very last tick
				if err := stop(); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(p.schedule.Ticks(epoch, at(tc.want)), p.ran); diff != "" {
					t.Errorf("ticks (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAJobLongerThanItsPeriodNeverOverlapsItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, most, runs := 0, 0, 0
		var others int
		r := &schedule.Runner{Grace: time.Hour}
		r.Add("slow", schedule.MustParse("* * * * *", ""), 0, func(context.Context, time.Time) {
			running++
			runs++
			most = max(most, running)
			time.Sleep(150 * time.Second)
			running--
		})
		r.Add("other", schedule.MustParse("* * * * *", ""), time.Second, func(context.Context, time.Time) { others++ })
		stop := start(r)
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if most != 1 {
			t.Errorf("%d wakes of one job ran at the same time", most)
		}
		if runs < 4 {
			t.Errorf("the slow job ran %d times in ten minutes; it must run again after each end", runs)
		}
		if others < 20 {
			t.Errorf("the other job was looked at %d times; the slow one must not hold it up", others)
		}
	})
}

func TestALaneThatHangsDoesNotKeepItsJobFromBeingWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hung atomic.Bool
		quick := 0
		r := &schedule.Runner{Heartbeat: 24 * time.Hour, Grace: time.Minute}
		r.AddLanes("state", schedule.MustParse("*/5 * * * *", ""), 0, func(ctx context.Context, _ time.Time) {
			if hung.CompareAndSwap(false, true) {
				<-ctx.Done()
				return
			}
			quick++
		})
		stop := start(r)
		time.Sleep(21 * time.Minute)
		began := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if quick != 4 {
			t.Errorf("%d wakes beside the hanging one, want one each five minutes", quick)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("the hanging lane was given %s to end, want the grace", took)
		}
	})
}

func TestAPanicDoesNotStopTheNextRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		runs := 0
		r := &schedule.Runner{Heartbeat: 24 * time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))}
		r.Add("hourly", schedule.MustParse("0 * * * *", ""), 0, func(context.Context, time.Time) {
			runs++
			panic("nil pool")
		})
		stop := start(r)
		time.Sleep(3*time.Hour + time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if runs != 4 {
			t.Errorf("the job ran %d times, want 4: one at start and one an hour", runs)
		}
		if got := log.String(); strings.Count(got, "level=ERROR") != 4 || !strings.Contains(got, "nil pool") || !strings.Contains(got, "job=hourly") {
			t.Errorf("log does not tell of the panics:\n%s", got)
		}
	})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		work    time.Duration // how long a wake works when nobody cancels it
		deaf    time.Duration // how long it goes on once cancelled
		want    time.Duration // how long Run takes to return
		wantErr string
	}{
		"an idle runner stops at once":                {0, 0, 0, ""},
		"work that ends within the grace is not cut":  {20 * time.Second, 0, 19 * time.Second, ""},
		"work beyond the grace is cancelled":          {time.Hour, 0, 30 * time.Second, ""},
		"work that needs a moment to stop is awaited": {time.Hour, 2 * time.Second, 32 * time.Second, ""},
		"work that does not stop is named":            {time.Hour, time.Minute, 35 * time.Second, "gave up waiting for snapshot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &schedule.Runner{Grace: 30 * time.Second}
				r.Add("snapshot", schedule.MustParse("@hourly", ""), 0, func(ctx context.Context, _ time.Time) {
					select {
					case <-time.After(tc.work):
					case <-ctx.Done():
						time.Sleep(tc.deaf)
					}
				})
				stop := start(r)
				time.Sleep(time.Second)
				asked := time.Now()
				err := stop()
				if took := time.Since(asked); took != tc.want {
					t.Errorf("Run returned after %v, want %v", took, tc.want)
				}
				if tc.wantErr == "" && err != nil || tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)) {
					t.Errorf("Run returned %v, want %q", err, tc.wantErr)
				}
				time.Sleep(2 * time.Minute) // let the deaf one end before the bubble does
			})
		})
	}
}

func TestNoWakeBeginsAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var woken []time.Time
		r := &schedule.Runner{}
		r.Add("state", schedule.MustParse("* * * * *", ""), 0, func(context.Context, time.Time) { woken = append(woken, time.Now()) })
		stop := start(r)
		time.Sleep(90 * time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		ended := time.Now()
		time.Sleep(time.Hour)
		if late := slices.IndexFunc(woken, func(at time.Time) bool { return at.After(ended) }); late >= 0 {
			t.Errorf("woken at %v, after the end at %v", woken[late], ended)
		}
	})
}
