package queries

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/report"
	warehouse "github.com/lst-pipeline/lst-pipeline/sql"
)

var (
	factsFlag   = flag.Int64("facts", 500_000, "facts of the synthetic warehouse")
	dirFlag     = flag.String("dir", "", "keep the warehouse in this folder, or use the one there; empty: a temporary one")
	roundsFlag  = flag.Int("rounds", 3, "how often each question is asked when warm; the median counts")
	handFlag    = flag.Bool("hand", true, "measure the hand-tuned answers, too")
	arrangeFlag = flag.Bool("arrange", true, "arrange the facts first, as runs do")
	onlyFlag    = flag.String("only", "", "measure only these queries, comma separated")
)

//go:embed answers.sql
var answersSQL string

// answers are the hand-tuned questions by the name of the query they stand beside.
func (w *world) answers() map[string]string {
	all := map[string]string{}
	for part := range strings.SplitSeq(answersSQL, "-- name: ") {
		if name, text, ok := strings.Cut(part, "\n"); ok {
			all[name] = strings.ReplaceAll(strings.TrimRight(strings.TrimSpace(text), ";"), "$as_of", stamp(w.asOf))
		}
	}
	return all
}

// cost is what a question took: on the clock, and of both cores together. The
// second hardly depends on who else uses the machine.
type cost struct{ wall, cpu time.Duration }

func (c cost) String() string {
	return fmt.Sprintf("%.0f | %.0f", c.wall.Seconds()*1000, c.cpu.Seconds()*1000)
}

// measure asks once to warm up and then -rounds times; the median of each figure.
func measure(f func()) cost {
	f()
	var walls, cpus []time.Duration
	for range *roundsFlag {
		at, used := time.Now(), spent()
		f()
		walls, cpus = append(walls, time.Since(at)), append(cpus, spent()-used)
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	return cost{walls[len(walls)/2], cpus[len(cpus)/2]}
}

// spent is the processor time of this process so far.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkQueries prints, for every named query with its defaults and for the
// queries of a report together, what it takes as shipped and by hand.
func BenchmarkQueries(b *testing.B) {
	path := *dirFlag
	if path == "" {
		path = b.TempDir()
	}
	w := build(b, path, *factsFlag, *arrangeFlag, *handFlag)
	all, err := query.List(warehouse.FS())
	check(b, err)
	hand := w.answers()
	fmt.Printf("%d facts, %s to %s\n\n| query | rows | shipped, ms | cpu ms | by hand, ms | cpu ms | ratio of cpu |\n|---|---|---|---|---|---|---|\n",
		w.facts, origin.Format(time.DateOnly), w.asOf.Format(time.DateOnly))
	for _, n := range all {
		if *onlyFlag != "" && !slices.Contains(strings.Split(*onlyFlag, ","), n.Name) {
			continue
		}
		rows := 0
		shipped := measure(func() { rows = len(w.named(b, n).Rows) })
		text, ok := hand[n.Name]
		if !ok || !*handFlag {
			fmt.Printf("| %s | %d | %s | | | |\n", n.Name, rows, shipped)
			continue
		}
		tuned := measure(func() { w.adhoc(b, text) })
		fmt.Printf("| %s | %d | %s | %s | %.1f |\n", n.Name, rows, shipped, tuned, shipped.cpu.Seconds()/tuned.cpu.Seconds())
	}
	if *onlyFlag == "" {
		whole := measure(func() {
			_, err := report.Collect(context.Background(), w, report.Options{AsOf: w.asOf})
			check(b, err)
		})
		fmt.Printf("| `pipeline report`, all of its queries | | %s | | | |\n", whole)
	}
	fmt.Fprintln(os.Stdout)
	b.ReportMetric(0, "ns/op") // the table says it
}

func (w *world) named(t testing.TB, n query.Named) *query.Result {
	t.Helper()
	res, err := query.Run(context.Background(), w, n, nil, query.Defaults{AsOf: w.asOf})
	check(t, err)
	return res
}

func (w *world) adhoc(t testing.TB, text string) *query.Result {
	t.Helper()
	res, err := query.Adhoc(context.Background(), w, text)
	check(t, err)
	return res
}

// A ratio means nothing unless both sides answer one question: whatever columns
// both have must agree.
func TestShippedQueriesAndHandTunedOnesAgree(t *testing.T) {
	t.Parallel()
	path := *dirFlag
	if path == "" {
		path = t.TempDir()
	}
	w := build(t, path, 150_000, true, true)
	all, err := query.List(warehouse.FS())
	check(t, err)
	hand := w.answers()
	for _, n := range all {
		if text, ok := hand[n.Name]; ok {
			compare(t, n.Name, w.named(t, n), w.adhoc(t, text))
			delete(hand, n.Name)
		}
	}
	for name := range hand {
		t.Errorf("answers.sql answers %q, which is no query", name)
	}
}

// Corrections, retractions, doubts and second bases come back the same from months
// that were arranged.
func TestAnswersDoNotDependOnTheOrderOfFacts(t *testing.T) {
	t.Parallel()
	w := build(t, t.TempDir(), 150_000, false, false)
	all, err := query.List(warehouse.FS())
	check(t, err)
	var before []*query.Result
	names := []string{"league", "windows", "rewards", "tvl-history", "warnings", "restated"}
	for _, name := range names {
		n, err := query.Find(all, name)
		check(t, err)
		before = append(before, w.named(t, n))
	}
	if months, err := w.Arrange(t.Context(), 1); err != nil || months < 12 {
		t.Fatalf("%d months were arranged: %v", months, err)
	}
	for i, name := range names {
		n, err := query.Find(all, name)
		check(t, err)
		compare(t, name, before[i], w.named(t, n))
	}
}

// compare finds the shipped row with the texts and times of each row by hand, and
// wants the numbers of both to be the same. What one side does not know, or shows
// and the other leaves out, is allowed in one row of ten.
func compare(t *testing.T, name string, shipped, hand *query.Result) {
	t.Helper()
	key := func(r *query.Result, other *query.Result, row []any) string {
		var k strings.Builder
		for i, c := range r.Columns {
			if (c.Type != "DOUBLE" && c.Type != "BIGINT" || c.Name == "size_native") && column(other, c.Name) >= 0 {
				fmt.Fprint(&k, row[i], " | ")
			}
		}
		return k.String()
	}
	found := map[string][]any{}
	for _, row := range shipped.Rows {
		found[key(shipped, hand, row)] = row
	}
	compared, left := 0, 0
	for _, row := range hand.Rows {
		k := key(hand, shipped, row)
		same, ok := found[k]
		if !ok {
			left++
			continue
		}
		for i, c := range hand.Columns {
			at := column(shipped, c.Name)
			if at < 0 {
				continue
			}
			a, knownA := float(same[at])
			b, knownB := float(row[i])
			switch {
			case !knownA || !knownB:
			case math.Abs(a-b) > 2e-4+1e-6*math.Abs(a):
				t.Errorf("%s: %s%s is %v as shipped and %v by hand", name, k, c.Name, a, b)
			default:
				compared++
			}
		}
	}
	if left*10 > len(hand.Rows) || len(shipped.Rows) > 0 && len(hand.Rows) == 0 {
		t.Errorf("%s: %d of %d rows by hand have no shipped row", name, left, len(hand.Rows))
	}
	t.Logf("%s: %d rows as shipped, %d by hand, %d figures are the same", name, len(shipped.Rows), len(hand.Rows), compared)
}

func column(r *query.Result, name string) int {
	for i, c := range r.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}
