package serve

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/notify"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// warehouse is a fake: it counts what the daemon does to it.
type warehouse struct {
	mu        sync.Mutex
	published []time.Time
	runs      []string
	broken    error // of Publish and Ping
}

func (w *warehouse) Query(context.Context, string, ...any) (*store.Rows, error) {
	return nil, errors.New("a fake has no rows")
}

func (w *warehouse) Ping(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}

func (w *warehouse) Size(context.Context) (store.Size, error) { return store.Size{}, nil }

func (w *warehouse) Publish(_ context.Context, o store.PublishOptions) (store.Manifest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return store.Manifest{}, w.broken
	}
	w.published = append(w.published, o.Now)
	w.runs = append(w.runs, o.RunID)
	return store.Manifest{PublishedAt: o.Now}, nil
}

func (w *warehouse) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = err
}

// work is a Worker that does what a function says.
type work func(ctx context.Context) (ingest.Summary, error)

func (f work) Pass(ctx context.Context) (ingest.Summary, error) { return f(ctx) }

// done is the summary of a run that read one tick.
func done(run string) ingest.Summary {
	return ingest.Summary{RunID: run, Outcomes: []ingest.Outcome{{
		Series: ingest.Series{Job: "state", Plugin: "p", Chain: "c"}, State: store.StateHave, Rows: 3, Requests: 2, Calls: 40, Took: time.Second,
	}}}
}

func hourly(name string, w Worker) Job {
	return Job{Name: name, Schedule: schedule.MustParse("0 * * * *", ""), Worker: w}
}

func generation(jobs ...Job) *Generation {
	return &Generation{Jobs: jobs, Grace: 10 * time.Second, Heartbeat: 45 * time.Second}
}

// quiet is a service manager that keeps what it is told.
type quiet struct {
	mu    sync.Mutex
	said  []string
	every time.Duration
}

func (q *quiet) say(s string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.said = append(q.said, s)
}
func (q *quiet) ready(string)            { q.say("ready") }
func (q *quiet) reloading()              { q.say("reloading") }
func (q *quiet) stopping()               { q.say("stopping") }
func (q *quiet) sign()                   { q.say("sign") }
func (q *quiet) watchdog() time.Duration { return q.every }
func (q *quiet) all() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string(nil), q.said...)
}

// running is a daemon under fake time.
type running struct {
	*Daemon
	stop  context.CancelFunc
	ended chan error
}

// start runs a daemon over generations, opened one after the other.
func start(t *testing.T, o Options, manager *quiet, open func() (*Generation, error)) *running {
	t.Helper()
	if o.Warehouse == nil {
		o.Warehouse = &warehouse{}
	}
	o.Log = slog.New(slog.DiscardHandler)
	o.Open = func(context.Context) (*Generation, error) { return open() }
	d := New(o)
	if manager == nil {
		manager = &quiet{}
	}
	d.service = manager
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{Daemon: d, stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- d.Run(ctx) }()
	return r
}

func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

func TestJobsAreLookedAtAtTheirTicksThoughAPassIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var slow, quick []time.Time
		r := start(t, Options{}, nil, func() (*Generation, error) {
			return generation(
				hourly("slow", work(func(ctx context.Context) (ingest.Summary, error) {
					mu.Lock()
					slow = append(slow, time.Now())
					first := len(slow) == 1
					mu.Unlock()
					if first { // one of its plugins hangs
						<-ctx.Done()
					}
					return ingest.Summary{}, ctx.Err()
				})),
				hourly("quick", work(func(context.Context) (ingest.Summary, error) {
					mu.Lock()
					defer mu.Unlock()
					quick = append(quick, time.Now())
					return ingest.Summary{}, nil
				}))), nil
		})
		began := time.Now()
		time.Sleep(6*time.Hour + 10*time.Minute)
		r.end(t)
		for name, looks := range map[string][]time.Time{"slow": slow, "quick": quick} {
			for h := began.Truncate(time.Hour).Add(time.Hour); h.Before(began.Add(6 * time.Hour)); h = h.Add(time.Hour) {
				if !slices.Contains(looks, h) {
					t.Errorf("the %s job was not looked at at its tick %s", name, h)
				}
			}
		}
	})
}

