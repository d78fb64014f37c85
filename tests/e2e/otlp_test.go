package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver collects the spans of the services: OTLP over HTTP.
type receiver struct {
	url string

	mu    sync.Mutex
	spans []span
	raw   bytes.Buffer // all requests
}

// span holds the parts of a span that the tests check.
type span struct {
	service, name, kind, trace, id, parent string
	attributes                             map[string]string
	links                                  []string // traces
	failed                                 bool
}

func startReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if err := r.take(request); err != nil {
			t.Errorf("a request of the exporter: %v", err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) take(request *http.Request) error {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	if err != nil || request.URL.Path != "/v1/traces" {
		return fmt.Errorf("%s: %w", request.URL.Path, err)
	}
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(text, &export); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw.Write(text)
	for _, resource := range export.ResourceSpans {
		service := attributesOf(resource.Resource.Attributes)["service.name"]
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, spanOf(service, s))
			}
		}
	}
	return nil
}

func spanOf(service string, s *otlp.Span) span {
	result := span{
		service: service, name: s.Name, kind: strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"), trace: hex.EncodeToString(s.TraceId),
		id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId), attributes: attributesOf(s.Attributes),
		failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR,
	}
	for _, link := range s.Links {
		result.links = append(result.links, hex.EncodeToString(link.TraceId))
	}
	return result
}

func attributesOf(pairs []*common.KeyValue) map[string]string {
	attributes := map[string]string{}
	for _, pair := range pairs {
		switch value := pair.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			attributes[pair.Key] = value.StringValue
		case *common.AnyValue_IntValue:
			attributes[pair.Key] = fmt.Sprint(value.IntValue)
		}
	}
	return attributes
}

// of returns the spans of a trace.
func (r *receiver) of(trace string) (spans []span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.trace == trace {
			spans = append(spans, s)
		}
	}
	return spans
}

func (r *receiver) everything() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw.String()
}

// child finds a span by its service, its name and its parent; the name may end with "*".
func child(spans []span, service, name, parent string) (span, error) {
	start, open := strings.CutSuffix(name, "*")
	for _, s := range spans {
		if s.service == service && s.parent == parent && (s.name == name || open && strings.HasPrefix(s.name, start)) {
			return s, nil
		}
	}
	var names []string
	for _, s := range spans {
		names = append(names, fmt.Sprintf("%s: %s %s (%s in %s)", s.service, s.kind, s.name, s.id, s.parent))
	}
	return span{}, fmt.Errorf("no span %q of %s under %s among\n%s", name, service, parent, strings.Join(names, "\n"))
}
