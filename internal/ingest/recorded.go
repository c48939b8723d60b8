package ingest

import (
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Recordings answer in place of a chain whose past cannot be read, for the ticks that
// were recorded.
type Recordings interface {
	Network
	// RecordedTicks lists the ticks a plugin's reading of the chain was recorded at.
	RecordedTicks(chain sdk.ChainID, plugin string) ([]time.Time, error)
}

// recorded tells of a tick of a series whether it can be read from the recordings of
// its chain. They are listed when it is asked first.
func (r *Runner) recorded(s Series) func(tick time.Time) bool {
	shelf := r.Recordings[s.Chain]
	if shelf == nil {
		return func(time.Time) bool { return false }
	}
	list := sync.OnceValue(func() map[int64]bool {
		has := map[int64]bool{}
		ticks, err := shelf.RecordedTicks(s.Chain, s.Plugin)
		if err != nil {
			r.Log.Error("the recordings of a chain cannot be listed; its past ticks count as lost", "chain", string(s.Chain), "error", err)
		}
		for _, t := range ticks {
			has[t.Unix()] = true
		}
		return has
	})
	return func(tick time.Time) bool { return list()[tick.Unix()] }
}

// network is who answers for a piece of work.
func (r *Runner) network(w Work) Network {
	if w.Recorded {
		return r.Recordings[w.Chain]
	}
	return r.Gateway
}

// recordedWork is work for ticks that are read from recordings: each is a session of
// its own, as it was when it was recorded.
func (j Job) recordedWork(series Series, need sdk.ChainNeed, ticks []time.Time, tried map[time.Time]int, again bool) []Work {
	need.MaxAnchors = 1
	work := j.work(series, need, ticks, tried, again)
	for i := range work {
		work[i].Recorded = true
	}
	return work
}
