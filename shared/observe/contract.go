package observe

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind is the type of a metric.
type Kind string

// The types of metrics.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Metric describes a metric. Its name, type and labels are a contract: dashboards, alerts and scalers rest on them.
type Metric struct {
	Name   string
	Kind   Kind
	Help   string
	Labels []string
}

var contract []Metric

func define(kind Kind, name, help string, labels ...string) Metric {
	m := Metric{Name: "orchestrix_" + name, Kind: kind, Help: help, Labels: labels}
	contract = append(contract, m)
	return m
}

// Contract lists every metric of Orchestrix, by name. Beside them there are those of the Go runtime and of the process.
func Contract() []Metric {
	all := slices.Clone(contract)
	slices.SortFunc(all, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// The commands.
var (
	commands        = define(Counter, "commands_total", "Commands by what came of them.", "category", "command", "outcome")
	commandDuration = define(Histogram, "command_duration_seconds", "Time from a command's arrival at the executor to its result.", "category", "command")
	appends         = define(Counter, "appends_total", "Appends to the log by what came of them: stored, conflict or failed.", "category", "outcome")
	appendDuration  = define(Histogram, "append_duration_seconds", "Time of one append, its retries included.", "category")
	appendRetries   = define(Counter, "append_retries_total", "Commits that were published once more because the log did not answer.", "category")
	ambiguousAcks   = define(Counter, "append_ambiguous_acks_total", "Appends whose answer was lost, and whose outcome was looked up.", "category")
	conflictRetries = define(Counter, "command_conflicts_total", "Times that a command was decided again because another writer was faster.", "category")
	loads           = define(Counter, "aggregate_loads_total", "Aggregates made ready for a command, by where their state came from: cache, guess (it was taken for new, and was), refresh (cache or snapshot, and what others wrote since), snapshot (with or without a look at the log) or log.", "category", "source")
	loadDuration    = define(Histogram, "aggregate_load_duration_seconds", "Time of one load that neither the cache nor a guess could spare.", "category", "source")
	cached          = define(Gauge, "cached_aggregates", "Aggregates in memory.")
	snapshots       = define(Counter, "snapshots_total", "Snapshots by what came of them: written, rejected (read, but of no use) or dropped (not written).", "outcome")
)

// The projections.
var (
	projectionPosition = define(Gauge, "projection_position", "Sequence of the newest commit that the view holds.", "view", "build", "partition")
	projectionLag      = define(Gauge, "projection_lag_commits", "Commits that the partition holds and the view does not.", "view", "build", "partition")
	projectionLagTime  = define(Gauge, "projection_lag_seconds", "For at most how long the oldest of those commits has been there.", "view", "build", "partition")
	projectionState    = define(Gauge, "projection_state", "1 for what this instance does with the partition: elsewhere, following, retrying, halted or idle.", "view", "build", "partition", "state")
	projectionParked   = define(Gauge, "projection_parked_events", "Events that the view could not apply, without those that wait behind them.", "view", "build")
	projectionBuilt    = define(Gauge, "projection_rebuild_ratio", "How much of the log a build that is being built has, from 0 to 1.", "view", "build")
	projectionCommits  = define(Counter, "projection_commits_total", "Commits applied to a view.", "view")
	projectionBatch    = define(Histogram, "projection_batch_commits", "Commits in one transaction.", "view")
	projectionDuration = define(Histogram, "projection_batch_duration_seconds", "Time of one transaction: read, fold, write, commit.", "view")
	projectionFailures = define(Counter, "projection_failures_total", "Transactions that failed and are tried again.", "view")
)

// HTTP, and what the services stand on.
var (
	httpRequests  = define(Counter, "http_requests_total", "Requests by route and status.", "method", "route", "status")
	httpDuration  = define(Histogram, "http_request_duration_seconds", "Time of one request.", "method", "route")
	httpInFlight  = define(Gauge, "http_requests_in_flight", "Requests that are being worked on.")
	poolConns     = define(Gauge, "postgres_connections", "Connections to Postgres by state: idle or in_use.", "state")
	poolMax       = define(Gauge, "postgres_connections_max", "Connections to Postgres that there may be.")
	poolAcquires  = define(Counter, "postgres_acquires_total", "Times that a connection was taken from the pool.")
	poolWaits     = define(Counter, "postgres_acquire_waits_total", "Times that a connection had to be waited for.")
	poolWaitTime  = define(Counter, "postgres_acquire_wait_seconds_total", "Time spent on waiting for connections.")
	natsConns     = define(Gauge, "nats_connections", "Connections to NATS that stand.")
	natsReconnect = define(Counter, "nats_reconnects_total", "Times that the connection to NATS came back.")
	buildInfo     = define(Gauge, "build_info", "1, with what this program was built from.", "service", "version", "revision", "go_version")
)

// buckets of histograms, by metric; where there are none, those of durations.
var buckets = map[string][]float64{
	projectionBatch.Name: {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
}

// durations go from what a cached command takes to what a request may take at most; in seconds.
var durations = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

func (m Metric) bucketsOf() []float64 {
	if b, ok := buckets[m.Name]; ok {
		return b
	}
	return durations
}

func (m Metric) counter(r prometheus.Registerer) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
	r.MustRegister(v)
	return v
}

func (m Metric) gauge(r prometheus.Registerer) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
	r.MustRegister(v)
	return v
}

func (m Metric) histogram(r prometheus.Registerer) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.bucketsOf()}, m.Labels)
	r.MustRegister(v)
	return v
}

func (m Metric) desc() *prometheus.Desc { return prometheus.NewDesc(m.Name, m.Help, m.Labels, nil) }
