package observe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

var (
	order    = core.Stream{Tenant: core.DefaultTenant, Category: "order", ID: "1"}
	transfer = core.Stream{Tenant: core.DefaultTenant, Category: "process-transfer", ID: "7"}
	quick    = core.RetryPolicy{Backoff: core.Fixed, First: time.Millisecond, Limit: 3}
)

// useBus sends three messages: one is done, one fails once, one becomes a dead letter. It returns the traces of their
// handlers.
func useBus(ctx context.Context, m *observe.Metrics) ([]string, error) {
	bus := m.Bus(memory.NewBus())
	for i := range 3 {
		to := order
		to.ID = fmt.Sprint(i)
		if err := bus.Publish(ctx, port.CommandTopic, port.Message{ID: fmt.Sprintf("m%d", i), Sender: "shop", Name: "act", To: to, Data: []byte("{}")}); err != nil {
			return nil, err
		}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	traces := make(chan string, 4)
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Subscribe(running, port.CommandTopic, port.Subscription{Group: "command", Retry: quick, MaxInFlight: 1}, func(ctx context.Context, d port.Delivery) error {
			traces <- tracing.ID(ctx)
			switch {
			case d.ID == "m1" && d.Attempt == 1:
				return errors.New("not yet")
			case d.ID == "m2":
				return port.Terminate(errors.New("never"))
			}
			return nil
		})
	}()
	var seen []string
	for range cap(traces) {
		select {
		case id := <-traces:
			seen = append(seen, id)
		case err := <-ended:
			return nil, fmt.Errorf("the subscription ended: %w", err)
		case <-time.After(time.Minute):
			return nil, errors.New("a message was not handled")
		}
	}
	stop()
	return seen, <-ended
}

// stuck are deadlines of which one is pending and one is late.
type stuck struct{ port.Deadlines }

func (stuck) PendingDeadlines(context.Context, port.DeadlineQuery) ([]port.Deadline, error) {
	return []port.Deadline{{Of: transfer, Name: "late", At: time.Now().Add(-time.Hour)}, {Of: transfer, Name: "pending", At: time.Now().Add(time.Hour)}}, nil
}

// useDeadlines lets one deadline fire.
func useDeadlines(ctx context.Context, m *observe.Metrics) error {
	deadlines := m.Deadlines(stuck{memory.NewDeadlines()})
	if err := deadlines.SetDeadline(ctx, port.Deadline{Of: transfer, Name: "fires", ID: "fires", At: time.Now()}); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	fired, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- deadlines.Due(running, port.Subscription{Group: "process", Retry: quick}, func(context.Context, port.Deadline) error {
			fired <- struct{}{}
			return nil
		})
	}()
	select {
	case <-fired:
	case <-time.After(time.Minute):
		return errors.New("no deadline fired")
	}
	stop()
	return <-ended
}

// instances is the view of processes with one parked instance.
type instances struct{ port.ViewReader }

func (instances) List(_ context.Context, _, _ string, q core.ListQuery) (core.Page, error) {
	if q.Filter[0].Value != string(processes.StatusParked) {
		return core.Page{}, nil
	}
	return core.Page{Items: []core.Document{{Key: processes.DocumentKey("transfer", "7")}}}, nil
}

func useProcesses(m *observe.Metrics) error {
	registry, err := compile.Modules()
	if err != nil {
		return err
	}
	log := memory.NewLog(1)
	executor, err := command.NewExecutor(registry, log, nil, command.Config{})
	if err != nil {
		return err
	}
	m.Processes(process.NewRunner(registry, log, executor, memory.NewViews(), memory.NewBus(), memory.NewDeadlines(), process.Config{}), instances{})
	return nil
}

func TestABusIsCountedAndCarriesTheTrace(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("test")
	traces, err := useBus(trace.ContextWithSpanContext(t.Context(), sampled), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range traces {
		if id != sampled.TraceID().String() {
			t.Errorf("a handler was in trace %q, the message was sent in %s", id, sampled.TraceID())
		}
	}
	m.Bus(memory.NewBus()) // another service of the same program: shared state is read once
	text := scrape(t, m, "text/plain")
	for _, want := range []string{
		`orchestrix_bus_published_total{outcome="stored",topic="cmd"} 3`,
		`orchestrix_bus_deliveries_total{group="command",outcome="done",topic="cmd"} 2`,
		`orchestrix_bus_deliveries_total{group="command",outcome="failed",topic="cmd"} 1`,
		`orchestrix_bus_deliveries_total{group="command",outcome="terminated",topic="cmd"} 1`,
		`orchestrix_bus_redeliveries_total{group="command",topic="cmd"} 1`,
		`orchestrix_bus_in_flight_messages{group="command",topic="cmd"} 0`,
		`orchestrix_bus_dead_letters{group="command",topic="cmd"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line\n%s", want)
		}
	}
}

func TestDeadlinesAndProcessesAreCounted(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("test")
	if err := errors.Join(useDeadlines(t.Context(), m), useProcesses(m)); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, m, "text/plain")
	for _, want := range []string{
		`orchestrix_deadlines_fired_total{process="transfer"} 1`,
		`orchestrix_deadline_lateness_seconds_count{process="transfer"} 1`,
		`orchestrix_deadlines_late{process="transfer"} 1`,
		`orchestrix_deadlines_pending{process="transfer"} 2`,
		`orchestrix_process_instances{process="transfer",status="parked"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line\n%s", want)
		}
	}
}
