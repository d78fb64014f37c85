package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/loadgen"
)

// point is the latency at one rate.
type point struct {
	Rate, P50, P99 float64
}

// curve is how the latency of one variant grows with its load.
type curve struct {
	name   string
	points []point
}

// draw measures latency at rising rates, open-loop, and draws it. Each program goes up to its own highest rate.
func (b *bench) draw(ctx context.Context, file string) (err error) {
	progress("latency against throughput, sync always")
	s := b.scope()
	defer func() { err = errors.Join(err, s.close()) }()
	all, err := s.writers(ctx, syncAlways, standardPartitions, connections)
	if err != nil {
		return err
	}
	var curves []curve
	for _, name := range []string{ours, bareHandler, rowHandler} {
		w := all[name]
		highest, err := load(ctx, loadOptions(b.settings.duration()), w.procs, w.fresh())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c := curve{name: name}
		for _, share := range []float64{0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1} {
			got, err := load(ctx, loadgen.Options{Concurrency: connections, Rate: share * highest.Rate, Duration: b.settings.duration()}, w.procs, w.fresh())
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			c.points = append(c.points, point{Rate: got.Rate, P50: got.P50, P99: got.P99})
		}
		curves = append(curves, c)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	err = errors.Join(writeSVG(out, curves), out.Close())
	if err == nil {
		progress("drawn: %s", file)
	}
	return err
}

// The picture, in pixels.
const (
	width, height            = 760, 440
	left, right, top, bottom = 70, 210, 30, 50
)

var colours = []string{"#0b6bcb", "#c2410c", "#4d7c0f", "#7e22ce"}

// writeSVG draws the curves: solid for the median, dashed for p99, latency on a logarithmic scale.
func writeSVG(out io.Writer, curves []curve) error {
	least, most, fastest := math.Inf(1), 0.0, 0.0
	for _, c := range curves {
		for _, p := range c.points {
			least, most, fastest = math.Min(least, p.P50), math.Max(most, p.P99), math.Max(fastest, p.Rate)
		}
	}
	low, high := math.Floor(math.Log10(math.Max(least, 0.01))), math.Ceil(math.Log10(math.Max(most, 0.1)))
	x := func(rate float64) float64 { return left + rate/fastest*(width-left-right) }
	y := func(ms float64) float64 {
		return top + (high-math.Log10(math.Max(ms, 0.01)))/(high-low)*(height-top-bottom)
	}
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
<text x="%d" y="%d" text-anchor="middle">operations a second</text>
<text x="16" y="%d" text-anchor="middle" transform="rotate(-90 16 %[5]d)">latency, ms</text>
`, width, height, (left+width-right)/2, height-10, (top+height-bottom)/2)
	for decade := low; decade <= high; decade++ {
		at := y(math.Pow(10, decade))
		fmt.Fprintf(out, "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
			left, at, width-right, left-6, at+4, math.Pow(10, decade))
	}
	for i := range 6 {
		rate := fastest * float64(i) / 5
		fmt.Fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", x(rate), height-bottom+18, rate)
	}
	for i, c := range curves {
		colour := colours[i%len(colours)]
		line := func(dash string, of func(point) float64) {
			fmt.Fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" d=\"", colour, dash)
			for j, p := range c.points {
				fmt.Fprintf(out, "%c%.1f %.1f", "ML"[min(j, 1)], x(p.Rate), y(of(p)))
			}
			fmt.Fprintln(out, `"/>`)
		}
		line("none", func(p point) float64 { return p.P50 })
		line("4 3", func(p point) float64 { return p.P99 })
		fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n", width-right+12, top+20+20*i, colour, c.name)
	}
	fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\">solid p50, dashed p99</text>\n<text x=\"%[1]d\" y=\"%[3]d\" fill=\"#666\">%[4]s</text>\n",
		width-right+12, top+30+20*len(curves), top+50+20*len(curves), time.Now().Format(time.DateOnly))
	_, err := fmt.Fprintln(out, "</svg>")
	return err
}
