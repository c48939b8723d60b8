package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
)

// Wake asks for a look at one job: every tick at or before until that is not
// covered yet is due. until is the present less the job's jitter, in UTC.
//
// It runs on its own goroutine, never twice at a time for one job that was given to
// Add. It may be called when nothing is due. ctx outlives the context of Runner.Run by the
// grace period; a Wake must return soon after it is cancelled.
type Wake func(ctx context.Context, until time.Time)

// Runner wakes jobs: at start, at each tick plus jitter, and at every heartbeat.
//
// cron's timers count time as it passes, so a machine that slept or a clock that
// was set makes them late, by hours if the clock went back. The heartbeat bounds
// that: whatever happened to the clock, each job is looked at within one
// heartbeat. A wake that falls into a running one of the same job is dropped, unless
// the job keeps out of its own way (AddLanes); the next heartbeat makes up for it. Which ticks are due is for Wake to find out,
// so a wake too many is harmless and a tick is never lost with a wake.
type Runner struct {
	// Heartbeat is the longest time between two looks at a job; 0 means 45 s.
	Heartbeat time.Duration
	// Grace is how long running wakes may go on after Run's context is done,
	// before their own contexts are cancelled; 0 cancels at once.
	Grace time.Duration
	// Abandon is how long Run waits after that for a Wake that does not return;
	// 0 means 5 s.
	Abandon time.Duration
	// Log receives panics (error) and dropped wakes (debug); nil means
	// slog.Default.
	Log *slog.Logger

	jobs []*runnerJob
}

type runnerJob struct {
	name     string
	schedule cron.Schedule
	jitter   time.Duration
	wake     Wake
	lanes    bool // wake may run beside itself
	running  atomic.Int32
}

// Add registers a job. The jitter is added to every tick (see Jitter). It must
// not be called once Run has begun.
func (r *Runner) Add(name string, s Schedule, jitter time.Duration, wake Wake) {
	r.jobs = append(r.jobs, &runnerJob{name: name, schedule: delayed{s, jitter}, jitter: jitter, wake: wake})
}

// AddLanes is Add for a job of several lanes, of which a slow one must not hold up the
// rest: it is woken also while an earlier wake runs. That no lane overlaps itself is
// for Wake to see to.
func (r *Runner) AddLanes(name string, s Schedule, jitter time.Duration, wake Wake) {
	r.Add(name, s, jitter, wake)
	r.jobs[len(r.jobs)-1].lanes = true
}

// Run wakes the jobs until ctx is done, then lets running wakes finish for Grace,
// cancels them, and returns. It returns an error, naming the jobs, only if some
// Wake did not return within Abandon after that. It can be called once.
func (r *Runner) Run(ctx context.Context) error {
	log := r.Log
	if log == nil {
		log = slog.Default()
	}
	wakeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()

	ticker := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cron.DiscardLogger))
	looks := make([]cron.Job, len(r.jobs))
	for i, j := range r.jobs {
		// Recover must be the innermost: in robfig/cron v3.0.1 a panic that passes
		// through SkipIfStillRunning keeps its lock for ever.
		logger := cronLog{log.With("job", j.name)}
		looks[i] = cron.NewChain(cron.Recover(logger)).Then(j.look(wakeCtx))
		if !j.lanes {
			looks[i] = cron.NewChain(cron.SkipIfStillRunning(logger)).Then(looks[i])
		}
		ticker.Schedule(j.schedule, looks[i])
	}
	var beats sync.WaitGroup
	beat := func() {
		for _, look := range looks {
			beats.Go(look.Run)
		}
	}
	beat()
	ticker.Start()
	heartbeat := time.NewTicker(orDefault(r.Heartbeat, 45*time.Second))
	for ctx.Err() == nil {
		select {
		case <-heartbeat.C:
			beat()
		case <-ctx.Done():
		}
	}
	heartbeat.Stop()

	idle := make(chan struct{})
	ticks := ticker.Stop()
	go func() {
		beats.Wait()
		<-ticks.Done()
		close(idle)
	}()
	if waitFor(idle, r.Grace) {
		return nil
	}
	cancel()
	if waitFor(idle, orDefault(r.Abandon, 5*time.Second)) {
		return nil
	}
	return fmt.Errorf("gave up waiting for %s, which did not stop when told to", strings.Join(r.running(), ", "))
}

// look is one call of the job's Wake.
func (j *runnerJob) look(ctx context.Context) cron.FuncJob {
	return func() {
		if ctx.Err() != nil {
			return
		}
		j.running.Add(1)
		defer j.running.Add(-1)
		j.wake(ctx, time.Now().Add(-j.jitter).UTC())
	}
}

// running returns the names of the jobs whose Wake has not returned.
func (r *Runner) running() []string {
	var names []string
	for _, j := range r.jobs {
		if j.running.Load() > 0 {
			names = append(names, j.name)
		}
	}
	slices.Sort(names)
	return names
}

// delayed is a schedule whose every tick comes later by a fixed offset.
type delayed struct {
	schedule Schedule
	by       time.Duration
}

// Next implements cron.Schedule.
func (d delayed) Next(t time.Time) time.Time {
	next := d.schedule.Next(t.Add(-d.by))
	if next.IsZero() {
		return next
	}
	return next.Add(d.by)
}

// cronLog hands what robfig/cron logs about a job to slog.
type cronLog struct{ log *slog.Logger }

// Info is called when a wake is dropped because the one before still runs.
func (l cronLog) Info(msg string, keysAndValues ...any) {
	l.log.Debug("the job is still running; this wake is dropped", append(keysAndValues, "event", msg)...)
}

// Error is called when a Wake has panicked.
func (l cronLog) Error(err error, _ string, keysAndValues ...any) {
	l.log.Error("the job panicked; its next wake is not affected", append(keysAndValues, "error", err)...)
}

func waitFor(done <-chan struct{}, most time.Duration) bool {
	select {
	case <-done:
		return true
	default:
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
