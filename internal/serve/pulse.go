package serve

import (
	"context"
	"time"
)

// writerState is what the last look at the writer found.
type writerState struct {
	at  time.Time
	err error
}

// pulse is the planner's sign of life; it also finds out whether the writer works.
// A writer that hangs stops the signs, and in the end systemd the daemon.
func (d *Daemon) pulse(ctx context.Context) {
	d.alive()
	d.tryWriter(ctx)
}

// tryWriter finds out whether the writer works, for health and metrics.
func (d *Daemon) tryWriter(ctx context.Context) {
	err := d.opts.Warehouse.Ping(ctx)
	if ctx.Err() != nil {
		return
	}
	before := d.writer.Swap(&writerState{at: time.Now(), err: err})
	switch broken := before != nil && before.err != nil; {
	case err != nil && !broken:
		d.log.Error("the warehouse cannot be written", "error", err)
	case err == nil && broken:
		d.log.Info("the warehouse can be written again")
	}
}

func (d *Daemon) alive() {
	now := time.Now()
	d.beat.Store(&now)
}

// sinceBeat is how long ago the planner gave a sign of life, as time passes: a clock
// that is set back must not hide a planner that hangs.
func (d *Daemon) sinceBeat() time.Duration { return time.Since(*d.beat.Load()) }
