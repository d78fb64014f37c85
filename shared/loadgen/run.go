package loadgen

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// Options are the settings of a run. It ends after Duration or Count, whichever is reached first.
type Options struct {
	Concurrency int           // maximum number of requests in flight
	Rate        float64       // requests per second, open-loop; 0: closed-loop
	Duration    time.Duration // 0: unlimited
	Count       int64         // 0: unlimited
}

// Do sends one request. n is its number in the run, from 0; worker is less than Options.Concurrency, and calls with the same
// worker do not overlap.
type Do func(ctx context.Context, worker int, n int64) error

// Report is the result of a run.
type Report struct {
	Done    int64 // requests without an error
	Failed  int64
	Err     error // of one of the failed requests
	Elapsed time.Duration
	// Latencies are those of the requests without an error, in microseconds. In an open loop they start when the request was
	// due, so that they include the time for which it waited for a free worker.
	Latencies *hdrhistogram.Histogram
}

// Rate is the number of requests without an error per second.
func (r *Report) Rate() float64 { return float64(r.Done) / r.Elapsed.Seconds() }

// Latency is a percentile of the latencies; percentile is from 0 to 100.
func (r *Report) Latency(percentile float64) time.Duration {
	return time.Duration(r.Latencies.ValueAtQuantile(percentile)) * time.Microsecond
}

// maxLatency is the upper limit of the histogram: longer latencies count as this one.
const maxLatency = 5 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), 3)
}

// Run sends requests until Options end the run, or ctx ends.
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
		working.Go(func() { g.sendRequests(ctx, i, w) })
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

// generator is the state of one run.
type generator struct {
	Options
	do    Do
	start time.Time
	end   time.Time // zero: none
	next  atomic.Int64
}

// worker holds the results of one worker.
type worker struct {
	latencies *hdrhistogram.Histogram
	failed    int64
	err       error
}

// sendRequests is the loop of one worker.
func (g *generator) sendRequests(ctx context.Context, i int, w *worker) {
	for {
		n := g.next.Add(1) - 1
		due, more := g.awaitDue(ctx, n)
		if !more {
			return
		}
		err := g.do(ctx, i, n)
		if err == nil {
			_ = w.latencies.RecordValue(min(max(time.Since(due), time.Microsecond), maxLatency).Microseconds())
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

// awaitDue waits until request n is due, and returns that time. It returns false when the run has ended.
func (g *generator) awaitDue(ctx context.Context, n int64) (time.Time, bool) {
	if g.Count > 0 && n >= g.Count || ctx.Err() != nil {
		return time.Time{}, false
	}
	due := time.Now()
	if g.Rate > 0 {
		due = g.start.Add(time.Duration(float64(n) / g.Rate * float64(time.Second)))
		// Requests that were due before the end are still sent: without them the report would miss the longest waits.
		if !g.end.IsZero() && !due.Before(g.end) || !retry.Sleep(ctx, time.Until(due)) {
			return due, false
		}
		return due, true
	}
	return due, g.end.IsZero() || due.Before(g.end)
}
