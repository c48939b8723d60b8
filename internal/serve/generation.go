package serve

import (
	"context"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/notify"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Worker does what is due of one job.
type Worker interface {
	// Pass plans and runs once. A summary without outcomes means that nothing was
	// due that no pass under way has in hand: it is called also while one is. It must
	// return soon after ctx is done.
	Pass(ctx context.Context) (ingest.Summary, error)
}

// Job is a job with its schedule and who does it.
type Job struct {
	Name     string
	Schedule schedule.Schedule
	// Offset is added to each tick.
	Offset time.Duration
	// Settle is how much later at least a tick is due on a chain, by the chain's name.
	Settle map[sdk.ChainID]time.Duration
	// Required jobs decide whether the daemon is ready.
	Required bool
	// Plugins are those the job names; empty means that it takes what there is.
	Plugins []string
	Worker  Worker
}

// Publishing says where copies for readers go; none are made if Dir is empty.
type Publishing struct {
	Dir   string
	Every time.Duration // the shortest time between two copies
	Keep  int
}

// Alerts tells receivers what has begun and what is over.
type Alerts interface {
	// Check looks at the warehouse and at what lags behind the schedules, and tells
	// what has changed.
	Check(ctx context.Context, late []notify.Finding) error
	// Retry tells again what could not be told before.
	Retry(ctx context.Context) error
}

// Generation is everything one reading of the configuration makes. A reload opens
// a new one and closes the old one.
type Generation struct {
	Jobs []Job
	// Grace is how long running tasks may finish when the daemon stops or reloads;
	// then they are cancelled, and their ticks stay due.
	Grace time.Duration
	// Heartbeat is the longest time between two looks at a job.
	Heartbeat time.Duration
	Publish   Publishing
	Alerts    Alerts // nil: nobody is told
	// Endpoints and Plugins are counters for the metrics; nil means none.
	Endpoints func() []gateway.EndpointStats
	Plugins   func() []host.Usage
	// Close lets go of everything but the warehouse. It must return within seconds.
	Close func() error
}

// specs are the jobs as Coverage wants them.
func (g *Generation) specs() []JobSpec {
	var specs []JobSpec
	for _, j := range g.Jobs {
		specs = append(specs, JobSpec{Name: j.Name, Schedule: j.Schedule, Offset: j.Offset, Settle: j.Settle, Required: j.Required, Plugins: j.Plugins})
	}
	return specs
}
