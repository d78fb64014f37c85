package observe

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// LogHandler adds the attributes of the line's context: trace_id, span_id, tenant, command_id and correlation_id, if known.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		r.AddAttrs(slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String()))
	}
	q := core.RequestOf(ctx)
	for _, field := range [...]struct{ name, value string }{
		{"tenant", q.Tenant}, {"command_id", q.CommandID}, {"correlation_id", q.CorrelationID},
	} {
		if field.value != "" {
			r.AddAttrs(slog.String(field.name, field.value))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
