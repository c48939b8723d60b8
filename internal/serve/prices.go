package serve

import (
	"context"
	"time"
)

// priceWait is how long the other jobs wait for prices of the same tick.
const priceWait = time.Minute

// passes is what is known of a job's passes.
type passes struct {
	under  int       // passes under way
	newest time.Time // when the newest that has ended began
}

// began notes that a pass is under way.
func (d *Daemon) began(job Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.passes[job.Name]
	p.under++
	d.passes[job.Name] = p
}

// ended notes the end of a pass and wakes who waits for it.
func (d *Daemon) ended(job Job, began time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.passes[job.Name]
	p.under--
	if began.After(p.newest) { // passes end out of order
		p.newest = began
	}
	d.passes[job.Name] = p
	close(d.change)
	d.change = make(chan struct{})
}

// pricesFirst waits until the jobs that read prices have read what is due of them, for
// a minute at most: values in US dollars are derived from prices of the same tick, but
// a price feed that is down must not hold up the rest.
func (d *Daemon) pricesFirst(ctx context.Context, gen *Generation) {
	limit := time.NewTimer(priceWait)
	defer limit.Stop()
	for {
		d.mu.Lock()
		change, ready := d.change, true
		for _, j := range gen.Jobs {
			// A pass may end at once because an earlier one has the plugins in hand.
			if p := d.passes[j.Name]; j.Prices && (p.under > 0 || p.newest.Before(j.lastDue(time.Now()))) {
				ready = false
			}
		}
		d.mu.Unlock()
		if ready {
			return
		}
		select {
		case <-change:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
