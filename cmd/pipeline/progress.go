package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
)

// tellEvery is how often progress is told where there is no terminal.
const tellEvery = 10 * time.Second

// progress tells a waiting person how far a backfill is: bars on a terminal, plain
// lines elsewhere, nothing when quiet. It is safe for concurrent use.
type progress struct {
	out   io.Writer
	total int
	quiet bool

	mu      sync.Mutex
	bars    *mpb.Progress // nil: plain lines
	of      map[ingest.Series]*mpb.Bar
	done    int
	started time.Time
	told    time.Time
}

func newProgress(out io.Writer, quiet bool, work []ingest.Work) *progress {
	p := &progress{out: out, quiet: quiet, of: map[ingest.Series]*mpb.Bar{}, started: time.Now(), told: time.Now()}
	ticks := map[ingest.Series]int{}
	var order []ingest.Series
	for _, w := range work {
		if ticks[w.Series] == 0 {
			order = append(order, w.Series)
		}
		ticks[w.Series] += len(w.Ticks)
		p.total += len(w.Ticks)
	}
	if quiet || !isTerminal(out) {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40))
	for _, s := range order {
		p.of[s] = p.bars.AddBar(int64(ticks[s]),
			mpb.PrependDecorators(decor.Name(s.Plugin+" "+string(s.Chain), decor.WCSyncSpaceR), decor.CountersNoUnit("%d/%d", decor.WCSyncSpace)),
			mpb.AppendDecorators(decor.AverageSpeed(0, "%.1f ticks/s", decor.WCSyncSpace), decor.Name(" "), decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO), "done")))
	}
	return p
}

// outcome counts a tick. What went wrong is told at once.
func (p *progress) outcome(o ingest.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if bar := p.of[o.Series]; bar != nil {
		bar.Increment()
	}
	if p.quiet {
		return
	}
	if o.State != "have" {
		p.line("%s %s on %s: %s: %s", o.Tick.Format("2006-01-02 15:04Z"), o.Plugin, o.Chain, o.State, o.Message)
	}
	if p.bars == nil && time.Since(p.told) >= tellEvery {
		p.told = time.Now()
		rate := float64(p.done) / time.Since(p.started).Seconds()
		left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
		p.line("%d of %d ticks, %.1f ticks/s, %s left", p.done, p.total, rate, left.Round(time.Second))
	}
}

// line prints above the bars, if there are any. Nobody can be told that a line to
// the person was lost.
func (p *progress) line(format string, args ...any) {
	out := p.out
	if p.bars != nil {
		out = p.bars
	}
	_, _ = fmt.Fprintf(out, format+"\n", args...)
}

// end takes bars that are not full away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		return
	}
	for _, bar := range p.of {
		bar.Abort(false)
	}
	p.bars.Wait()
	p.bars = nil
}