func TestAPanicOrAnErrorOfOneJobDoesNotHurtAnotherOrItsNextTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		panics, fails, good := 0, 0, 0
		r := start(t, Options{}, nil, func() (*Generation, error) {
			return generation(
				hourly("panics", work(func(context.Context) (ingest.Summary, error) { panics++; panic("index out of range") })),
				hourly("fails", work(func(context.Context) (ingest.Summary, error) {
					fails++
					return ingest.Summary{}, errors.New("disk full")
				})),
				hourly("good", work(func(context.Context) (ingest.Summary, error) { good++; return ingest.Summary{}, nil }))), nil
		})
		time.Sleep(10 * time.Minute)
		r.end(t)
		if panics < 10 || fails < 10 || good < 10 {
			t.Errorf("looked at %d, %d and %d times in ten minutes", panics, fails, good)
		}
	})
}

func TestStoppingTakesNoLongerThanTheGraceAndTheMargin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		pass func(ctx context.Context)
		most time.Duration
		says string
	}{
		{"a task that ends within the grace is not cancelled", func(ctx context.Context) { time.Sleep(14 * time.Second) }, 10 * time.Second, ""},
		{"one that does not is cancelled", func(ctx context.Context) { <-ctx.Done() }, 10 * time.Second, ""},
		{"one that ignores that is given up", func(context.Context) { time.Sleep(time.Hour) }, 10*time.Second + StopMargin, "stubborn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				manager := &quiet{}
				closed := false
				r := start(t, Options{}, manager, func() (*Generation, error) {
					g := generation(hourly("stubborn", work(func(ctx context.Context) (ingest.Summary, error) {
						c.pass(ctx)
						return ingest.Summary{}, ctx.Err()
					})))
					g.Close = func() error { closed = true; return nil }
					return g, nil
				})
				time.Sleep(5 * time.Second)
				told := time.Now()
				r.stop()
				err := <-r.ended
				if took := time.Since(told); took > c.most {
					t.Errorf("it took %s to stop, want %s at most", took, c.most)
				}
				if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("it ended with %v, want %q", err, c.says)
				}
				if !closed {
					t.Error("the generation was not closed")
				}
				if diff := cmp.Diff([]string{"ready", "stopping"}, manager.all()); diff != "" {
					t.Error(diff)
				}
				time.Sleep(2 * time.Hour) // the task that was given up ends
			})
		})
	}
}

