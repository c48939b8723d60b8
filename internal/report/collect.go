package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

// Options say what a report looks at.
type Options struct {
	AsOf    time.Time // the moment looked at, UTC; required
	KnownAt time.Time // use only what was known by then; zero is everything known
	Window  int       // days of the yields; 0 is 30
	// Tokens limits the rows to these symbols, in any case; empty is all.
	Tokens  []string
	Version string // of the program, for the footer
}

// Data is all a report shows: the answers of the named queries, as they came.
type Data struct {
	AsOf    time.Time
	KnownAt time.Time // zero: everything known
	MadeAt  time.Time // when it was collected
	Window  int       // days
	Version string

	Answers map[string]*Answer // by name of the query
}

// Answer is a named query with what it said and what it was asked.
type Answer struct {
	query.Named
	Bound  map[string]string // parameters as they were bound
	Result *query.Result
}

// wanted are the queries of a report and the parameters that differ from their
// defaults; WINDOW stands for the days of the report.
var wanted = []struct {
	name   string
	params map[string]string
}{
	{"league", map[string]string{"window": "WINDOW"}},
	{"freshness", nil},
	{"coverage", map[string]string{"window": "90"}},
	{"warnings", map[string]string{"window": "WINDOW"}},
	{"restated", nil},
	{"growth", nil},
	{"growth-history", nil},
	{"premium", map[string]string{"window": "365"}},
	{"premium-history", nil},
	{"depeg", map[string]string{"from": "now-365d"}},
	{"exit", nil},
	{"attribution", nil},
	{"take-rate", map[string]string{"window": "WINDOW"}},
	{"claims", map[string]string{"window": "WINDOW"}},
	{"revenue", map[string]string{"window": "WINDOW"}},
	{"share", nil},
	{"share-history", nil},
	{"operators", nil},
	{"sources", map[string]string{"window": "365"}},
	{"definitions", map[string]string{"from": "now-365d"}}, // the time of the charts
}

// Collect asks every query of a report once. The first that fails ends it.
func Collect(ctx context.Context, src query.Source, o Options) (*Data, error) {
	if o.AsOf.IsZero() {
		return nil, fmt.Errorf("collect report: no as-of time was given")
	}
	if o.Window == 0 {
		o.Window = 30
	}
	if o.Window < 1 || o.Window > 3650 {
		return nil, fmt.Errorf("collect report: a window of %d days is not between 1 and 3650", o.Window)
	}
	all, err := query.List(warehouse.FS())
	if err != nil {
		return nil, err
	}
	d := &Data{
		AsOf: o.AsOf.UTC(), KnownAt: o.KnownAt, MadeAt: time.Now().UTC(), Window: o.Window,
		Version: o.Version, Answers: map[string]*Answer{},
	}
	defaults := query.Defaults{AsOf: d.AsOf, KnownAt: d.KnownAt}
	for _, want := range wanted {
		named, err := query.Find(all, want.name)
		if err != nil {
			return nil, err
		}
		params := maps.Clone(want.params)
		for k, v := range params {
			params[k] = strings.ReplaceAll(v, "WINDOW", strconv.Itoa(o.Window))
		}
		bound, err := named.Bind(params, defaults)
		if err != nil {
			return nil, err
		}
		res, err := query.Run(ctx, src, named, params, defaults)
		if err != nil {
			return nil, err
		}
		keepTokens(res, o.Tokens)
		d.Answers[named.Name] = &Answer{Named: named, Bound: bound, Result: res}
	}
	return d, nil
}

// keepTokens drops the rows of other tokens; a benchmark stays, rows that name no
// token too.
func keepTokens(res *query.Result, tokens []string) {
	if len(tokens) == 0 {
		return
	}
	keep := map[string]bool{}
	for _, t := range tokens {
		keep[strings.ToLower(t)] = true
	}
	rs := rows(res)
	kept := res.Rows[:0:0]
	for _, r := range rs {
		name, named := r.text("token")
		if !named || keep[strings.ToLower(name)] || r.textOr("state", "") == "bench" || r.flag("is_bench") {
			kept = append(kept, r.values)
		}
	}
	res.Rows = kept
}

// rows are the rows of one answer; none if it was not asked.
func (d *Data) rows(name string) []row {
	a, ok := d.Answers[name]
	if !ok {
		return nil
	}
	return rows(a.Result)
}

// Empty reports whether no token was ever observed and no task is on the books.
func (d *Data) Empty() bool {
	for _, r := range d.rows("freshness") {
		if _, seen := r.moment("observed_ts"); seen {
			return false
		}
	}
	return len(d.rows("coverage")) == 0
}

// A Required job must have a complete newest tick, and its plugins' tokens must
// not be stale.
type Required struct {
	Job     string
	Plugins []string // empty: every plugin
}

// Stale lists what of the required jobs is not in order, one sentence each: a job
// without a complete newest tick, and tokens of its plugins that were once read
// and are not any more.
func (d *Data) Stale(required []Required) []string {
	var bad []string
	seen := map[string]bool{}
	for _, r := range d.rows("coverage") {
		job := r.textOr("job", "")
		seen[job] = true
		grid := r.textOr("grid", "")
		if slices.ContainsFunc(required, func(q Required) bool { return q.Job == job }) && (grid == "" || !complete(grid[len(grid)-1])) {
			bad = append(bad, fmt.Sprintf("job %s, %s on %s: the newest tick is not complete (%s)",
				job, r.textOr("plugin", ""), r.textOr("chain", ""), grid))
		}
	}
	for _, q := range required {
		if !seen[q.Job] {
			bad = append(bad, fmt.Sprintf("job %s: no tick of the last 90 days is on the books", q.Job))
		}
	}
	for _, r := range d.rows("warnings") {
		plugin := r.textOr("plugin", "")
		if r.textOr("kind", "") == "stale" && slices.ContainsFunc(required, func(q Required) bool {
			return len(q.Plugins) == 0 || slices.Contains(q.Plugins, plugin)
		}) {
			bad = append(bad, "token "+r.textOr("subject", "")+" is stale")
		}
	}
	return bad
}
