package observe

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// flushTimeout is the time limit for exporting the last spans.
const flushTimeout = 5 * time.Second

// StartTraces exports the spans of this program under a service's name, as the standard OTEL_* variables configure it, until
// stop is called; stop flushes the last ones. If neither OTEL_TRACES_EXPORTER nor OTEL_EXPORTER_OTLP_… is set, no spans are
// recorded.
func StartTraces(ctx context.Context, service string, logger *slog.Logger) (stop func(), err error) {
	if !wanted(os.Environ()) {
		return func() {}, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: check the OTEL_* variables: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(service), semconv.ServiceNamespace("orchestrix"), semconv.ServiceVersion(thisBuild().version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv(), // the environment overrides
	)
	if err != nil {
		return nil, fmt.Errorf("traces: check OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.Warn("spans are lost", "error", err)
	}))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	// OTEL_TRACES_SAMPLER configures the sampler; default: every trace, unless the caller has decided not to sample it.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	tracing.SetProvider(provider)
	return func() {
		tracing.SetProvider(nil)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			logger.WarnContext(ctx, "the last spans are lost", "error", err)
		}
	}, nil
}

// wanted reports whether the environment asks for traces.
func wanted(environ []string) bool {
	exporter, endpoint := "", false
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case value == "":
		case name == "OTEL_SDK_DISABLED" && strings.EqualFold(value, "true"):
			return false
		case name == "OTEL_TRACES_EXPORTER":
			exporter = value
		case name == "OTEL_EXPORTER_OTLP_ENDPOINT" || name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":
			endpoint = true
		}
	}
	return exporter != "" && exporter != "none" || exporter == "" && endpoint
}

// PostgresTracer records a span for every statement within a recorded trace; nil if spans are not recorded. A span holds the
// statement, never its parameters.
func PostgresTracer() *otelpgx.Tracer {
	if !tracing.Enabled() {
		return nil
	}
	return otelpgx.NewTracer(otelpgx.WithDisableAcquireTracer())
}
