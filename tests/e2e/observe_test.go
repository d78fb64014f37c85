package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/observe"
)

const (
	clientTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan   = "00f067aa0ba902b7"
	payloadMark  = "Zyzzyva Imports" // only in the body of a command
	natsPassword = "swordfish-77"    // the server asks for none, and takes any
)

func traceparent(trace string) string { return "00-" + trace + "-" + clientSpan + "-01" }

// observedPlatform runs with traces, JSON lines of every level, and secrets in its URLs.
func observedPlatform(t testing.TB, r *receiver) *platform {
	t.Helper()
	p := newPlatform(t, localtest.Postgres(t))
	p.startNATS()
	p.natsURL = strings.Replace(p.natsURL, "nats://", "nats://user:"+natsPassword+"@", 1)
	p.env = []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.url, "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
		"ORCHESTRIX_LOG_LEVEL=debug", "ORCHESTRIX_LOG_FORMAT=json",
	}
	p.startServices()
	p.awaitReady()
	return p
}

const shipment = `{"shipped_at":"2026-01-05","carrier":"Speedy"}`

const observedOrder = `{"customer_id":"ZYZZY","customer_name":"` + payloadMark + `","country":"Chile","ordered_at":"2026-01-02",
	"required_at":"2026-01-30","freight":"1.00","lines":[{"product_id":"1","product":"Chai","unit_price":"18.00","quantity":2,"discount":"0"}]}`

func TestOneTraceGoesThroughAllServices(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	p := observedPlatform(t, r)
	placed := p.post("order/traced/place", observedOrder, "traceparent", traceparent(clientTrace), "Idempotency-Key", "place-traced")
	p.get("/v1/views/order-summary/traced", "Orchestrix-Position", placed.Header.Get("Orchestrix-Position"), "traceparent", traceparent(clientTrace))

	t.Run("trace", func(t *testing.T) {
		eventually(t, "the trace is whole", func() error { return checkTree(r.of(clientTrace)) })
	})
	t.Run("problem", func(t *testing.T) {
		const trace = "5bf92f3577b34da6a3ce929d0e0e4737"
		a, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/unheard-of/ship", shipment, "traceparent", traceparent(trace))
		if err != nil || a.Status != http.StatusUnprocessableEntity || a.field("trace_id") != trace {
			t.Errorf("%v: %v", err, a)
		}
		eventually(t, "a rejection is in its trace, and is no fault", func() error {
			server, err := child(r.of(trace), "orchestrix-command", "POST /v1/commands/{category}/{id}/{command}", clientSpan)
			if err != nil {
				return err
			}
			execute, err := child(r.of(trace), "orchestrix-command", "execute", server.id)
			if err != nil {
				return err
			}
			if execute.attributes["orchestrix.outcome"] != "rejected" || execute.failed {
				return fmt.Errorf("the span is %+v", execute)
			}
			load, err := child(r.of(trace), "orchestrix-command", "load", execute.id)
			if err != nil {
				return err
			}
			_, err = child(r.of(trace), "orchestrix-command", "SELECT", load.id) // of the snapshot
			return err
		})
	})
	t.Run("later", func(t *testing.T) { checkLater(t, p, r) })
	t.Run("lines", func(t *testing.T) { checkLines(t, p, r) })
	t.Run("metrics", func(t *testing.T) { checkMetrics(t, p) })
	t.Run("secrets", func(t *testing.T) { checkSecrets(t, p, r) })
}

// checkTree checks the trace of the command and of the read that waited for it.
func checkTree(spans []span) error {
	const command, projection, query = "orchestrix-command", "orchestrix-projection", "orchestrix-query"
	server, err := child(spans, command, "POST /v1/commands/{category}/{id}/{command}", clientSpan)
	if err != nil {
		return err
	}
	execute, err := child(spans, command, "execute", server.id)
	if err != nil {
		return err
	}
	if _, err := child(spans, command, "decide", execute.id); err != nil {
		return err
	}
	appended, err := child(spans, command, "append", execute.id)
	if err != nil {
		return err
	}
	sent, err := child(spans, command, "send *", appended.id)
	if err != nil {
		return err
	}
	if sent.kind != "PRODUCER" || sent.attributes["messaging.operation.type"] != "send" || sent.attributes["messaging.system"] == "" {
		return fmt.Errorf("the commit was sent by %+v", sent)
	}
	for _, view := range []string{"order-summary", "sales-by-country", "sales-by-customer", "product-sales"} {
		if err := checkProcessed(spans, projection, view, sent.id); err != nil {
			return err
		}
	}
	for _, s := range spans {
		if strings.HasPrefix(s.name, "process") && strings.Contains(s.name, "account") {
			return fmt.Errorf("a view that has nothing to do with the commit has a span: %+v", s)
		}
	}
	read, err := child(spans, query, "GET /v1/views/{view}/{key}", clientSpan)
	if err != nil {
		return err
	}
	if _, err = child(spans, query, "batch*", read.id); err != nil { // it reads the position of the view first
		_, err = child(spans, query, "SELECT", read.id) // or the view was there already
	}
	return err
}

// checkProcessed checks that the view's transaction is in the trace, or linked to it where it held other commits too.
func checkProcessed(spans []span, service, view, sent string) error {
	processed, err := child(spans, service, "process "+view, sent)
	if err != nil {
		return err
	}
	if processed.kind != "CONSUMER" || processed.attributes["messaging.operation.type"] != "process" {
		return fmt.Errorf("the view was written by %+v", processed)
	}
	if len(processed.links) > 0 {
		return nil
	}
	_, err = child(spans, service, "batch*", processed.id)
	return err
}

