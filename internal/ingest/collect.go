package ingest

import (
	"fmt"
	"sync"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// collector is the sink of one Fetch. It sorts what a plugin sends by anchor.
type collector struct {
	mu       sync.Mutex
	observed [][]sdk.Observation // by anchor
	failures [][]sdk.Failure     // by anchor
	progress func(done, total int)
}

func newCollector(anchors int, progress func(done, total int)) *collector {
	return &collector{
		observed: make([][]sdk.Observation, anchors),
		failures: make([][]sdk.Failure, anchors),
		progress: progress,
	}
}

func (c *collector) Observe(obs ...sdk.Observation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range obs {
		if o.Anchor < 0 || o.Anchor >= len(c.observed) {
			return fmt.Errorf("observation of %s/%s names anchor %d of a request with %d", o.Token, o.Metric, o.Anchor, len(c.observed))
		}
		i := o.Anchor
		o.Anchor = 0 // each anchor is normalised by itself
		c.observed[i] = append(c.observed[i], o)
	}
	return nil
}

func (c *collector) Fail(f sdk.Failure) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Anchor < 0 || f.Anchor >= len(c.failures) {
		return fmt.Errorf("failure %q names anchor %d of a request with %d", f.Message, f.Anchor, len(c.failures))
	}
	c.failures[f.Anchor] = append(c.failures[f.Anchor], f)
	return nil
}

func (c *collector) Progress(done, total int) error {
	if c.progress != nil {
		c.progress(done, total)
	}
	return nil
}

var _ sdk.Sink = (*collector)(nil)
