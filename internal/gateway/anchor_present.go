package gateway

import (
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// near picks the ticks that may be answered with the present, where nothing else can
// be read. The others it settles: as they were settled before, or as lost.
func (s *search) near(now time.Time) []int {
	var near []int
	for i, tick := range s.ticks {
		switch age := now.Sub(tick); {
		case s.recall(i):
		case age > s.g.opts.PresentGrace:
			s.errs[i] = sdk.Errorf(sdk.KindUnrecoverable, "%s: its past cannot be read: the tick is %s ago, the limit is %s",
				s.describeTick(i), age.Round(time.Second), s.g.opts.PresentGrace)
		case -age > s.g.opts.PresentGrace:
			s.errs[i] = sdk.Errorf(sdk.KindTransient, "%s: the tick is still to come", s.describeTick(i))
		default:
			near = append(near, i)
		}
	}
	return near
}

// picked remembers the points that stand for ticks, so that all plugins of a tick get
// one.
type picked struct {
	mu     sync.Mutex
	byTick map[int64]pick
}

type pick struct {
	anchor sdk.Anchor
	proof  []exchange
}

// early reports whether the point is too far from its tick to be given again.
func (p pick) early(tick time.Time) bool { return p.anchor.Time.Before(tick.Add(-pickedEarly)) }

// pickedEarly is how far before its tick a point may be and still stand for it later
// on. One from further back was picked while this machine's clock ran ahead.
const pickedEarly = time.Hour

// pickedCeiling bounds the memory; a tick is asked for again soon or never.
const pickedCeiling = 1024

func (p *picked) get(tick time.Time) (pick, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, ok := p.byTick[tick.Unix()]
	return one, ok && !one.early(tick)
}

// keep stores the first anchor of a tick and returns the one that stands.
func (p *picked) keep(tick time.Time, one pick) pick {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.byTick[tick.Unix()]; ok && !old.early(tick) {
		return old
	}
	if p.byTick == nil || len(p.byTick) >= pickedCeiling {
		p.byTick = map[int64]pick{}
	}
	p.byTick[tick.Unix()] = one
	return one
}

// stand settles a tick that is close to now with the newest point there is.
func (s *search) stand(i int) {
	one := s.c.picked.keep(s.ticks[i], pick{anchor: s.anchors[i], proof: s.proof[i]})
	s.anchors[i], s.proof[i] = one.anchor, one.proof
	s.anchors[i].Tick = s.ticks[i].UTC()
}

// recall settles a tick as it was settled before, if it was.
func (s *search) recall(i int) bool {
	one, ok := s.c.picked.get(s.ticks[i])
	if ok {
		s.anchors[i], s.proof[i] = one.anchor, one.proof
		s.anchors[i].Tick = s.ticks[i].UTC()
	}
	return ok
}
