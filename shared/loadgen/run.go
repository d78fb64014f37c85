package loadgen

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"orchestrix/shared/retry"
)

// Options say how much load is made. Either Duration or Count ends it, whichever comes first.
type Options struct {
	Concurrency int           // requests in flight, at most
	Rate        float64       // requests a second, open-loop; 0 is closed-loop: as many as are answered
	Duration    time.Duration // 0: no end but Count
	Count       int64         // 0: no end but Duration
}

// Do is one request. n counts from 0 through all workers; worker is below Options.Concurrency, and no two calls with
// one worker overlap.
type Do func(ctx context.Context, worker int, n int64) error

// Report is what came of a run.
type Report struct {
	Done    int64 // requests that were answered without an error
	Failed  int64
	Err     error // of the first that failed
	Elapsed time.Duration
	// Latencies are those of the requests that did not fail, in microseconds. In an open loop they count from when the
	// request was due, so that a request that had to wait for its turn shows what its sender would have waited.
	Latencies *hdrhistogram.Histogram
}

// Rate is how many requests were answered a second.
func (r *Report) Rate() float64 { return float64(r.Done) / r.Elapsed.Seconds() }

// Latency is the given percentile, from 0 to 100.
func (r *Report) Latency(percentile float64) time.Duration {
	return time.Duration(r.Latencies.ValueAtQuantile(percentile)) * time.Microsecond
}

// longest is the longest latency that is told from longer ones.
const longest = 5 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), 3)
}

// Run makes load until its end, or until ctx ends.
func Run(ctx context.Context, o Options, do Do) *Report {
	g := &generator{Options: o, do: do, start: time.Now()}
	if o.Duration > 0 {
		g.end = g.start.Add(o.Duration)
	}
	workers := make([]worker, o.Concurrency)
	var working sync.WaitGroup
	for i := range workers {
		w := &workers[i]
		w.latencies = newHistogram()
		working.Go(func() { g.work(ctx, i, w) })
	}
	working.Wait()
	report := &Report{Elapsed: time.Since(g.start), Latencies: newHistogram()}
	for i := range workers {
		w := &workers[i]
		report.Done += w.latencies.TotalCount()
		report.Failed += w.failed
		if report.Err == nil {
			report.Err = w.err
		}
		report.Latencies.Merge(w.latencies)
	}
	return report
}

// generator is one run.
type generator struct {
	Options
	do    Do
	start time.Time
	end   time.Time // zero: none
	next  atomic.Int64
}

// worker is what one of the workers has seen.
type worker struct {
	latencies *hdrhistogram.Histogram
	failed    int64
	err       error
}

func (g *generator) work(ctx context.Context, i int, w *worker) {
	for {
		n := g.next.Add(1) - 1
		due, more := g.due(ctx, n)
		if !more {
			return
		}
		err := g.do(ctx, i, n)
		if err == nil {
			_ = w.latencies.RecordValue(min(max(time.Since(due), time.Microsecond), longest).Microseconds())
			continue
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return
		}
		w.failed++
		if w.err == nil {
			w.err = err
		}
	}
}

// due waits until request n is due, and returns when that was. It reports false where the run has ended.
func (g *generator) due(ctx context.Context, n int64) (time.Time, bool) {
	if g.Count > 0 && n >= g.Count || ctx.Err() != nil {
		return time.Time{}, false
	}
	due := time.Now()
	if g.Rate > 0 {
		due = g.start.Add(time.Duration(float64(n) / g.Rate * float64(time.Second)))
		// What was due before the end is still sent: leaving it out would hide the longest waits.
		if !g.end.IsZero() && !due.Before(g.end) || !retry.Sleep(ctx, time.Until(due)) {
			return due, false
		}
		return due, true
	}
	return due, g.end.IsZero() || due.Before(g.end)
}
