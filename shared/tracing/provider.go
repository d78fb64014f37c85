package tracing

import (
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// on is set while spans are kept.
var on atomic.Bool

// Use hands all spans of this program to a provider from now on; nil ends that.
func Use(provider trace.TracerProvider) {
	on.Store(provider != nil)
	if provider != nil {
		otel.SetTracerProvider(provider)
	}
}
