package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/report"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/serve"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

func newServe(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the jobs at their times until stopped (the daemon)",
		Long: `serve keeps the warehouse open, wakes each job at its ticks, reads what is due,
publishes copies for readers and tells alerts. Health is at /healthz and /readyz,
metrics are at /metrics, on serve.listen.

While the disk of the warehouse cannot be written, nothing is read; /healthz and the
log say what to do, and it goes on by itself. A warehouse that another process has,
or that cannot be written at the start, ends it: let a supervisor start it again.

SIGTERM stops it within serve.grace and 15 s: running tasks may finish for the
grace, then they are cancelled and stay due. SIGHUP reads the configuration again;
a wrong one is refused and the old one stays in use.

While it runs, it does run --retry, backfill and the verdicts of quarantine for whom
calls them as the same user, over a socket beside the database.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context()) },
	}
}

func (a *app) serve(ctx context.Context) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	jobs, err := ingestJobs(cfg, nil)
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		return withCode(exitUsage, fmt.Errorf("no job of %s has a schedule, so there is nothing to serve", cfg.Path))
	}
	command, err := copyCommand()
	if err != nil {
		return err
	}
	reload := make(chan struct{}, 1)
	defer onHangup(reload)()
	// What a person must change is told before the warehouse is opened.
	listener, err := net.Listen("tcp", cfg.Serve.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; another one may be running, or set serve.listen", cfg.Serve.Listen, err)
	}
	log := a.logger(cfg.Log)
	if addr, ok := listener.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		log.Warn("health, metrics and dashboard have no password and are not on the loopback: everybody who reaches the address can read them", "listen", addr.String())
	}
	warehouse, err := store.Open(ctx, cfg.Database, store.Options{Command: serveCommand})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer closeInto(&err, warehouse)
	if r := warehouse.Recovered; r.Runs+r.Tasks > 0 {
		log.Warn("an earlier process was killed; what it had in hand is due again", "runs", r.Runs, "tasks", r.Tasks)
	}
	var current atomic.Pointer[config.Config] // nil before the first generation
	var d *serve.Daemon
	verbs := &residents{changed: func(runID string) { d.Changed(runID) }}
	d = serve.New(serve.Options{
		Warehouse: warehouse, Reload: reload, Listener: listener, Copy: command, Version: buildVersion(), Log: log,
		Open: func(ctx context.Context) (*serve.Generation, error) {
			next := cfg
			if current.Load() != nil {
				var err error
				if next, err = a.load(); err != nil {
					return nil, err
				}
				if next.Database != cfg.Database || next.Serve.Listen != cfg.Serve.Listen {
					return nil, errors.New("database and serve.listen cannot change while the daemon runs: restart it")
				}
			}
			gen, err := a.generation(ctx, next, warehouse, verbs)
			if err == nil {
				current.Store(next)
			}
			return gen, err
		},
		Dashboard: report.Handler(func(ctx context.Context) (*report.Data, error) {
			o, err := reportOptions(current.Load(), "", "", 0, nil)
			if err != nil {
				return nil, err
			}
			return report.Collect(ctx, warehouse, o)
		}),
	})
	log.Info("serving", "listen", listener.Addr().String(), "database", cfg.Database, "version", buildVersion())
	stop := verbs.listen(warehouse.Path(), log.Warn)
	return errors.Join(d.Run(ctx), stop())
}

// onHangup puts a value into reload at each SIGHUP until the returned function is
// called.
func onHangup(reload chan<- struct{}) (stop func()) {
	signals := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-signals:
				select {
				case reload <- struct{}{}:
				default: // one is wanted already
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}

// generation makes what one reading of the configuration asks for, on a warehouse
// that is open.
func (a *app) generation(ctx context.Context, cfg *config.Config, warehouse *store.Store, verbs *residents) (*serve.Generation, error) {
	jobs, err := ingestJobs(cfg, nil)
	if err != nil {
		return nil, err
	}
	opt := engineOptions{command: "serve", lent: &engine{store: warehouse}}
	for _, j := range jobs {
		opt.plugins = append(opt.plugins, j.Plugins...)
	}
	e, err := a.openEngine(ctx, cfg, opt)
	if err != nil {
		return nil, err
	}
	shop := &serve.Shop{
		Store: e.store, Host: e.host, Gateway: e.gateway, Log: e.log, Version: buildVersion(),
		Dir: cfg.Plugins.Dir, Required: opt.plugins, Chains: chainIDs(cfg), Settle: settle(cfg), Recordings: e.runner.Recordings,
	}
	shop.Plugins(e.plugins, e.runner.Tokens)
	gen := &serve.Generation{
		Grace: cfg.Serve.Grace.Duration, Heartbeat: cfg.Serve.Heartbeat.Duration,
		Publish:   serve.Publishing{Dir: cfg.Publish.Dir, Every: cfg.Publish.Every.Duration, Keep: cfg.Publish.Keep},
		Endpoints: e.gateway.Metrics, Plugins: e.host.Usage,
	}
	if len(cfg.Notify) > 0 {
		gen.Alerts = newNotifier(cfg, e.store, e.log)
	}
	for _, job := range jobs {
		gen.Jobs = append(gen.Jobs, serveJob(cfg, shop, job))
	}
	end := verbs.open(e)
	gen.Close = func() error { return errors.Join(end(), e.Close()) }
	return gen, nil
}

func serveJob(cfg *config.Config, shop *serve.Shop, job ingest.Job) serve.Job {
	spec, _ := cfg.Job(job.Name)
	j := serve.Job{Name: job.Name, Required: spec.Required, Plugins: spec.Plugins, Schedule: job.Schedule.(schedule.Schedule), Settle: settle(cfg)}
	j.Offset = spec.Offset()
	job.Delay = j.Offset
	j.Worker = shop.Worker(job)
	return j
}
