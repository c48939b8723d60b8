package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// fieldNames are the five fields of an expression, in order.
var fieldNames = [...]string{"minute", "hour", "day of month", "month", "day of week"}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Parse reads a standard cron expression of five fields, or one of @hourly,
// @daily, @midnight, @weekly, @monthly, @yearly and @annually, in an IANA time
// zone; an empty zone means UTC.
//
// It refuses a zone inside the expression (TZ=, CRON_TZ=), @every, whose ticks
// depend on when the process started, and dates that never come, such as
// 30 February. It never panics.
func Parse(expr, zone string) (Schedule, error) {
	loc, err := LoadZone(zone)
	if err != nil {
		return Schedule{}, err
	}
	expr = strings.Join(strings.Fields(expr), " ")
	switch {
	case expr == "":
		return Schedule{}, errors.New("the schedule is empty; write five fields such as \"0 * * * *\"")
	case strings.Contains(expr, "TZ="):
		return Schedule{}, errors.New("a time zone inside the expression is not supported; write it under the key timezone")
	case strings.HasPrefix(expr, "@every"):
		return Schedule{}, errors.New("@every counts from the start of the process, so its ticks would change with every restart; write fields instead, for example \"*/15 * * * *\"")
	}
	spec, err := parseSpec(expr)
	if err != nil {
		return Schedule{}, explain(expr, err)
	}
	for i, field := range []uint64{spec.Minute, spec.Hour, spec.Dom, spec.Month, spec.Dow} {
		if field == 0 {
			return Schedule{}, fmt.Errorf("the %s field has no value", fieldNames[i])
		}
	}
	s := Schedule{expr: expr, spec: spec, loc: loc, everyHour: bits.OnesCount64(spec.Hour&(1<<24-1)) == 24}
	// Any start will do: the calendar repeats itself within the horizon.
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never fires: no year has that date", expr)
	}
	return s, nil
}

// MustParse is Parse for expressions in source code; it panics on a mistake.
func MustParse(expr, zone string) Schedule {
	s, err := Parse(expr, zone)
	if err != nil {
		panic(err)
	}
	return s
}

// LoadZone reads an IANA time zone name; empty means UTC. It refuses "Local",
// which would make the ticks depend on the machine.
func LoadZone(name string) (*time.Location, error) {
	switch name {
	case "", "UTC":
		return time.UTC, nil
	case "Local":
		return nil, errors.New("time zone \"Local\" depends on the machine; name the zone, for example \"Europe/Berlin\"")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q; use an IANA name such as \"Europe/Berlin\", or UTC", name)
	}
	return loc, nil
}

// parseSpec turns a panic of the parser into an error.
func parseSpec(expr string) (spec *cron.SpecSchedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not a cron expression: %v", r)
		}
	}()
	parsed, err := parser.Parse(expr)
	if err != nil {
		return nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, errors.New("not an expression of five fields")
	}
	return spec, nil
}

// explain names the field that the parser stumbled over.
func explain(expr string, err error) error {
	fields := strings.Fields(expr)
	if strings.HasPrefix(expr, "@") {
		return fmt.Errorf("unknown schedule %q; use @hourly, @daily, @weekly, @monthly, @yearly or five fields", expr)
	}
	if len(fields) != len(fieldNames) {
		return fmt.Errorf("%q has %d fields; a schedule has five: minute, hour, day of month, month, day of week", expr, len(fields))
	}
	for i, field := range fields {
		alone := [...]string{"*", "*", "*", "*", "*"}
		alone[i] = field
		if _, err := parseSpec(strings.Join(alone[:], " ")); err != nil {
			return fmt.Errorf("%s field %q: %w", fieldNames[i], field, err)
		}
	}
	return fmt.Errorf("%q: %w", expr, err)
}
