package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// StopMargin is what stopping takes at most beyond the grace: to give up tasks that
// ignore being cancelled, stop the plugins, answer the last HTTP requests and end a
// copy under way.
const StopMargin = 15 * time.Second

// The parts of StopMargin.
const (
	abandonAfter = 5 * time.Second // a task that ignores being cancelled
	helpersStop  = 5 * time.Second // copies and alerts under way
	httpStop     = 2 * time.Second
)

// Warehouse is what the daemon itself needs of a *store.Store.
type Warehouse interface {
	query.Source
	Ping(ctx context.Context) error
	Size(ctx context.Context) (store.Size, error)
	Publish(ctx context.Context, opts store.PublishOptions) (store.Manifest, error)
}

// Options of a Daemon. Warehouse and Open are required.
type Options struct {
	Warehouse Warehouse
	// Open reads the configuration and makes what it asks for. It is called once at
	// the start and at every reload; an error at a reload keeps the old generation.
	Open func(ctx context.Context) (*Generation, error)
	// Reload asks for a reload with each value.
	Reload <-chan struct{}
	// Listener is where HTTP is answered; nil: nowhere. Run closes it.
	Listener net.Listener
	// Dashboard answers every path but those of health and metrics; nil: a list of
	// those.
	Dashboard http.Handler
	// Copy is the command that copies the live file, see store.PublishOptions.
	Copy []string
	// Version is the pipeline's own.
	Version string
	Log     *slog.Logger // nil: slog.Default
}

// Daemon runs jobs until it is told to stop.
type Daemon struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	service service

	gen    atomic.Pointer[Generation]
	beat   atomic.Pointer[time.Time] // of the planner's last sign of life, with its monotonic reading
	writer atomic.Pointer[writerState]
	copied publisher
	told   chan struct{} // an alert check is wanted; holds one
}

// New makes a daemon. It does nothing until Run.
func New(o Options) *Daemon {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	d := &Daemon{
		opts: o, log: o.Log, service: systemd{log: o.Log},
		told: make(chan struct{}, 1),
	}
	d.copied = publisher{warehouse: o.Warehouse, command: o.Copy, log: o.Log, wake: make(chan struct{}, 1)}
	d.metrics = newMetrics(d)
	return d
}

// Run opens the first generation and serves until ctx is done. It then returns
// within the generation's Grace and StopMargin: nil, or an error that names the
// jobs that did not stop.
func (d *Daemon) Run(ctx context.Context) (err error) {
	gen, err := d.opts.Open(ctx)
	if err != nil {
		if d.opts.Listener != nil {
			_ = d.opts.Listener.Close() // the first error says more
		}
		return err
	}
	d.use(gen)

	// What helps the jobs lives until they have stopped.
	helpers, stopHelpers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHelpers()
	var group sync.WaitGroup
	if d.opts.Listener != nil {
		stop := d.serveHTTP(d.opts.Listener)
		defer stop()
	}
	group.Go(func() { d.feedWatchdog(helpers) })
	group.Go(func() { d.copied.run(helpers) })
	group.Go(func() { d.tell(helpers) })

	d.service.ready(fmt.Sprintf("%d jobs", len(gen.Jobs)))
	for {
		var next *Generation
		next, err = d.serve(ctx, gen)
		err = errors.Join(err, closeGeneration(gen))
		if next == nil {
			break
		}
		if err != nil { // the old generation's trouble does not stop the new one
			d.log.Error("the old configuration did not end cleanly", "error", err)
		}
		gen = next
		d.use(gen)
		d.service.ready(fmt.Sprintf("%d jobs", len(gen.Jobs)))
	}
	stopHelpers()
	ended := make(chan struct{})
	go func() { group.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(helpersStop):
		err = errors.Join(err, errors.New("a copy or an alert under way did not stop"))
	}
	return err
}

func closeGeneration(g *Generation) error {
	if g.Close == nil {
		return nil
	}
	return g.Close()
}

