package observe_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/observe"
)

// contract lists the names and labels that dashboards, alerts and scalers depend on: a change here breaks them.
const contract = `
orchestrix_aggregate_load_duration_seconds histogram category source
orchestrix_aggregate_loads_total counter category source
orchestrix_append_ambiguous_acks_total counter category
orchestrix_append_duration_seconds histogram category
orchestrix_append_retries_total counter category
orchestrix_appends_total counter category outcome
orchestrix_build_info gauge service version revision go_version
orchestrix_bus_dead_letters gauge topic group
orchestrix_bus_deliveries_total counter topic group outcome
orchestrix_bus_handle_duration_seconds histogram topic group
orchestrix_bus_in_flight_messages gauge topic group
orchestrix_bus_published_total counter topic outcome
orchestrix_bus_redeliveries_total counter topic group
orchestrix_cached_aggregates gauge
orchestrix_command_conflicts_total counter category
orchestrix_command_duration_seconds histogram category command
orchestrix_commands_total counter category command outcome
orchestrix_deadline_lateness_seconds histogram process
orchestrix_deadlines_fired_total counter process
orchestrix_deadlines_late gauge process
orchestrix_deadlines_pending gauge process
orchestrix_http_bytes_in_flight gauge
orchestrix_http_bytes_in_flight_max gauge
orchestrix_http_request_duration_seconds histogram method route
orchestrix_http_requests_in_flight gauge
orchestrix_http_requests_waiting gauge
orchestrix_http_requests_total counter method route status
orchestrix_log_noise_total counter partition
orchestrix_nats_connections gauge
orchestrix_nats_reconnects_total counter
orchestrix_postgres_acquire_wait_seconds_total counter
orchestrix_postgres_acquire_waits_total counter
orchestrix_postgres_acquires_total counter
orchestrix_postgres_connections gauge state
orchestrix_postgres_connections_max gauge
orchestrix_process_instances gauge process status
orchestrix_projection_batch_commits histogram view
orchestrix_projection_batch_duration_seconds histogram view
orchestrix_projection_commits_total counter view
orchestrix_projection_failures_total counter view
orchestrix_projection_lag_commits gauge view build partition
orchestrix_projection_lag_seconds gauge view build partition
orchestrix_projection_parked_events gauge view build
orchestrix_projection_position gauge view build partition
orchestrix_projection_rebuild_ratio gauge view build
orchestrix_projection_state gauge view build partition state
orchestrix_snapshots_total counter outcome
`

func line(m observe.Metric) string {
	return strings.Join(append([]string{m.Name, string(m.Kind)}, m.Labels...), " ")
}

func TestTheContractIsKept(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, m := range observe.Contract() {
		lines = append(lines, line(m))
	}
	want := strings.Split(strings.TrimSpace(contract), "\n")
	for _, l := range want {
		if !slices.Contains(lines, l) {
			t.Errorf("missing: %s", l)
		}
	}
	for _, l := range lines {
		if !slices.Contains(want, l) {
			t.Errorf("not in the contract: %s", l)
		}
	}
}

func TestNamesFollowTheConventions(t *testing.T) {
	t.Parallel()
	for _, m := range observe.Contract() {
		if counts := strings.HasSuffix(m.Name, "_total"); counts != (m.Kind == observe.Counter) {
			t.Errorf("%s is a %s", m.Name, m.Kind)
		}
		for _, unit := range []string{"_ms", "_millis", "_minutes", "_kb", "_mb", "_percent"} {
			if strings.Contains(m.Name, unit) {
				t.Errorf("%s is not in base units", m.Name)
			}
		}
		for _, label := range m.Labels {
			// A label with a value per aggregate, request or client would grow without bound.
			if slices.Contains([]string{"id", "stream", "key", "tenant", "command_id", "correlation_id", "trace_id", "path"}, label) {
				t.Errorf("%s has the label %s", m.Name, label)
			}
		}
	}
}

func TestTheDocumentListsEveryMetric(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for l := range strings.Lines(string(text)) {
		if strings.HasPrefix(l, "| `orchestrix_") {
			rows[strings.TrimSpace(l)] = true
		}
	}
	for _, m := range observe.Contract() {
		labels := "–"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		row := fmt.Sprintf("| `%s` | %s | %s | %s |", m.Name, m.Kind, labels, m.Help)
		if !rows[row] {
			t.Errorf("docs/metrics.md lacks this row:\n%s", row)
		}
		delete(rows, row)
	}
	for row := range rows {
		t.Errorf("docs/metrics.md has a row too many:\n%s", row)
	}
}
