package main

// dashboard is one page of Grafana.
type dashboard struct {
	uid, title string
	panels     []panel
}

// panel shows some series. Its width is in 24ths of the page.
type panel struct {
	title, unit, about string
	kind               string // "timeseries" where empty, or "stat"
	width              int    // 12 where 0
	queries            []query
}

type query struct{ expr, legend string }

// Units of Grafana.
const (
	seconds   = "s"
	perSecond = "ops"
	percent   = "percentunit"
	number    = "short"
	inBytes   = "bytes"
)

// quantiles of a histogram, by some of its labels besides.
func quantiles(metric, selector, by string) (queries []query) {
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		group, legend := "le", "p"+q[2:]
		if by != "" {
			group, legend = "le, "+by, "{{"+by+"}} "+legend
		}
		queries = append(queries, query{"histogram_quantile(" + q + ", sum by (" + group + ") (rate(" + metric + "_bucket" + selector + "[$__rate_interval])))", legend})
	}
	return queries
}

// p99 is the slowest hundredth of a histogram, by a label.
func p99(metric, by string) []query {
	return []query{{"histogram_quantile(0.99, sum by (le, " + by + ") (rate(" + metric + "_bucket[$__rate_interval])))", "{{" + by + "}}"}}
}

// rates of a counter by a label.
func rates(metric, by string) []query {
	return []query{{"sum by (" + by + ") (rate(" + metric + "[$__rate_interval]))", "{{" + by + "}}"}}
}

func one(expr, legend string) []query { return []query{{expr, legend}} }

const lag = "max by (view, build, partition) (orchestrix_projection_lag_"

var dashboards = []dashboard{overview, commandPath, projections, processes, natsServer, postgresServer}

var overview = dashboard{uid: "orchestrix-overview", title: "Orchestrix / Overview", panels: []panel{
	{title: "Commands", kind: "stat", unit: perSecond, width: 4, queries: one("sum(rate(orchestrix_commands_total[$__rate_interval]))", "")},
	{title: "Commands that failed", kind: "stat", unit: percent, width: 4, about: "Unavailable and failed ones, of all.",
		queries: one(`(sum(rate(orchestrix_commands_total{outcome=~"unavailable|failed"}[$__rate_interval])) or 0 * sum(rate(orchestrix_commands_total[$__rate_interval]))) / sum(rate(orchestrix_commands_total[$__rate_interval]))`, "")},
	{title: "Slowest hundredth of commands", kind: "stat", unit: seconds, width: 4,
		queries: one("histogram_quantile(0.99, sum by (le) (rate(orchestrix_command_duration_seconds_bucket[$__rate_interval])))", "")},
	{title: "Views behind", kind: "stat", unit: seconds, width: 4, about: "The partition that is furthest behind.", queries: one("max(orchestrix_projection_lag_seconds)", "")},
	{title: "Parked events", kind: "stat", unit: number, width: 4, queries: one("sum(max by (view, build) (orchestrix_projection_parked_events))", "")},
	{title: "Dead letters", kind: "stat", unit: number, width: 4, queries: one(`sum(max by (topic, group) (orchestrix_bus_dead_letters)) or 0 * count(orchestrix_build_info{service="command"})`, "")},
	{title: "Commands by outcome", unit: perSecond, queries: rates("orchestrix_commands_total", "outcome")},
	{title: "Requests by status", unit: perSecond, queries: rates("orchestrix_http_requests_total", "status")},
	{title: "Time of requests", unit: seconds, queries: p99("orchestrix_http_request_duration_seconds", "route")},
	{title: "Requests in flight", unit: number, queries: one("sum by (job) (orchestrix_http_requests_in_flight)", "{{job}}")},
	{title: "Views behind, by view", unit: seconds, queries: one("max by (view) (orchestrix_projection_lag_seconds)", "{{view}}")},
	{title: "Instances", unit: number, about: "By service and version.", queries: one("count by (service, version) (orchestrix_build_info)", "{{service}} {{version}}")},
	{title: "CPU", unit: number, about: "Cores.", queries: one("sum by (job) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{job}}")},
	{title: "Memory", unit: inBytes, queries: one("sum by (job) (process_resident_memory_bytes)", "{{job}}")},
	{title: "Goroutines", unit: number, queries: one("sum by (job) (go_goroutines)", "{{job}}")},
	{title: "Garbage collection", unit: percent, about: "Share of the time in pauses.", queries: one("sum by (job) (rate(go_gc_duration_seconds_sum[$__rate_interval]))", "{{job}}")},
}}

