package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	quick   bool
	runs    int
	seconds float64
	only    string
	output  string
	svg     string
	profile string
	verbose bool
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(runRole(role))
	}
	var s settings
	flag.BoolVar(&s.quick, "quick", false, "less of everything: under 3 minutes instead of half an hour, and rougher")
	flag.IntVar(&s.runs, "runs", 0, "interleaved runs of each row; their median counts (default 5, quick 3)")
	flag.Float64Var(&s.seconds, "seconds", 0, "length of one run (default 3, quick 0.5)")
	flag.StringVar(&s.only, "only", "", "rows to measure, separated by commas")
	flag.StringVar(&s.output, "o", "table", "table or json")
	flag.StringVar(&s.svg, "svg", "", "also draw latency against throughput into this file")
	flag.StringVar(&s.profile, "profile", "", "take a CPU profile of each service, in one more run of each row, into this directory")
	flag.BoolVar(&s.verbose, "v", false, "show what the services print")
	list := flag.Bool("list", false, "list the rows")
	flag.Parse()
	if *list {
		for _, g := range groups {
			fmt.Printf("%-12s %s\n", g.name, g.about)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, s.withDefaults(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (s settings) withDefaults() settings {
	standard := settings{runs: 5, seconds: 3}
	if s.quick {
		standard = settings{runs: 3, seconds: 0.5}
	}
	if s.runs <= 0 {
		s.runs = standard.runs
	}
	if s.seconds <= 0 {
		s.seconds = standard.seconds
	}
	return s
}

// scale is how many of something there are: fewer where it has to be quick.
func (s settings) scale(full, quick int) int {
	if s.quick {
		return quick
	}
	return full
}

func (s settings) duration() time.Duration { return time.Duration(s.seconds * float64(time.Second)) }

// chosen are the groups that -only names.
func (s settings) chosen() ([]group, error) {
	if s.only == "" {
		return groups, nil
	}
	var chosen []group
	for name := range strings.SplitSeq(s.only, ",") {
		before := len(chosen)
		for _, g := range groups {
			if g.name == strings.TrimSpace(name) {
				chosen = append(chosen, g)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("-only: there is no row %q; -list shows them", name)
		}
	}
	return chosen, nil
}

func run(ctx context.Context, s settings, out io.Writer) (err error) {
	if !slices.Contains([]string{"table", "json"}, s.output) {
		return fmt.Errorf("-o is %q, it may be table or json", s.output)
	}
	chosen, err := s.chosen()
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	report := newReport(s)
	for _, g := range chosen {
		progress("%s: %s", g.name, g.about)
		measured, err := b.measure(ctx, g)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		report.add(g, measured)
		if s.output == "table" {
			report.printRow(out, g.name)
		}
	}
	if s.svg != "" {
		if err := b.draw(ctx, s.svg); err != nil {
			return err
		}
	}
	report.Took = time.Since(report.started).Round(time.Second).String()
	if s.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	report.printSummary(out)
	return nil
}

// progress prints a line with the time to standard error.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
