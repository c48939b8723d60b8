package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/notify"
	"github.com/lst-pipeline/lst-pipeline/internal/serve"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// afterRun publishes the warehouse and tells the receivers of alerts.
func (a *app) afterRun(ctx context.Context, e *engine, sum ingest.Summary) error {
	err := a.publish(ctx, e.cfg, e.store, sum.RunID)
	if a.inside == nil {
		err = errors.Join(err, e.alert(ctx))
	}
	return err
}

// publish makes a copy for readers if the warehouse has changed since the newest one
// and that is publish.every old. What changes sooner is in the copy that the next
// verb that writes makes, a run that finds nothing due included. The daemon publishes by
// itself, in its own time, and tells alerts then.
func (a *app) publish(ctx context.Context, cfg *config.Config, s *store.Store, runID string) error {
	if a.inside != nil {
		a.inside.changed(runID)
		return nil
	}
	if cfg.Publish.Dir == "" {
		return nil
	}
	due, err := s.PublishDue(ctx, cfg.Publish.Dir, cfg.Publish.Every.Duration)
	if err != nil || !due {
		return err
	}
	command, err := copyCommand()
	if err != nil {
		return err
	}
	if _, err := s.Publish(ctx, store.PublishOptions{Dir: cfg.Publish.Dir, Keep: cfg.Publish.Keep, RunID: runID, Copy: command}); err != nil {
		return fmt.Errorf("everything is stored, but no copy for readers was made: %w", err)
	}
	return nil
}

func (e *engine) alert(ctx context.Context) error {
	if len(e.cfg.Notify) == 0 {
		return nil
	}
	specs, err := jobSpecs(e.cfg)
	if err != nil {
		return err
	}
	series, err := serve.Coverage(ctx, e.store, specs, time.Now().UTC())
	if err != nil {
		return err
	}
	if err := newNotifier(e.cfg, e.store, e.log).Check(ctx, serve.Findings(series)); err != nil {
		return fmt.Errorf("the run is stored, but not every alert was told: %w", err)
	}
	return nil
}

func newNotifier(cfg *config.Config, book notify.Book, log *slog.Logger) *notify.Notifier {
	n := &notify.Notifier{Book: book, Log: log}
	for _, r := range cfg.Notify {
		n.Receivers = append(n.Receivers, notify.Receiver{
			Name: r.Name, Webhook: r.Webhook.Reveal(), Command: r.Command, Events: r.Events, DepegBPS: r.DepegBPS,
		})
	}
	return n
}

// jobSpecs are the jobs with a schedule, as the ledger is compared with them.
func jobSpecs(cfg *config.Config) ([]serve.JobSpec, error) {
	var specs []serve.JobSpec
	for _, j := range cfg.Jobs {
		if j.Schedule == "" {
			continue
		}
		ticks, err := j.Ticks()
		if err != nil {
			return nil, withCode(exitUsage, fmt.Errorf("job %s: %w", j.Name, err))
		}
		specs = append(specs, serve.JobSpec{Name: j.Name, Schedule: ticks, Offset: j.Offset(), Settle: settle(cfg), Required: j.Required, Plugins: j.Plugins})
	}
	return specs, nil
}
