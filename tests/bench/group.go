package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/loadgen"
)

// group is a set of programs that are measured side by side, and what is read from that.
type group struct {
	name, about string
	setup       func(ctx context.Context, b *bench, s *scope) ([]variant, error)
	comparisons []comparison
}

// variant is one of the programs.
type variant struct {
	name string
	// procs are the processes whose time and memory count, by what they are.
	procs map[string]*process
	// run measures once, for about so long. The first, shorter call warms up and does not count.
	run func(ctx context.Context, d time.Duration) (sample, error)
	// whole: run completes all of a task, however long it takes. A quick benchmark skips the warm-up of such a task.
	whole bool
}

// sample is one measurement.
type sample struct {
	Rate     float64            // operations a second
	P50, P99 float64            // milliseconds
	Ops      int64              // operations
	CPU      map[string]float64 // seconds for 10,000 operations, by process
	Memory   map[string]float64 // peak, in MiB, by process
	Values   map[string]float64 // what else a row asks for
}

// The metrics of comparisons; others are looked up in Values.
const (
	rate = "rate"
	p50  = "p50"
	p99  = "p99"
)

func (s sample) metric(name string) float64 {
	switch name {
	case rate:
		return s.Rate
	case p50:
		return s.P50
	case p99:
		return s.P99
	}
	if v, ok := s.Values[name]; ok {
		return v
	}
	return math.NaN()
}

// comparison is one row of the table: a metric of the subject as a multiple of the base's, or the metric itself where there is
// no base.
type comparison struct {
	what            string
	subject, base   string
	metric          string
	unit            string // where there is no base
	atLeast, atMost float64
}

// measured are the samples of a group by variant, in the order of the runs.
type measured struct {
	variants []variant
	samples  map[string][]sample
}

func (b *bench) measure(ctx context.Context, g group) (m measured, err error) {
	s := b.scope()
	defer func() {
		if closeErr := s.close(); err == nil {
			err = closeErr
		}
	}()
	m = measured{samples: map[string][]sample{}}
	if m.variants, err = g.setup(ctx, b, s); err != nil {
		return m, err
	}
	for _, v := range m.variants {
		if v.whole && b.settings.quick {
			continue
		}
		if _, err := v.run(ctx, b.settings.duration()/3); err != nil {
			return m, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	order := slices.Clone(m.variants)
	for n := range b.settings.runs {
		for _, v := range order {
			got, err := v.run(ctx, b.settings.duration())
			if err != nil {
				return m, fmt.Errorf("%s, run %d: %w", v.name, n+1, err)
			}
			m.samples[v.name] = append(m.samples[v.name], got)
		}
		slices.Reverse(order) // so that no variant always runs after the same other one
	}
	if b.settings.profile != "" {
		return m, b.profileRuns(ctx, g, m.variants)
	}
	return m, nil
}

// load measures load on processes.
func load(ctx context.Context, o loadgen.Options, procs map[string]*process, do loadgen.Do) (sample, error) {
	before := cpuOf(procs)
	r := loadgen.Run(ctx, o, do)
	after := cpuOf(procs)
	if r.Failed > 0 {
		return sample{}, fmt.Errorf("%d of %d requests failed: %w", r.Failed, r.Failed+r.Done, r.Err)
	}
	if r.Done == 0 {
		return sample{}, fmt.Errorf("nothing was answered within %v: %w", r.Elapsed, context.Cause(ctx))
	}
	s := sample{Rate: r.Rate(), P50: milliseconds(r.Latency(50)), P99: milliseconds(r.Latency(99)), Ops: r.Done}
	s.account(before, after, procs)
	return s, ctx.Err()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// account notes what the processes have used.
func (s *sample) account(before, after map[string]float64, procs map[string]*process) {
	s.CPU, s.Memory = map[string]float64{}, map[string]float64{}
	for name := range after {
		s.CPU[name] = (after[name] - before[name]) / float64(s.Ops) * 10_000
	}
	for name, p := range procs {
		if peak, ok := p.peakMemory(); ok {
			s.Memory[name] = peak
		}
	}
}

// loader is the name under which the time of this process counts.
const loader = "load"

func cpuOf(procs map[string]*process) map[string]float64 {
	used := map[string]float64{}
	if own, ok := ownCPU(); ok {
		used[loader] = own
	}
	for name, p := range procs {
		if seconds, ok := p.cpu(); ok {
			used[name] = seconds
		}
	}
	return used
}

// median is NaN where there is none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// of returns a metric of every run of a variant.
func (m measured) of(variant, metric string) []float64 {
	values := make([]float64, 0, len(m.samples[variant]))
	for _, s := range m.samples[variant] {
		values = append(values, s.metric(metric))
	}
	return values
}

// compare returns the value of each run: a ratio of what was measured right after each other, or the metric itself.
func (m measured) compare(c comparison) []float64 {
	values := m.of(c.subject, c.metric)
	if c.base == "" {
		return values
	}
	for i, base := range m.of(c.base, c.metric) {
		values[i] /= base
	}
	return values
}
