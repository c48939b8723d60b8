package query

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults are what parameters fall back to.
type Defaults struct {
	// AsOf is what the word now means; it must be set when a query uses it.
	AsOf time.Time
	// KnownAt is what the word latest means; the zero time is everything known.
	KnownAt time.Time
}

// timeLayout is how a time is handed to DuckDB: UTC, to the microsecond.
const timeLayout = "2006-01-02 15:04:05.999999"

// Bind resolves the parameters of a query to the texts that are bound: defaults
// for those not given, times as UTC. The error names every fault.
func (n Named) Bind(given map[string]string, d Defaults) (map[string]string, error) {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(n.Params, func(p Param) bool { return p.Name == name }) {
			faults = append(faults, fmt.Sprintf("it takes no parameter %q (%s)", name, n.paramList()))
		}
	}
	values := make(map[string]string, len(n.Params))
	for _, p := range n.Params {
		text, ok := given[p.Name]
		if !ok {
			text = p.Default
		}
		v, err := p.resolve(text, d)
		if err != nil {
			faults = append(faults, fmt.Sprintf("parameter %s: %v", p.Name, err))
		}
		values[p.Name] = v
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("query %s: %s", n.Name, strings.Join(faults, "; "))
	}
	return values, nil
}

func (n Named) paramList() string {
	if len(n.Params) == 0 {
		return "it takes none"
	}
	names := make([]string, len(n.Params))
	for i, p := range n.Params {
		names[i] = p.Name
	}
	return "it takes " + strings.Join(names, ", ")
}

// resolve turns a text into what is bound. What a parameter holds is what its
// default is: a time, a number, or a text.
func (p Param) resolve(text string, d Defaults) (string, error) {
	_, defaultIsNumber := number(p.Default)
	switch {
	case isTime(p.Default):
		return d.time(text)
	case defaultIsNumber:
		if _, ok := number(text); !ok {
			return "", fmt.Errorf("%q is not a number", text)
		}
	}
	return text, nil
}

func number(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	ok := err == nil && f == f && f-f == 0 // neither NaN nor infinite
	return f, ok && !strings.ContainsAny(text, "xX_pP")
}

func isTime(text string) bool {
	if text == "now" || text == "latest" || strings.HasPrefix(text, "now-") {
		return true
	}
	_, err := parseTime(text)
	return err == nil
}

func (d Defaults) time(text string) (string, error) {
	switch {
	case text == "latest" && d.KnownAt.IsZero():
		return "infinity", nil
	case text == "latest":
		return d.KnownAt.UTC().Format(timeLayout), nil
	case text == "now" || strings.HasPrefix(text, "now-"):
		if d.AsOf.IsZero() {
			return "", fmt.Errorf("%q needs an as-of time and none was given", text)
		}
		back := time.Duration(0)
		if rest, ok := strings.CutPrefix(text, "now-"); ok {
			ndays, err := strconv.Atoi(strings.TrimSuffix(rest, "d"))
			if err != nil || ndays < 0 || ndays > 36500 || !strings.HasSuffix(rest, "d") {
				return "", fmt.Errorf("%q is not of the form now-30d", text)
			}
			back = time.Duration(ndays) * 24 * time.Hour
		}
		return d.AsOf.UTC().Add(-back).Format(timeLayout), nil
	}
	t, err := parseTime(text)
	if err != nil {
		return "", fmt.Errorf("%q is not a time; write 2024-01-31, 2024-01-31T12:00:00Z, now or now-30d", text)
	}
	return t.UTC().Format(timeLayout), nil
}

// parseTime reads a date or a time; without a zone it is UTC.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", text)
}

// Literal is the query with its parameters written into it, for reading and for
// other programs. Values are quoted; in a string nothing but the quote is special.
func (n Named) Literal(bound map[string]string) string {
	return replacePlaceholders(n.SQL, func(name string) string {
		value, ok := bound[name]
		if !ok {
			return "$" + name
		}
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	})
}
