package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// copyMargin is how long after its tick and publish.every a run may take to store and
// publish what it reads.
const copyMargin = 15 * time.Minute

// holesSQL counts the ticks without rows before the newest one that a series has.
const holesSQL = `
	WITH newest AS (SELECT job, plugin, chain_id, max(tick) AS have FROM ingest_task WHERE state = 'have' GROUP BY ALL)
	SELECT job || '/' || plugin || '/' || chain_id AS series, state, count(*) AS ticks
	FROM ingest_task JOIN newest USING (job, plugin, chain_id)
	WHERE tick < have AND state NOT IN ('have', 'running') GROUP BY ALL ORDER BY ALL`

// holeTodo is what can be done about a hole, by its state. About unrecoverable ticks
// nothing can.
var holeTodo = []struct{ state, todo string }{
	{store.StateFailed, "failed and partial ones: pipeline run --retry"},
	{store.StatePartial, "failed and partial ones: pipeline run --retry"},
	{store.StateDue, "due ones: the next run reads them"},
	{store.StateSuperseded, "superseded ones: pipeline backfill"},
	{store.StateQuarantined, "quarantined ones: pipeline quarantine list"},
}

// checkHoles looks for ticks that are missing between others. What is missing at the
// newest end is the business of status.
func (a *app) checkHoles(ctx context.Context, cfg *config.Config) []check {
	c := check{what: "holes", state: "ok", found: "no tick is missing before the newest of its series"}
	silent := *a
	silent.quiet = true // the check of the copy says how old it is
	db, err := silent.openReader(ctx, cfg)
	if errors.Is(err, errNoWarehouse) {
		return nil
	}
	series, todo, err := holes(ctx, db, err)
	switch {
	case errors.Is(err, store.ErrHeld):
		return []check{{c.what, "warn", "the ledger cannot be read while another process holds the database and nothing is published", "set publish.dir"}}
	case err != nil:
		return []check{{c.what, "fail", err.Error(), "see the check of the database"}}
	case len(series) > 0:
		c.found = strings.Join(series[:min(len(series), 5)], "; ")
		if more := len(series) - 5; more > 0 {
			c.found += fmt.Sprintf("; and %d more", more)
		}
	}
	if len(todo) > 0 {
		c.state, c.todo = "warn", strings.Join(todo, "; ")
	}
	return []check{c}
}

// holes reads the holes from a warehouse and closes it.
func holes(ctx context.Context, db *store.Store, openErr error) (series, todo []string, err error) {
	if openErr != nil {
		return nil, nil, openErr
	}
	defer closeInto(&err, db)
	rows, err := db.Query(ctx, holesSQL)
	if err != nil {
		return nil, nil, err
	}
	defer closeInto(&err, rows)
	states := map[string]bool{}
	for rows.Next() {
		name, state := fmt.Sprint(rows.Values()[0]), fmt.Sprint(rows.Values()[1])
		series = append(series, fmt.Sprintf("%s: %v %s", name, rows.Values()[2], state))
		states[state] = true
	}
	for _, h := range holeTodo {
		if states[h.state] && (len(todo) == 0 || todo[len(todo)-1] != h.todo) {
			todo = append(todo, h.todo)
		}
	}
	return series, todo, rows.Err()
}

func checkPublish(ctx context.Context, cfg *config.Config, now time.Time) []check {
	if cfg.Publish.Dir == "" {
		return []check{{"published copy", "warn", "publish.dir is not set", "set it, or nobody can read while the daemon runs"}}
	}
	checks := []check{checkWritable("folder of the copies", cfg.Publish.Dir), checkDisk("disk of the copies", cfg.Publish.Dir, cfg.Database)}
	latest := filepath.Join(cfg.Publish.Dir, store.LatestSnapshot)
	c := check{what: "published copy", state: "ok"}
	if _, err := os.Lstat(latest); err != nil {
		c.found = "none yet; a run that stores something makes one"
		return append(checks, c)
	}
	db, err := store.OpenReadOnly(ctx, latest)
	if err == nil {
		err = db.Close()
	}
	m, manifestErr := store.ReadManifest(filepath.Join(cfg.Publish.Dir, store.LatestManifest))
	if err = errors.Join(err, manifestErr); err != nil {
		c.state, c.found, c.todo = "fail", err.Error(), "remove it; the next run makes another one"
		return append(checks, c)
	}
	c.found = fmt.Sprintf("%s, %s old", latest, age(now.Sub(m.PublishedAt)))
	if job, tick := unpublished(cfg, m.PublishedAt, now); job != "" {
		c.state = "warn"
		c.found += fmt.Sprintf("; it is older than the tick %s of job %s", tick.Format(time.RFC3339), job)
		c.todo = "see that the daemon or cron runs; if it does, its log says why no copy is made"
	}
	return append(checks, c)
}

// unpublished finds the newest tick that should be in a copy by now and came after the
// copy was made. job is empty if there is none.
func unpublished(cfg *config.Config, published, now time.Time) (job string, tick time.Time) {
	specs, err := jobSpecs(cfg)
	if err != nil {
		return "", tick // the check of the job tells it
	}
	for _, j := range specs {
		wait := j.Offset
		for _, settle := range j.Settle {
			wait = max(wait, settle)
		}
		last := j.Schedule.Last(now.Add(-wait - cfg.Publish.Every.Duration - copyMargin))
		if last.After(published) && last.After(tick) {
			job, tick = j.Name, last
		}
	}
	return job, tick
}

// checkNotify lists who is told of trouble, and tells them nothing.
func checkNotify(cfg *config.Config) []check {
	if len(cfg.Notify) == 0 {
		return []check{{"receivers of alerts", "warn", "nobody is told when something is late or broken", "add one under notify, or watch /readyz and /metrics"}}
	}
	var checks []check
	for _, r := range cfg.Notify {
		c := check{what: "receiver " + r.Name, state: "ok", found: "a webhook, nothing was sent; events: " + strings.Join(r.Events, ", ")}
		if len(r.Command) > 0 {
			c.found = "the command " + r.Command[0] + ", not run; events: " + strings.Join(r.Events, ", ")
			if _, err := exec.LookPath(r.Command[0]); err != nil {
				c.state, c.found, c.todo = "fail", err.Error(), "correct notify.command, or make it executable for this user"
			}
		}
		checks = append(checks, c)
	}
	return checks
}
