package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// One request for a transfer is one trace: through the command service, the process service, over the bus to the command
// service again, and into the views.
func TestATraceGoesThroughAProcess(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip("processes need the bus, and there is none where the log is in Postgres")
	}
	r := startReceiver(t)
	p := observedPlatform(t, r)
	health := "http://" + localtest.FreeAddr(t)
	processes := p.startService("process", "", health)
	awaitStatus(t, health+"/readyz", http.StatusOK)
	for _, account := range []string{"ada", "bob"} {
		p.post("account/"+account+"/open", `{"owner":"`+account+`","currency":"EUR"}`)
	}
	p.post("account/ada/deposit", `{"amount":"100"}`)
	const trace = "8bf92f3577b34da6a3ce929d0e0e4740"
	p.post("transfer/t-1/request", `{"from":"ada","to":"bob","amount":"25","currency":"EUR"}`, "traceparent", traceparent(trace))
	eventually(t, "the transfer is one trace", func() error { return checkTransfer(r.of(trace)) })

	a, err := request(t.Context(), http.MethodGet, health+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"orchestrix_commands_total", "orchestrix_bus_published_total", "orchestrix_bus_deliveries_total", "orchestrix_bus_in_flight_messages",
		"orchestrix_projection_lag_commits", "orchestrix_nats_connections",
	} {
		if families[name] == nil {
			t.Errorf("the process service does not show %s", name)
		}
	}
	for text := range strings.Lines(processes.log.String()) {
		if strings.Contains(text, natsPassword) {
			t.Errorf("a password is in the log: %s", text)
		}
	}
}

// checkTransfer follows the way of the first command that the transfer's process sends.
func checkTransfer(spans []span) error {
	const command, process, projection = "orchestrix-command", "orchestrix-process", "orchestrix-projection"
	last, err := child(spans, command, "POST /v1/commands/{category}/{id}/{command}", clientSpan)
	if err != nil {
		return err
	}
	for _, step := range []struct{ service, name string }{
		{command, "execute"}, {command, "append"}, {command, "send ORX_EVENTS_*"},
		{process, "process transfer"}, {process, "execute"}, {process, "append"}, {process, "send ORX_EVENTS_*"},
		{process, "process transfer effects"}, {process, "send orx.cmd"},
		{command, "process command"}, {command, "execute"}, {command, "append"}, {command, "send ORX_EVENTS_*"},
	} {
		if last, err = child(spans, step.service, step.name, last.id); err != nil {
			return err
		}
	}
	if err := checkProcessed(spans, projection, "account-balance", last.id); err != nil {
		return err
	}
	for _, s := range spans {
		if s.failed {
			return fmt.Errorf("a span failed: %+v", s)
		}
	}
	return nil
}
