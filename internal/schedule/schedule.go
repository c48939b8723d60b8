// Package schedule is robfig/cron with what it lacks: every tick between two
// moments, daylight saving with a rule, refusal of expressions that can never
// fire, deterministic jitter, and a Runner that survives panics, overlong work
// and a clock that is set.
//
// A tick is a moment a job is scheduled for, always in UTC. The package answers
// "which ticks lie between" and says "wake up now"; what is due (schedule minus
// coverage) and what is done about it is decided elsewhere. It keeps no state
// across a restart and takes no lock across processes: the ledger and the store
// do that.
//
// It imports the standard library and robfig/cron only, so that the
// configuration can check expressions with it.
package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// horizonYears bounds the search for a tick. The rarest date is 29 February,
// eight years apart when a century is skipped.
const horizonYears = 9

// Schedule is a cron expression in a time zone. The zero Schedule never fires.
// It is immutable and safe for concurrent use, and its ticks are the same on
// every machine.
//
// Outside UTC the rule for daylight saving is:
//
//   - a local time that the clock skips in spring fires once, at the first
//     instant after the gap (several skipped times fire once together);
//   - a local time that comes twice in autumn fires at its first occurrence only;
//   - an expression whose hour field matches every hour means real time: it
//     fires in every real hour, so nothing is made up for a skipped hour and both
//     occurrences of a repeated hour count.
type Schedule struct {
	expr string
	// spec is only ever asked about clocks of a fixed offset. robfig reads a
	// location of time.Local as "the location of the time I am given".
	spec      *cron.SpecSchedule
	loc       *time.Location
	everyHour bool
}

// String returns the expression, followed by its zone unless that is UTC.
func (s Schedule) String() string {
	if s.Location() == time.UTC {
		return s.expr
	}
	return s.expr + " " + s.loc.String()
}

// Location returns the zone the expression is read in.
func (s Schedule) Location() *time.Location {
	if s.loc == nil {
		return time.UTC
	}
	return s.loc
}

// Next returns the first tick after t, in UTC. It returns the zero time for the
// zero Schedule.
func (s Schedule) Next(t time.Time) time.Time {
	if s.spec == nil {
		return time.Time{}
	}
	// Ticks are whole seconds; at is the first instant that may be one.
	at := t.Round(0).Truncate(time.Second).Add(time.Second)
	limit := at.AddDate(horizonYears, 0, 0)
	for at.Before(limit) {
		p := periodAt(at, s.Location())
		if s.everyHour {
			p.repeatEnd = p.start
		}
		if at.Before(p.repeatEnd) {
			at = p.repeatEnd // local times that were already there before the clock went back
		}
		tick := s.spec.Next(at.Add(-time.Second).In(p.zone))
		switch {
		case tick.IsZero() && p.end.IsZero():
			at = at.AddDate(4, 0, 0) // robfig looks five years ahead only
			continue
		case !tick.IsZero() && (p.end.IsZero() || tick.Before(p.end)):
			return tick.UTC()
		case !s.everyHour && s.firesInGap(p):
			return p.end.UTC()
		}
		at = p.end
	}
	return time.Time{}
}

// Ticks returns every tick in (from, to], ascending, in UTC.
func (s Schedule) Ticks(from, to time.Time) []time.Time {
	var ticks []time.Time
	for t := s.Next(from); !t.IsZero() && !t.After(to); t = s.Next(t) {
		ticks = append(ticks, t)
	}
	return ticks
}

// Last returns the newest tick at or before t, in UTC, or the zero time for the
// zero Schedule.
func (s Schedule) Last(t time.Time) time.Time {
	if s.spec == nil {
		return time.Time{}
	}
	// Doubling the look back keeps the number of ticks enumerated small for a
	// schedule of every minute and for one of every leap day.
	limit := t.AddDate(-horizonYears, 0, 0)
	to := t
	for back := time.Hour; to.After(limit); back *= 2 {
		from := t.Add(-back)
		if ticks := s.Ticks(from, to); len(ticks) > 0 {
			return ticks[len(ticks)-1]
		}
		to = from
	}
	return time.Time{}
}

// firesInGap reports whether a local time that p's end skips is one of the
// schedule's.
func (s Schedule) firesInGap(p period) bool {
	if p.gap <= 0 {
		return false
	}
	// The skipped local times are read on p's own clock, running on past its end.
	tick := s.spec.Next(p.end.Add(-time.Second).In(p.zone))
	return !tick.IsZero() && tick.Before(p.end.Add(p.gap))
}

// period is a stretch of time in which a zone's clock has one offset.
type period struct {
	zone       *time.Location // of that fixed offset
	start, end time.Time      // [start, end); zero when unbounded
	repeatEnd  time.Time      // local times in [start, repeatEnd) occur for the second time
	gap        time.Duration  // by how much the clock jumps forward at end; 0 if it does not
}

func periodAt(at time.Time, loc *time.Location) period {
	at = at.In(loc)
	_, offset := at.Zone()
	p := period{zone: time.FixedZone("", offset)}
	p.start, p.end = at.ZoneBounds()
	if !p.start.IsZero() {
		_, before := p.start.Add(-time.Second).Zone()
		p.repeatEnd = p.start.Add(max(0, time.Duration(before-offset)*time.Second))
	}
	if !p.end.IsZero() {
		_, after := p.end.Zone()
		p.gap = max(0, time.Duration(after-offset)*time.Second)
	}
	return p
}