var commandPath = dashboard{uid: "orchestrix-commands", title: "Orchestrix / Command path", panels: []panel{
	{title: "Commands", unit: perSecond, queries: one("sum by (category, command) (rate(orchestrix_commands_total[$__rate_interval]))", "{{category}}.{{command}}")},
	{title: "Outcomes", unit: perSecond, queries: rates("orchestrix_commands_total", "outcome")},
	{title: "Time of a command", unit: seconds, about: "From its arrival at the executor to its result. The dots are traces.", queries: quantiles("orchestrix_command_duration_seconds", "", "")},
	{title: "Slowest hundredth, by command", unit: seconds,
		queries: one("histogram_quantile(0.99, sum by (le, category, command) (rate(orchestrix_command_duration_seconds_bucket[$__rate_interval])))", "{{category}}.{{command}}")},
	{title: "Appends", unit: perSecond, queries: rates("orchestrix_appends_total", "outcome")},
	{title: "Time of an append", unit: seconds, queries: quantiles("orchestrix_append_duration_seconds", "", "")},
	{title: "Conflicts, retries, lost answers", unit: perSecond, about: "None of them is a loss: a conflict is decided again, a lost answer is looked up.", queries: []query{
		{"sum(rate(orchestrix_command_conflicts_total[$__rate_interval]))", "decided again"},
		{"sum(rate(orchestrix_append_retries_total[$__rate_interval]))", "published again"},
		{"sum(rate(orchestrix_append_ambiguous_acks_total[$__rate_interval]))", "answer lost"},
	}},
	{title: "Where states come from", unit: perSecond, queries: rates("orchestrix_aggregate_loads_total", "source")},
	{title: "Served without reading", unit: percent,
		queries: one(`sum(rate(orchestrix_aggregate_loads_total{source=~"cache|guess"}[$__rate_interval])) / sum(rate(orchestrix_aggregate_loads_total[$__rate_interval]))`, "")},
	{title: "Time of a load", unit: seconds, queries: p99("orchestrix_aggregate_load_duration_seconds", "source")},
	{title: "Aggregates in memory", unit: number, queries: one("sum by (instance) (orchestrix_cached_aggregates)", "{{instance}}")},
	{title: "Snapshots", unit: perSecond, queries: rates("orchestrix_snapshots_total", "outcome")},
}}

var projections = dashboard{uid: "orchestrix-projections", title: "Orchestrix / Projections and lag", panels: []panel{
	{title: "Behind, in seconds", unit: seconds, about: "At most so long ago the view held everything.", queries: one(lag+"seconds)", "{{view}} {{build}} p{{partition}}")},
	{title: "Behind, in commits", unit: number, queries: one(lag+"commits)", "{{view}} {{build}} p{{partition}}")},
	{title: "Commits applied", unit: perSecond, queries: rates("orchestrix_projection_commits_total", "view")},
	{title: "Growth of the log", unit: perSecond, about: "By partition, as the furthest view sees it.",
		queries: one("max by (partition) (rate(orchestrix_projection_position[$__rate_interval]))", "p{{partition}}")},
	{title: "Time of a transaction", unit: seconds, queries: p99("orchestrix_projection_batch_duration_seconds", "view")},
	{title: "Commits in a transaction", unit: number,
		queries: one("sum by (view) (rate(orchestrix_projection_batch_commits_sum[$__rate_interval])) / sum by (view) (rate(orchestrix_projection_batch_commits_count[$__rate_interval]))", "{{view}}")},
	{title: "Failed transactions", unit: perSecond, queries: rates("orchestrix_projection_failures_total", "view")},
	{title: "Parked events", unit: number, queries: one("max by (view, build) (orchestrix_projection_parked_events)", "{{view}} {{build}}")},
	{title: "Builds on their way", unit: percent, queries: one("max by (view, build) (orchestrix_projection_rebuild_ratio)", "{{view}} {{build}}")},
	{title: "What the instances do", unit: number, about: "Partitions by state. Those elsewhere are another instance's.",
		queries: one(`sum by (instance, state) (orchestrix_projection_state{state!="elsewhere"})`, "{{instance}} {{state}}")},
}}

var processes = dashboard{uid: "orchestrix-processes", title: "Orchestrix / Processes", panels: []panel{
	{title: "Instances", unit: number, queries: one("max by (process, status) (orchestrix_process_instances)", "{{process}} {{status}}")},
	{title: "Reactions", unit: perSecond, queries: one(`sum by (category, command) (rate(orchestrix_commands_total{category=~"process-.+"}[$__rate_interval]))`, "{{category}} {{command}}")},
	{title: "Behind, in commits", unit: number, about: "What the process runner has still to look at.", queries: one(`max by (partition) (orchestrix_projection_lag_commits{view="process-runner"})`, "p{{partition}}")},
	{title: "Deadlines", unit: number, queries: []query{
		{"sum by (process) (max by (process) (orchestrix_deadlines_pending))", "{{process}} pending"},
		{"sum by (process) (max by (process) (orchestrix_deadlines_late))", "{{process}} late"},
	}},
	{title: "Deadlines that passed", unit: perSecond, queries: rates("orchestrix_deadlines_fired_total", "process")},
	{title: "How late they were", unit: seconds, queries: p99("orchestrix_deadline_lateness_seconds", "process")},
	{title: "Messages sent", unit: perSecond, queries: one("sum by (topic, outcome) (rate(orchestrix_bus_published_total[$__rate_interval]))", "{{topic}} {{outcome}}")},
	{title: "Messages handled", unit: perSecond, queries: one("sum by (topic, outcome) (rate(orchestrix_bus_deliveries_total[$__rate_interval]))", "{{topic}} {{outcome}}")},
	{title: "Messages in flight", unit: number, queries: one("sum by (topic) (orchestrix_bus_in_flight_messages)", "{{topic}}")},
	{title: "Messages that came again", unit: perSecond, queries: rates("orchestrix_bus_redeliveries_total", "topic")},
	{title: "Time to handle a message", unit: seconds, queries: p99("orchestrix_bus_handle_duration_seconds", "topic")},
	{title: "Dead letters", unit: number, queries: one("max by (topic, group) (orchestrix_bus_dead_letters)", "{{topic}} {{group}}")},
}}