// use makes gen the current generation.
func (d *Daemon) use(gen *Generation) {
	d.gen.Store(gen)
	d.copied.configure(gen.Publish)
	d.alive()
}

// serve runs the jobs of one generation until ctx is done (next is nil) or a reload
// has opened another one.
func (d *Daemon) serve(ctx context.Context, gen *Generation) (next *Generation, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &schedule.Runner{Heartbeat: gen.Heartbeat, Grace: gen.Grace, Abandon: abandonAfter, Log: d.log}
	r.Add("heartbeat", schedule.Schedule{}, 0, func(ctx context.Context, _ time.Time) { d.pulse(ctx) })
	for _, job := range gen.Jobs {
		r.AddLanes(job.Name, job.Schedule, job.Offset, func(ctx context.Context, _ time.Time) {
			d.pass(ctx, job)
		})
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for {
		select {
		case <-ctx.Done():
			d.service.stopping()
			d.log.Info("stopping; running tasks may finish", "grace", gen.Grace.String())
			return nil, <-done
		case err := <-done: // ctx ended at the same time
			return nil, err
		case <-d.opts.Reload:
			d.service.reloading()
			next, err := d.opts.Open(ctx)
			d.metrics.reloaded(err == nil)
			if err != nil {
				d.log.Error("the configuration was not reloaded; the old one stays in use", "error", err)
				d.service.ready("reload refused; the old configuration stays in use")
				continue
			}
			d.log.Info("configuration reloaded; tasks of the old one may finish", "grace", gen.Grace.String())
			stop()
			return next, <-done
		}
	}
}

// pass has one job do what is due, and spreads the news.
func (d *Daemon) pass(ctx context.Context, job Job) {
	began := time.Now()
	log := d.log.With("job", job.Name)
	sum, err := job.Worker.Pass(ctx)
	d.metrics.passed(job.Name, sum, err, time.Since(began))
	switch {
	case err != nil && ctx.Err() != nil:
		log.Info("the job was cancelled; its ticks stay due")
	case err != nil:
		d.tryWriter(ctx) // so that health knows when the log does
		log.Error("the job could not do what is due; its ticks stay due and are tried again", "error", err)
	}
	stored := 0
	for _, o := range sum.Outcomes {
		stored += o.Rows + o.Rejects
	}
	if len(sum.Outcomes) == 0 {
		if err == nil {
			log.Debug("nothing is due")
		}
		return
	}
	log.Info("run ended", "run", sum.RunID, "tasks", len(sum.Outcomes), "rows", stored, "ok", err == nil && sum.OK(), "took", time.Since(began).Round(time.Millisecond).String())
	d.Changed(sum.RunID)
}

// Changed says that a run has changed the warehouse, one of a job or one that
// somebody else did in this process: it is published, and alerts are checked. runID
// may be empty.
func (d *Daemon) Changed(runID string) {
	d.copied.changed(runID)
	select {
	case d.told <- struct{}{}:
	default: // one is wanted already
	}
}

// tell checks the alerts after runs and every few minutes, and repeats messages
// that were not taken.
func (d *Daemon) tell(ctx context.Context) {
	const every = 5 * time.Minute
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	var last time.Time
	for {
		check := false
		select {
		case <-ctx.Done():
			return
		case <-d.told:
			check = true
		case <-tick.C:
			check = time.Since(last) >= every
		}
		gen := d.gen.Load()
		if gen.Alerts == nil {
			continue
		}
		var err error
		if check {
			last = time.Now()
			var series []Series
			if series, err = Coverage(ctx, d.opts.Warehouse, gen.specs(), last.UTC()); err == nil {
				err = gen.Alerts.Check(ctx, Findings(series))
			}
		} else {
			err = gen.Alerts.Retry(ctx)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Error("alerts could not be checked or told; they are tried again", "error", err)
		}
	}
}
