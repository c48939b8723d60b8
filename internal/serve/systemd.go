package serve

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// service is the manager that started the daemon.
type service interface {
	ready(status string)
	reloading()
	stopping()
	// watchdog is how often a sign of life is wanted; 0: never.
	watchdog() time.Duration
	sign()
}

// systemd speaks to the socket of $NOTIFY_SOCKET; without it, it is silent.
type systemd struct{ log *slog.Logger }

func (s systemd) say(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

func (s systemd) ready(status string) { s.say(daemon.SdNotifyReady + "\nSTATUS=" + status) }
func (s systemd) reloading()          { s.say(daemon.SdNotifyReloading) }
func (s systemd) stopping()           { s.say(daemon.SdNotifyStopping) }
func (s systemd) sign()               { s.say(daemon.SdNotifyWatchdog) }

func (s systemd) watchdog() time.Duration {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("the watchdog of systemd is not served", "error", err)
	}
	return every
}

// feedWatchdog gives signs of life at half of what systemd allows, for as long as
// the planner gives them to us. It ends with ctx.
func (d *Daemon) feedWatchdog(ctx context.Context) {
	every := d.service.watchdog()
	if every <= 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	silent := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if since := d.sinceBeat(); since > d.silence() {
			if !silent {
				d.log.Error("the planner gives no sign of life; systemd gets none either", "since", since.Round(time.Second).String())
			}
			silent = true
			continue
		}
		silent = false
		d.service.sign()
	}
}

// silence is how long the planner may be quiet: some heartbeats, or the end of an
// old generation.
func (d *Daemon) silence() time.Duration {
	gen := d.gen.Load()
	return 3*gen.Heartbeat + gen.Grace + StopMargin
}
