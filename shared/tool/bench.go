package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/loadgen"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	url, data, get string
	concurrency    int
	rate           float64
	duration       time.Duration
	count, ids     int64
	json           bool
	dev            *devFinder
}

func newBench(dev *devFinder) *cobra.Command {
	o := benchOptions{dev: dev}
	command := &cobra.Command{
		Use:   "bench CATEGORY/ID/COMMAND",
		Short: "Put load on a running platform and measure rate and latency",
		Long: `Put load on a running platform and measure rate and latency.

Each request is one command, whose body is read from --data. In the id and in the body, {} is replaced by a value for
each request: with --ids N it cycles through N numbers, so that commands go to existing aggregates; without it each
request has a new id.

Without --rate, each of --concurrency connections sends its next request when it has its answer (closed loop). With
--rate, requests are due at that rate, independently of earlier requests, and latency counts from the time at which a
request was due (open loop): a platform that is too slow shows as waiting time.

With --get, the requests read a path of the query service instead.`,
		Example: dev.example("bench 'order/{}/place' --data order.json --duration 30s",
			"bench 'account/a{}/deposit' --data deposit.json --ids 1000 --rate 500",
			"bench --get '/v1/views/order-summary/{}' --ids 1000"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBench(cmd.Context(), o, args, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.url, "url", "", "URL of the service (default: ORCHESTRIX_COMMAND_URL, with --get ORCHESTRIX_QUERY_URL, or the dev that runs, or this machine)")
	dev.flag(flags)
	flags.StringVar(&o.data, "data", "", "file with the body of the command; - is standard input")
	flags.StringVar(&o.get, "get", "", "read this path instead of sending commands")
	flags.IntVar(&o.concurrency, "concurrency", 16, "connections, 1 to 4096")
	flags.Float64Var(&o.rate, "rate", 0, "requests per second (open loop); 0: closed loop")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "duration of the run; 0: until --count or Ctrl-C")
	flags.Int64Var(&o.count, "count", 0, "maximum number of requests; 0: no limit")
	flags.Int64Var(&o.ids, "ids", 0, "cycle through this many ids, from 0; 0: a new id for each request")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	return command
}

func runBench(ctx context.Context, o benchOptions, args []string, in io.Reader, out io.Writer) error {
	load, err := o.load(args, in)
	if err != nil {
		return err
	}
	clients := make([]*loadgen.Client, o.concurrency)
	for i := range clients {
		if clients[i], err = loadgen.NewClient(load.url); err != nil {
			return err
		}
		defer clients[i].Close()
	}
	result := benchResult{Statuses: map[string]int64{}}
	statuses := make([]map[int]int64, o.concurrency)
	for i := range statuses {
		statuses[i] = map[int]int64{}
	}
	run := loadgen.Options{Concurrency: o.concurrency, Rate: o.rate, Duration: o.duration, Count: o.count}
	r := loadgen.Run(ctx, run, func(ctx context.Context, worker int, n int64) error {
		status, err := load.send(ctx, clients[worker], n)
		if status != 0 {
			statuses[worker][status]++
		}
		return err
	})
	for _, counted := range statuses {
		for status, n := range counted {
			result.Statuses[strconv.Itoa(status)] += n
		}
	}
	result.fill(r)
	if err := result.print(out, o.json); err != nil {
		return err
	}
	if r.Failed > 0 {
		return fmt.Errorf("%d requests failed, the first with: %w", r.Failed, r.Err)
	}
	return nil
}

// benchLoad is the request to send.
type benchLoad struct {
	url, method, path, body string
	ids                     int64
	run                     string // prefix of the ids of this run
}

func (o benchOptions) load(args []string, in io.Reader) (benchLoad, error) {
	if o.concurrency < 1 || o.concurrency > 4096 {
		return benchLoad{}, fmt.Errorf("--concurrency is %d, it may be 1 to 4096", o.concurrency)
	}
	if o.rate < 0 || o.duration < 0 || o.count < 0 || o.ids < 0 {
		return benchLoad{}, errors.New("--rate, --duration, --count and --ids can't be negative")
	}
	l := benchLoad{ids: o.ids, run: strings.ReplaceAll(uuid.NewString(), "-", "")[:12]}
	if o.get != "" {
		if len(args) > 0 || o.data != "" {
			return l, errors.New("--get takes neither a command nor --data")
		}
		var err error
		l.url, err = o.dev.url(o.url, "ORCHESTRIX_QUERY_URL", queryURL, defaultQueryURL)
		l.method, l.path = http.MethodGet, o.get
		return l, err
	}
	if len(args) == 0 || strings.Count(args[0], "/") != 2 || o.data == "" {
		return l, errors.New("name a command, such as 'order/{}/place', and its body with --data; or a path to read with --get")
	}
	var err error
	if l.url, err = o.dev.url(o.url, "ORCHESTRIX_COMMAND_URL", commandURL, defaultCommandURL); err != nil {
		return l, err
	}
	l.method, l.path = http.MethodPost, "/v1/commands/"+args[0]
	body, err := readData(o.data, in)
	l.body = string(body)
	return l, err
}

const defaultQueryURL = "http://127.0.0.1:8081"

func readData(path string, in io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(in)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("can't read the body: %w", err)
	}
	return body, nil
}

// send sends request n and returns the status of the answer; 0 if there was no answer.
func (l *benchLoad) send(ctx context.Context, c *loadgen.Client, n int64) (int, error) {
	id := l.run + "-" + strconv.FormatInt(n, 10)
	if l.ids > 0 {
		id = strconv.FormatInt(n%l.ids, 10)
	}
	r, err := c.Request(l.method, strings.ReplaceAll(l.path, "{}", id), http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return 0, err
	}
	if l.body != "" {
		body := strings.ReplaceAll(l.body, "{}", id)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	answer, err := c.Do(ctx, r)
	if err != nil {
		return 0, err
	}
	if answer.Status != http.StatusOK {
		text, _ := problemText(answer.Body)
		return answer.Status, fmt.Errorf("status %d: %s", answer.Status, text)
	}
	return answer.Status, nil
}

// benchResult is the printed result.
type benchResult struct {
	Requests int64              `json:"requests"` // accepted ones
	Failed   int64              `json:"failed"`
	Seconds  float64            `json:"seconds"`
	Rate     float64            `json:"rate"`
	Latency  map[string]float64 `json:"latency_ms"` // by percentile
	Statuses map[string]int64   `json:"statuses"`
}

var percentiles = []float64{50, 90, 99, 99.9, 100}

func (b *benchResult) fill(r *loadgen.Report) {
	b.Requests, b.Failed, b.Seconds, b.Rate = r.Done, r.Failed, r.Elapsed.Seconds(), r.Rate()
	b.Latency = map[string]float64{}
	for _, p := range percentiles {
		b.Latency[strconv.FormatFloat(p, 'g', -1, 64)] = float64(r.Latency(p).Microseconds()) / 1000
	}
}

func (b *benchResult) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b)
	}
	fmt.Fprintf(out, "%d requests in %.1f s: %.0f a second, %d failed\n", b.Requests, b.Seconds, b.Rate, b.Failed)
	for _, p := range percentiles {
		name := strconv.FormatFloat(p, 'g', -1, 64)
		fmt.Fprintf(out, "  p%-5s %10.3f ms\n", name, b.Latency[name])
	}
	for status, n := range b.Statuses {
		fmt.Fprintf(out, "  status %s: %d\n", status, n)
	}
	return nil
}
