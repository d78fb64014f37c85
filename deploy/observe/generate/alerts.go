package main

// alert is a rule of Prometheus. Its runbook is the section of its name in docs/operations.md.
type alert struct {
	name, expr, wait string
	severity         string // "page": act now; "ticket": act soon
	summary          string
}

var alerts = []alert{
	{"CommandServiceMissing", `absent(orchestrix_build_info{service="command"})`, "2m", "page", "No command service runs: commands are not accepted."},
	{"QueryServiceMissing", `absent(orchestrix_build_info{service="query"})`, "2m", "page", "No query service runs: nothing can be read."},
	{"ProjectionServiceMissing", `absent(orchestrix_build_info{service="projection"})`, "2m", "page", "No projection service runs: views are not updated."},
	{"ProcessServiceMissing", `absent(orchestrix_build_info{service="process"})`, "5m", "ticket", "No process service runs: processes do not react."},

	{"CommandsFail", `sum(rate(orchestrix_commands_total{outcome=~"unavailable|failed"}[5m])) / sum(rate(orchestrix_commands_total[5m])) > 0.01`, "5m", "page",
		"{{ $value | humanizePercentage }} of all commands fail because of the platform."},
	{"CommandsSlow", `histogram_quantile(0.99, sum by (le) (rate(orchestrix_command_duration_seconds_bucket[5m]))) > 1`, "10m", "ticket",
		"1 % of all commands take more than {{ $value | humanizeDuration }}."},
	{"CommandsConflict", `sum by (category) (rate(orchestrix_commands_total{outcome="conflict"}[5m])) > 0.1`, "10m", "ticket",
		"Commands on {{ $labels.category }} are rejected with a conflict after all retries."},
	{"RequestsTurnedAway", `sum by (job) (rate(orchestrix_http_requests_total{status="503"}[5m])) > 1`, "5m", "page", "{{ $labels.job }} answers 503."},
	{"AppendsAnsweredLate", `sum(rate(orchestrix_append_ambiguous_acks_total[5m])) > 0.1`, "10m", "ticket", "Appends time out, so that their results have to be looked up in the log."},
	{"NoiseInLog", `sum by (job, partition) (increase(orchestrix_log_noise_total[15m])) > 0 or max by (job, partition) (orchestrix_log_noise_total unless orchestrix_log_noise_total offset 15m) > 0`, "1m", "ticket",
		"Messages that are no commits are in partition {{ $labels.partition }} of the log: who wrote them?"},
	{"SnapshotsDropped", `sum(increase(orchestrix_snapshots_total{outcome="dropped"}[15m])) > 0`, "15m", "ticket", "Snapshots are not written: loads of aggregates outside the cache get slow."},
	{"SnapshotsRejected", `sum(increase(orchestrix_snapshots_total{outcome="rejected"}[15m])) > 10`, "15m", "ticket", "Snapshots cannot be used, so that streams are replayed from the start."},

	{"ProjectionBehind", `max by (view, build, partition) (orchestrix_projection_lag_seconds) > 60 unless on (view, build) orchestrix_projection_rebuild_ratio`, "5m", "page",
		"View {{ $labels.view }} is {{ $value | humanizeDuration }} behind in partition {{ $labels.partition }}."},
	{"ProjectionHalted", `max by (view, build, partition) (orchestrix_projection_state{state="halted"}) == 1`, "1m", "page",
		"View {{ $labels.view }} was built from another log than the present one."},
	{"ProjectionRetrying", `max by (view, build, partition) (orchestrix_projection_state{state="retrying"}) == 1`, "5m", "ticket",
		"View {{ $labels.view }} can't be written in partition {{ $labels.partition }}; the projection service retries."},
	{"ProjectionUnowned", `max by (view, build, partition) (orchestrix_projection_state{state=~"following|retrying|halted|idle"}) == 0`, "2m", "page",
		"No worker holds partition {{ $labels.partition }} of view {{ $labels.view }}."},
	{"EventsParked", `max by (view, build) (orchestrix_projection_parked_events) > 0`, "1m", "ticket", "View {{ $labels.view }} could not apply {{ $value }} events."},
	{"RebuildStalled", `max by (view, build) (orchestrix_projection_rebuild_ratio) < 1 and max by (view, build) (delta(orchestrix_projection_rebuild_ratio[30m])) <= 0`, "30m", "ticket",
		"The new build of view {{ $labels.view }} makes no progress."},

	{"ProcessesParked", `max by (process) (orchestrix_process_instances{status="parked"}) > 0`, "1m", "ticket", "{{ $value }} instances of process {{ $labels.process }} are parked."},
	{"ProcessesBehind", `max by (partition) (orchestrix_projection_lag_seconds{view="process-runner"}) > 60`, "5m", "page", "Processes react late in partition {{ $labels.partition }}."},
	{"DeadlinesLate", `max by (process) (orchestrix_deadlines_late) > 0`, "2m", "page", "{{ $value }} deadlines of process {{ $labels.process }} are due and have not fired."},
	{"DeadlinesHandledLate", `histogram_quantile(0.99, sum by (le, process) (rate(orchestrix_deadline_lateness_seconds_bucket[10m]))) > 20`, "5m", "ticket", "Deadlines of process {{ $labels.process }} wake their instances late."},
	{"DeadLetters", `max by (topic, group) (orchestrix_bus_dead_letters) > 0`, "1m", "ticket", "{{ $value }} messages of topic {{ $labels.topic }} could not be handled."},

	{"NATSConnectionLost", `min by (job, instance) (orchestrix_nats_connections) == 0`, "1m", "page", "{{ $labels.instance }} has no connection to NATS."},
	{"NATSStorageFull", `jetstream_server_total_message_bytes / (jetstream_server_max_storage > 0) > 0.8`, "15m", "page", "JetStream on {{ $labels.server_name }} is {{ $value | humanizePercentage }} full."},
	{"PostgresPoolExhausted", `sum by (job) (rate(orchestrix_postgres_acquire_waits_total[5m])) / sum by (job) (rate(orchestrix_postgres_acquires_total[5m])) > 0.5`, "10m", "ticket",
		"{{ $labels.job }} waits for connections to Postgres."},
	{"PostgresConnectionsUsedUp", `sum by (instance) (pg_stat_database_numbackends) / max by (instance) (pg_settings_max_connections) > 0.9`, "5m", "page",
		"Postgres has few connections left."},
}
