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

// Metric describes a metric. Its name, type and labels are a contract: dashboards, alerts and scalers depend on them.
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

// Contract returns every metric of Orchestrix, sorted by name. A scrape also holds those of the Go runtime and the process.
func Contract() []Metric {
	all := slices.Clone(contract)
	slices.SortFunc(all, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// The commands.
var (
	commands        = define(Counter, "commands_total", "Commands by result.", "category", "command", "outcome")
	commandDuration = define(Histogram, "command_duration_seconds", "Time from a command's arrival at the executor to its result.", "category", "command")
	appends         = define(Counter, "appends_total", "Appends to the log by result: stored, conflict or failed.", "category", "outcome")
	appendDuration  = define(Histogram, "append_duration_seconds", "Time of one append, its retries included.", "category")
	appendRetries   = define(Counter, "append_retries_total", "Commits published again because the log did not answer.", "category")
	logNoise        = define(Counter, "log_noise_total", "Messages in the log that are no commits, each time a reader or an append has passed over one.", "partition")
	ambiguousAcks   = define(Counter, "append_ambiguous_acks_total", "Appends whose answer was lost, so that their result was read from the log.", "category")
	conflictRetries = define(Counter, "command_conflicts_total", "Attempts of commands that were repeated because another writer was faster.", "category")
	loads           = define(Counter, "aggregate_loads_total",
		"Aggregates loaded for a command, by the source of their state: cache, guess (assumed to be new, correctly), "+
			"refresh (cache or snapshot, and newer commits of other writers), snapshot (confirmed by the log or not) or log.", "category", "source")
	loadDuration = define(Histogram, "aggregate_load_duration_seconds", "Time of one load of an aggregate that was neither cached nor correctly assumed to be new.", "category", "source")
	cached       = define(Gauge, "cached_aggregates", "Aggregates in memory.")
	snapshots    = define(Counter, "snapshots_total", "Snapshots by result: written, rejected (read, but not usable) or dropped (not written).", "outcome")
)

// The projections.
var (
	projectionPosition = define(Gauge, "projection_position", "Sequence of the newest commit applied to the view.", "view", "build", "partition")
	projectionLag      = define(Gauge, "projection_lag_commits", "Commits of the partition that are not yet applied to the view.", "view", "build", "partition")
	projectionLagTime  = define(Gauge, "projection_lag_seconds", "Upper bound of the age, in seconds, of the oldest commit not yet applied.", "view", "build", "partition")
	projectionState    = define(Gauge, "projection_state", "1 for the state of the partition in this instance: elsewhere, following, retrying, halted or idle.", "view", "build", "partition", "state")
	projectionParked   = define(Gauge, "projection_parked_events", "Events that the view could not apply, without those queued behind them.", "view", "build")
	projectionBuilt    = define(Gauge, "projection_rebuild_ratio", "Share of the log that a build in progress has applied, from 0 to 1.", "view", "build")
	projectionCommits  = define(Counter, "projection_commits_total", "Commits applied to a view.", "view")
	projectionBatch    = define(Histogram, "projection_batch_commits", "Commits in one transaction.", "view")
	projectionDuration = define(Histogram, "projection_batch_duration_seconds", "Time of one transaction: read, fold, write, commit.", "view")
	projectionFailures = define(Counter, "projection_failures_total", "Transactions that failed and are retried.", "view")
)

// HTTP, Postgres and NATS.
var (
	httpRequests  = define(Counter, "http_requests_total", "Requests by route and status.", "method", "route", "status")
	httpDuration  = define(Histogram, "http_request_duration_seconds", "Time of one request.", "method", "route")
	httpInFlight  = define(Gauge, "http_requests_in_flight", "Requests in flight, with those that wait for a position.")
	httpWaiting   = define(Gauge, "http_requests_waiting", "Requests that wait for a position.")
	httpBytes     = define(Gauge, "http_bytes_in_flight", "Bytes of bodies and answers in flight, beyond the first 16 KiB of each.")
	httpMaxBytes  = define(Gauge, "http_bytes_in_flight_max", "Maximum of the bytes in flight; above it, 503.")
	poolConns     = define(Gauge, "postgres_connections", "Connections to Postgres by state: idle or in_use.", "state")
	poolMax       = define(Gauge, "postgres_connections_max", "Maximum number of connections to Postgres.")
	poolAcquires  = define(Counter, "postgres_acquires_total", "Connections acquired from the pool.")
	poolWaits     = define(Counter, "postgres_acquire_waits_total", "Acquisitions that had to wait for a connection.")
	poolWaitTime  = define(Counter, "postgres_acquire_wait_seconds_total", "Time spent on waiting for connections.")
	natsConns     = define(Gauge, "nats_connections", "Established connections to NATS.")
	natsReconnect = define(Counter, "nats_reconnects_total", "Reconnections to NATS.")
	buildInfo     = define(Gauge, "build_info", "1, with the version of this program as labels.", "service", "version", "revision", "go_version")
)

// buckets of histograms, by metric; default: durations.
var buckets = map[string][]float64{
	projectionBatch.Name: {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
}

// durations are buckets from the time of a cached command to the maximum time of a request; in seconds.
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