// checkLater checks that a command that is taken for later is executed in the trace of its request.
func checkLater(t *testing.T, p *platform, r *receiver) {
	t.Helper()
	if logInPostgres() {
		t.Skip("there is no bus where the log is in Postgres")
	}
	const trace, command = "7bf92f3577b34da6a3ce929d0e0e4739", "orchestrix-command"
	a, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/traced/ship", shipment,
		"traceparent", traceparent(trace), "Idempotency-Key", "ship-traced", "Prefer", "respond-async")
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("%v: %v", err, a)
	}
	eventually(t, "the trace continues over the bus", func() error {
		spans := r.of(trace)
		server, err := child(spans, command, "POST /v1/commands/{category}/{id}/{command}", clientSpan)
		if err != nil {
			return err
		}
		last := server
		for _, name := range []string{"send orx.cmd", "process command", "execute", "append", "send *"} {
			if last, err = child(spans, command, name, last.id); err != nil {
				return err
			}
		}
		return checkProcessed(spans, "orchestrix-projection", "order-summary", last.id)
	})
}

// checkLines checks that the log lines of the rejected command name its spans and its stream.
func checkLines(t *testing.T, p *platform, r *receiver) {
	t.Helper()
	const trace = "6bf92f3577b34da6a3ce929d0e0e4738"
	_, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/traced/place", observedOrder, "traceparent", traceparent(trace), "Idempotency-Key", "logged")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both lines of the request are there", func() error { return findLines(p.command.log.String(), trace, "request", "request failed") })
	for _, line := range linesOf(t, p.command.log.String(), trace) {
		for name, want := range map[string]string{"tenant": "default", "command_id": "logged", "correlation_id": "logged", "service": "command"} {
			if line[name] != want {
				t.Errorf("%s is %v, not %s, in %v", name, line[name], want, line)
			}
		}
		eventually(t, "the line's span is in the trace", func() error {
			for _, s := range r.of(trace) {
				if s.id == line["span_id"] {
					return nil
				}
			}
			return fmt.Errorf("no span %v", line["span_id"])
		})
	}
}

// findLines looks for lines of a trace by their message.
func findLines(log, trace string, messages ...string) error {
	for _, message := range messages {
		found := false
		for line := range strings.Lines(log) {
			found = found || strings.Contains(line, trace) && strings.Contains(line, `"msg":"`+message+`"`)
		}
		if !found {
			return fmt.Errorf("no line %q of trace %s", message, trace)
		}
	}
	return nil
}

// linesOf reads the lines of a trace. Every line of the log has to be JSON.
func linesOf(t *testing.T, log, trace string) (found []map[string]any) {
	t.Helper()
	for text := range strings.Lines(log) {
		if !strings.HasSuffix(text, "\n") {
			break // it is being written
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("a line is no JSON: %s", text)
		}
		if line["trace_id"] == trace {
			found = append(found, line)
		}
	}
	return found
}

// checkMetrics checks that every service's metrics are in the contract, and that a histogram has an exemplar with a trace.
func checkMetrics(t *testing.T, p *platform) {
	t.Helper()
	labels := map[string][]string{}
	for _, m := range observe.Contract() {
		labels[m.Name] = m.Labels
	}
	seen := map[string]bool{}
	for _, health := range []string{p.commandHealth, p.projectionHealth, p.queryHealth} {
		a, err := request(t.Context(), http.MethodGet, health+"/metrics", "")
		if err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(string(a.Body)))
		if err != nil {
			t.Fatalf("%s/metrics: %v", health, err)
		}
		for name, family := range families {
			seen[name] = true
			if want, ours := labels[name]; strings.HasPrefix(name, "orchestrix_") && (!ours || len(family.Metric[0].Label) != len(want)) {
				t.Errorf("%s has %v: the contract says %v", name, family.Metric[0].Label, want)
			}
		}
	}
	for _, name := range []string{
		"orchestrix_commands_total", "orchestrix_appends_total", "orchestrix_aggregate_loads_total", "orchestrix_cached_aggregates",
		"orchestrix_projection_lag_commits", "orchestrix_projection_lag_seconds", "orchestrix_projection_batch_commits",
		"orchestrix_http_requests_total", "orchestrix_postgres_connections", "orchestrix_build_info", "go_goroutines", "process_cpu_seconds_total",
	} {
		if !seen[name] {
			t.Errorf("no service shows %s", name)
		}
	}
	a, err := request(t.Context(), http.MethodGet, p.commandHealth+"/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0")
	exemplar := regexp.MustCompile(`orchestrix_command_duration_seconds_bucket\{category="order",command="place",le="[^"]+"\} \d+ # \{trace_id="[0-9a-f]{32}"\} \d`)
	if err != nil || !strings.HasSuffix(string(a.Body), "# EOF\n") || !exemplar.Match(a.Body) {
		t.Errorf("no exemplar with a trace in OpenMetrics: %v\n%s", err, a.Body)
	}
}

// checkSecrets checks that neither log lines nor spans nor metrics hold a password or the body of a command.
func checkSecrets(t *testing.T, p *platform, r *receiver) {
	t.Helper()
	secrets := []string{payloadMark, "ZYZZY", natsPassword}
	if database, err := url.Parse(p.databaseURL); err == nil && database.User != nil {
		if password, ok := database.User.Password(); ok {
			secrets = append(secrets, password)
		}
	}
	texts := map[string]string{"spans": r.everything()}
	for _, service := range p.services() {
		texts["the log of "+service.name] = service.log.String()
	}
	for _, health := range []string{p.commandHealth, p.projectionHealth, p.queryHealth} {
		a, err := request(t.Context(), http.MethodGet, health+"/metrics", "")
		if err != nil {
			t.Fatal(err)
		}
		texts[health+"/metrics"] = string(a.Body)
	}
	for where, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %q is there", where, secret)
			}
		}
	}
}
