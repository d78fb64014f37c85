package tracing

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// on is set while spans are recorded.
var on atomic.Bool

// SetProvider records all spans of this program with a provider from now on; nil stops recording.
func SetProvider(provider trace.TracerProvider) {
	on.Store(provider != nil)
	if provider != nil {
		otel.SetTracerProvider(provider)
	}
}

// SamplesNew reports whether the sampler of this program keeps a new trace.
func SamplesNew(ctx context.Context) bool {
	if !Enabled() {
		return false
	}
	_, trial := start(ctx, "trial", trace.WithNewRoot()) // a span that never ends is not exported
	return trial.SpanContext().IsSampled()
}
