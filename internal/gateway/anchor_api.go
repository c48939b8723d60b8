package gateway

import (
	"encoding/json"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// apiNow is the method under which a recording keeps the moment that stood for a tick.
// It is asked of nobody: the clock is this machine's.
const apiNow = "now"

// api answers every tick near now with this moment, since an API has no blocks. All
// plugins of a tick get the same one, and a replay the recorded one.
func (s *search) api() {
	if s.g.player != nil {
		for i := range s.ticks {
			s.apiRecorded(i)
		}
		return
	}
	now := s.g.opts.Now().UTC().Truncate(time.Second)
	for _, i := range s.near(now) {
		s.moment(i, now)
		if raw, err := json.Marshal(now); err == nil { // a time of these years
			s.proof[i] = []exchange{{Method: apiNow, Params: json.RawMessage("[]"), Result: raw}}
		}
		s.stand(i)
	}
}

// apiRecorded settles a tick with the moment of its recording.
func (s *search) apiRecorded(i int) {
	r := s.g.player.one(s.c, s.place(i), call{method: apiNow})
	var then time.Time
	switch {
	case r.fail != nil:
		s.errs[i] = r.fail
	case json.Unmarshal(r.result, &then) != nil:
		s.errs[i] = sdk.Errorf(sdk.KindConfig, "%s: its recording has no moment in %s.json; record it again", s.describeTick(i), anchorFile)
	default:
		s.moment(i, then.UTC())
	}
}

func (s *search) moment(i int, at time.Time) {
	s.anchors[i] = sdk.Anchor{Chain: s.c.ID, Time: at, Finality: sdk.Finalized, Tick: s.ticks[i].UTC()}
}