func TestAReloadReplacesTheJobsAndARefusedOneDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ran := map[string]int{}
		var closed []string
		job := func(name string) *Generation {
			g := generation(hourly(name, work(func(context.Context) (ingest.Summary, error) {
				mu.Lock()
				defer mu.Unlock()
				ran[name]++
				return ingest.Summary{}, nil
			})))
			g.Close = func() error { closed = append(closed, name); return nil }
			return g
		}
		next := []func() (*Generation, error){
			func() (*Generation, error) { return job("old"), nil },
			func() (*Generation, error) { return nil, errors.New("line 3: unknown key") },
			func() (*Generation, error) { return job("new"), nil },
		}
		reload := make(chan struct{})
		manager := &quiet{}
		r := start(t, Options{Reload: reload}, manager, func() (*Generation, error) {
			open := next[0]
			next = next[1:]
			return open()
		})
		count := func() (old, fresh int) {
			mu.Lock()
			defer mu.Unlock()
			return ran["old"], ran["new"]
		}
		time.Sleep(time.Minute)
		reload <- struct{}{}
		synctest.Wait()
		before, _ := count()
		time.Sleep(time.Minute)
		if after, fresh := count(); after <= before || fresh != 0 || len(closed) != 0 {
			t.Errorf("after a refused reload the old job ran %d, then %d times, the new one %d; closed %v", before, after, fresh, closed)
		}
		reload <- struct{}{}
		synctest.Wait()
		before, _ = count()
		time.Sleep(time.Minute)
		if after, fresh := count(); after != before || fresh == 0 {
			t.Errorf("after the reload the old job ran %d, then %d times, the new one %d", before, after, fresh)
		}
		r.end(t)
		if diff := cmp.Diff([]string{"old", "new"}, closed); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"ready", "reloading", "ready", "reloading", "ready", "stopping"}, manager.all()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCopiesFollowRunsAndAreNotMadeMoreOftenThanAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &warehouse{}
		began := time.Now()
		runs := 0
		r := start(t, Options{Warehouse: w}, nil, func() (*Generation, error) {
			g := generation(hourly("state", work(func(context.Context) (ingest.Summary, error) {
				if time.Since(began) > 21*time.Minute {
					return ingest.Summary{}, nil // nothing is due any more
				}
				runs++
				return done("run"), nil
			})))
			g.Publish = Publishing{Dir: t.TempDir(), Every: 10 * time.Minute, Keep: 2}
			return g, nil
		})
		time.Sleep(15 * time.Minute)
		w.fail(errors.New("no space left"))
		time.Sleep(9*time.Minute + 30*time.Second) // between two tries
		w.fail(nil)
		time.Sleep(3 * time.Hour)
		r.end(t)
		var at []time.Duration
		for _, p := range w.published {
			at = append(at, p.Sub(began).Truncate(time.Minute))
		}
		// At the start, ten minutes later, and once more when the disk has room again.
		if diff := cmp.Diff([]time.Duration{0, 10 * time.Minute, 25 * time.Minute}, at); diff != "" || runs < 20 {
			t.Errorf("after %d runs, copies (-want +got):\n%s", runs, diff)
		}
	})
}

// ear is an Alerts that notes when it is asked.
type ear struct {
	mu      sync.Mutex
	retries []time.Duration
	began   time.Time
}

func (e *ear) Check(context.Context, []notify.Finding) error { return nil }

func (e *ear) Retry(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retries = append(e.retries, time.Since(e.began))
	return nil
}

func TestTheWatchdogIsFedOnlyWhileThePlannerLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		manager := &quiet{every: 2 * time.Minute}
		w := &hanging{warehouse: &warehouse{}, until: make(chan struct{})}
		r := start(t, Options{Warehouse: w}, manager, func() (*Generation, error) {
			return generation(hourly("state", work(func(context.Context) (ingest.Summary, error) { return ingest.Summary{}, nil }))), nil
		})
		signs := func() (n int) {
			for _, s := range manager.all() {
				if s == "sign" {
					n++
				}
			}
			return n
		}
		time.Sleep(10*time.Minute + time.Second)
		if got := signs(); got != 10 {
			t.Errorf("%d signs of life in ten minutes, want one a minute", got)
		}
		w.hang()
		time.Sleep(10 * time.Minute)
		before := signs()
		time.Sleep(time.Hour)
		if got := signs(); got != before || before > 14 {
			t.Errorf("%d signs after the writer hung, %d an hour later", before, got)
		}
		close(w.until)
		time.Sleep(10 * time.Minute)
		if got := signs(); got < before+9 {
			t.Errorf("%d signs, %d after the writer went on", before, got)
		}
		r.end(t)
	})
}

// hanging is a warehouse whose writer can hang.
type hanging struct {
	*warehouse
	mu    sync.Mutex
	hangs bool
	until chan struct{}
}

func (h *hanging) hang() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangs = true
}

func (h *hanging) Ping(context.Context) error {
	h.mu.Lock()
	hangs := h.hangs
	h.mu.Unlock()
	if hangs {
		<-h.until
	}
	return nil
}

func TestMessagesNotTakenAreRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &ear{began: time.Now()}
		r := start(t, Options{}, nil, func() (*Generation, error) {
			g := generation(hourly("state", work(func(context.Context) (ingest.Summary, error) { return ingest.Summary{}, nil })))
			g.Alerts = e
			return g, nil
		})
		time.Sleep(10 * time.Minute)
		r.end(t)
		if len(e.retries) < 7 {
			t.Errorf("asked to tell again after %v", e.retries)
		}
	})
}
