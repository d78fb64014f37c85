package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what was measured, in the form of -o json.
type report struct {
	Go      string    `json:"go"`
	OS      string    `json:"os"`
	Cores   int       `json:"cores"`
	Quick   bool      `json:"quick"`
	Runs    int       `json:"runs"`
	Seconds float64   `json:"seconds_a_run"`
	Took    string    `json:"took"`
	Rows    []row     `json:"rows"`
	Figures []figures `json:"figures"`

	started time.Time
}

// row is one comparison.
type row struct {
	Group   string    `json:"group"`
	What    string    `json:"what"`
	Subject string    `json:"subject"`
	Against string    `json:"against,omitempty"`
	Metric  string    `json:"metric"`
	Unit    string    `json:"unit,omitempty"`
	Value   float64   `json:"value"` // the median of Values: ratios, where there is something to be compared with
	Values  []float64 `json:"values"`
	AtLeast float64   `json:"at_least,omitempty"`
	AtMost  float64   `json:"at_most,omitempty"`
	Met     *bool     `json:"met,omitempty"`
}

// figures are the medians of one variant.
type figures struct {
	Group   string             `json:"group"`
	Variant string             `json:"variant"`
	Rate    float64            `json:"rate"`
	P50     float64            `json:"p50_ms"`
	P99     float64            `json:"p99_ms"`
	CPU     map[string]float64 `json:"cpu_seconds_per_10000"`
	Memory  map[string]float64 `json:"peak_mib"`
	Values  map[string]float64 `json:"values,omitempty"`
}

func newReport(s settings) *report {
	return &report{Go: runtime.Version(), OS: runtime.GOOS, Cores: runtime.NumCPU(), Quick: s.quick, Runs: s.runs, Seconds: s.seconds, started: time.Now()}
}

func (r *report) add(g group, m measured) {
	for _, c := range g.comparisons {
		one := row{Group: g.name, What: c.what, Subject: c.subject, Against: c.base, Metric: c.metric, Unit: c.unit,
			Values: m.compare(c), AtLeast: c.atLeast, AtMost: c.atMost}
		one.Value = median(one.Values)
		if c.atLeast > 0 || c.atMost > 0 {
			met := one.Value >= c.atLeast && (c.atMost == 0 || one.Value <= c.atMost)
			one.Met = &met
		}
		r.Rows = append(r.Rows, one)
	}
	for _, v := range m.variants {
		r.Figures = append(r.Figures, medians(g.name, v.name, m.samples[v.name]))
	}
}

// medians of each single figure.
func medians(group, variant string, samples []sample) figures {
	pick := func(of func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = of(s)
		}
		return median(values)
	}
	pickAll := func(of func(sample) map[string]float64) map[string]float64 {
		all := map[string]float64{}
		for _, s := range samples {
			for name := range of(s) {
				all[name] = pick(func(s sample) float64 { return of(s)[name] })
			}
		}
		return all
	}
	return figures{
		Group: group, Variant: variant,
		Rate:   pick(func(s sample) float64 { return s.Rate }),
		P50:    pick(func(s sample) float64 { return s.P50 }),
		P99:    pick(func(s sample) float64 { return s.P99 }),
		CPU:    pickAll(func(s sample) map[string]float64 { return s.CPU }),
		Memory: pickAll(func(s sample) map[string]float64 { return s.Memory }),
		Values: pickAll(func(s sample) map[string]float64 { return s.Values }),
	}
}

// printRow prints what one group has shown.
func (r *report) printRow(out io.Writer, group string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\tops/s\tp50 ms\tp99 ms\tCPU s/10k ops\tpeak MiB\t\n", group)
	for _, f := range r.Figures {
		if f.Group == group {
			fmt.Fprintf(w, "  %s\t%.0f\t%s\t%s\t%s\t%s\t%s\n", f.Variant, f.Rate, short(f.P50), short(f.P99), list(f.CPU, "%.2f"), list(f.Memory, "%.0f"), list(f.Values, "%.4g"))
		}
	}
	_ = w.Flush()
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, one := range r.Rows {
		if one.Group == group {
			one.print(w)
		}
	}
	_ = w.Flush()
}

func (r *report) printSummary(out io.Writer) {
	fmt.Fprintf(out, "\n%d runs of %.1f s each, %d cores, %s; took %s\n", r.Runs, r.Seconds, r.Cores, r.Go, r.Took)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tAGAINST\tMEDIAN\tOF\tTARGET\t")
	for _, one := range r.Rows {
		one.print(w)
	}
	_ = w.Flush()
}

func (o *row) print(w io.Writer) {
	unit, against := " "+o.Unit, "–"
	if o.Against != "" {
		unit, against = " ×", o.Against
	}
	target, met := "", ""
	switch {
	case o.AtLeast > 0:
		target = "≥ " + short(o.AtLeast)
	case o.AtMost > 0:
		target = "≤ " + short(o.AtMost)
	}
	if o.Met != nil {
		met = "missed"
		if *o.Met {
			met = "reached"
		}
	}
	fmt.Fprintf(w, "%s\t%s\t%s%s\t%s–%s\t%s\t%s\n", o.What, against, short(o.Value), unit, short(slices.Min(o.Values)), short(slices.Max(o.Values)), target, met)
}

// short has three digits that count.
func short(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.*f", max(0, 2-int(math.Floor(math.Log10(math.Max(math.Abs(v), 0.1))))), v)
}

func list(values map[string]float64, format string) string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name + " " + fmt.Sprintf(format, values[name])
	}
	return strings.Join(parts, ", ")
}
