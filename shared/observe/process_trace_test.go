package observe_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// mirror is a process that repeats the counts of one tally on another.
var mirror = es.Process[struct{}]{
	Name: "mirror",
	On: es.Reactions[struct{}]{
		es.Start(func(_ counts, m core.Meta) string {
			if m.Stream.ID == "image" {
				return ""
			}
			return m.Stream.ID
		}, func(s struct{}, e counts, _ core.Meta) (struct{}, []processes.Effect) {
			return s, []processes.Effect{es.Send("image", count(e))}
		}),
		es.OnResult(func(s struct{}, _ count, _ core.CommandResult) (struct{}, []processes.Effect) {
			return s, []processes.Effect{es.After("soon", 0)}
		}),
		es.OnDeadline("soon", func(s struct{}, _ core.Meta) (struct{}, []processes.Effect) {
			return s, []processes.Effect{es.Complete()}
		}),
	},
}

// runMirror executes one command in ctx's trace, on a platform in memory, and returns when its process has ended.
func runMirror(ctx context.Context, t *testing.T) {
	t.Helper()
	registry, err := compile.Modules(es.Module{Name: "bench", Deciders: []es.DeciderDef{tallyDecider}, Processes: []es.ProcessDef{mirror}})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	metrics := observe.NewMetrics("test")
	log, views, bus, deadlines := memory.NewLog(1), memory.NewViews(), metrics.Bus(memory.NewBus()), metrics.Deadlines(memory.NewDeadlines())
	executor, err := command.NewExecutor(registry, log, nil, command.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	queue := async.NewWorker(registry, executor, bus, async.NewStatusStore(memory.NewKeyValue()), async.Config{
		Decode:  (*core.CommandType).Decode,
		Explain: func(err error) (runtime.Refusal, bool) { return runtime.Refusal{Detail: err.Error()}, false }, Logger: quiet,
	})
	runner := process.NewRunner(registry, log, executor, views, bus, deadlines, process.Config{Logger: quiet, System: "nats"})
	running, stop := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { _ = queue.Run(running) })
	parts.Go(func() { _ = runner.Run(running) })
	defer parts.Wait()
	defer stop()
	command := runtime.Command{Stream: core.Stream{Tenant: core.DefaultTenant, Category: "tally", ID: "a"}, Name: "count", ID: "c1", Body: []byte(`{"N":1}`)}
	if _, err := executor.Execute(ctx, command); err != nil {
		t.Fatal(err)
	}
	instance := core.Stream{Tenant: core.DefaultTenant, Category: "process-mirror", ID: "a"}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		found, err := runner.Instance(t.Context(), instance)
		if err == nil && found.Status == processes.StatusCompleted {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process is %+v, %v", found, err)
		}
	}
}

// This test is not parallel: the provider is global.
func TestAProcessGoesOnInTheTraceThatSetItOff(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tracing.SetProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	defer tracing.SetProvider(nil)
	ctx, client := otel.Tracer("test").Start(t.Context(), "client")
	runMirror(ctx, t)
	client.End()

	names := map[string]string{}
	for _, s := range recorder.Ended() {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	ways := map[string]bool{} // from the client to each span
	for _, s := range recorder.Ended() {
		if s.SpanContext().TraceID() != client.SpanContext().TraceID() {
			t.Errorf("%s is in a trace of its own", s.Name())
		}
		ways[wayTo(recorder.Ended(), s)] = true
	}
	const effects = "client > execute > append > process mirror > execute > append > process mirror effects > send orx.cmd > process command"
	for _, want := range []string{
		effects + " > execute > append",
		effects + " > send orx.out > process process > execute > append",
		effects + " > send orx.out > process process > execute > append > process process > execute > append", // the deadline
	} {
		if !ways[want] {
			t.Errorf("no span at the end of\n%s\namong\n%s", want, strings.Join(slices.Sorted(maps.Keys(ways)), "\n"))
		}
	}
}

func wayTo(all []sdktrace.ReadOnlySpan, s sdktrace.ReadOnlySpan) string {
	for _, parent := range all {
		if parent.SpanContext().SpanID() == s.Parent().SpanID() {
			return wayTo(all, parent) + " > " + s.Name()
		}
	}
	return s.Name()
}
