// Package observe exports metrics, traces and log lines: Prometheus, the exporters of OpenTelemetry, and log/slog.
//
// [NewMetrics] returns the metrics of one program. [Metrics.Bus], [Metrics.Deadlines] and [HTTP.Handler] decorate a port or a
// handler with spans and metrics; [Commands] and [Projections] implement the observers of the engine; the other methods of
// [Metrics] add values that are read at each scrape. [StartTraces] exports spans, and [LogHandler] adds the trace and the ids
// of a request to its log lines. [Contract] lists every metric: names, types and labels do not change.
package observe