// natsServer needs the prometheus-nats-exporter beside each server, with -varz and -jsz=all.
var natsServer = dashboard{uid: "orchestrix-nats", title: "Orchestrix / NATS", panels: []panel{
	{title: "Connections of the services", unit: number, queries: one("sum by (job) (orchestrix_nats_connections)", "{{job}}")},
	{title: "Reconnects", unit: perSecond, queries: rates("orchestrix_nats_reconnects_total", "job")},
	{title: "Messages in and out", unit: perSecond, queries: []query{
		{"sum(rate(gnatsd_varz_in_msgs[$__rate_interval]))", "in"}, {"sum(rate(gnatsd_varz_out_msgs[$__rate_interval]))", "out"},
	}},
	{title: "Bytes in and out", unit: "Bps", queries: []query{
		{"sum(rate(gnatsd_varz_in_bytes[$__rate_interval]))", "in"}, {"sum(rate(gnatsd_varz_out_bytes[$__rate_interval]))", "out"},
	}},
	{title: "Events of the log", unit: number, about: "Messages of each partition.",
		queries: one(`max by (stream_name) (jetstream_stream_total_messages{stream_name=~"ORX_EVENTS_.+"})`, "{{stream_name}}")},
	{title: "Bytes of the log", unit: inBytes, queries: one(`max by (stream_name) (jetstream_stream_total_bytes{stream_name=~"ORX_EVENTS_.+"})`, "{{stream_name}}")},
	{title: "Storage used", unit: percent, queries: one("jetstream_server_total_message_bytes / (jetstream_server_max_storage > 0)", "{{server_name}}")},
	{title: "Consumers", unit: number, queries: one("sum by (stream_name) (jetstream_stream_consumer_count)", "{{stream_name}}")},
	{title: "Waiting in queues", unit: number, about: "Messages that no worker has got yet.", queries: one("sum by (stream_name) (jetstream_consumer_num_pending)", "{{stream_name}}")},
	{title: "Slow consumers", unit: number, queries: one("sum by (instance) (gnatsd_varz_slow_consumers)", "{{instance}}")},
	{title: "Memory", unit: inBytes, queries: one("gnatsd_varz_mem", "{{instance}}")},
	{title: "CPU", unit: "percent", queries: one("gnatsd_varz_cpu", "{{instance}}")},
}}

// postgresServer needs the postgres_exporter, with its default collectors.
var postgresServer = dashboard{uid: "orchestrix-postgres", title: "Orchestrix / Postgres", panels: []panel{
	{title: "Connections of the services", unit: number, queries: one("sum by (job, state) (orchestrix_postgres_connections)", "{{job}} {{state}}")},
	{title: "Waits for a connection", unit: percent, about: "Of all times that one was taken.",
		queries: one("sum by (job) (rate(orchestrix_postgres_acquire_waits_total[$__rate_interval])) / sum by (job) (rate(orchestrix_postgres_acquires_total[$__rate_interval]))", "{{job}}")},
	{title: "Time spent on waiting", unit: seconds, about: "Seconds in each second.", queries: rates("orchestrix_postgres_acquire_wait_seconds_total", "job")},
	{title: "Backends", unit: number, queries: []query{{"sum(pg_stat_database_numbackends)", "used"}, {"max(pg_settings_max_connections)", "allowed"}}},
	{title: "Transactions", unit: perSecond, queries: []query{
		{"sum(rate(pg_stat_database_xact_commit[$__rate_interval]))", "committed"}, {"sum(rate(pg_stat_database_xact_rollback[$__rate_interval]))", "rolled back"},
	}},
	{title: "Served by shared buffers", unit: percent,
		queries: one("sum(rate(pg_stat_database_blks_hit[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit[$__rate_interval])) + sum(rate(pg_stat_database_blks_read[$__rate_interval])))", "")},
	{title: "Rows written", unit: perSecond, queries: []query{
		{"sum(rate(pg_stat_database_tup_inserted[$__rate_interval]))", "inserted"}, {"sum(rate(pg_stat_database_tup_updated[$__rate_interval]))", "updated"},
		{"sum(rate(pg_stat_database_tup_deleted[$__rate_interval]))", "deleted"},
	}},
	{title: "Deadlocks", unit: perSecond, queries: one("sum by (datname) (rate(pg_stat_database_deadlocks[$__rate_interval]))", "{{datname}}")},
	{title: "Size", unit: inBytes, queries: one("pg_database_size_bytes", "{{datname}}")},
	{title: "Locks", unit: number, queries: one("sum by (mode) (pg_locks_count)", "{{mode}}")},
}}
