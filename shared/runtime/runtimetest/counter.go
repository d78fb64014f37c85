package runtimetest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// Counter is the smallest aggregate that can reject a command.
type Counter struct {
	Total int `json:"total"`
}

// Add is a command.
type Add struct{ N int }

// Stumble is a command whose decide function panics.
type Stumble struct{}

// Added is the event of a counter.
type Added struct{ N int }

func (c Counter) add(cmd Add) ([]core.Event, error) {
	if c.Total+cmd.N < 0 {
		return es.Reject("counter-negative", "%d can't go down by %d", c.Total, -cmd.N)
	}
	if cmd.N == 0 {
		return es.Accept()
	}
	return es.Accept(Added(cmd))
}

func (c Counter) stumble(Stumble) ([]core.Event, error) { panic("broken on purpose") }

func (c Counter) added(e Added) Counter { return Counter{Total: c.Total + e.N} }

// CounterModule is a module with the aggregate Counter alone.
func CounterModule(policy core.SnapshotPolicy) es.Module {
	return es.Module{Name: "counting", Deciders: []es.DeciderDef{es.Decider[Counter]{
		Category: "counter",
		Decide:   es.Commands[Counter]{es.Handle("add", Counter.add), es.Handle("stumble", Counter.stumble)},
		Evolve:   es.Events[Counter]{es.Apply("Added", Counter.added)},
		Snapshot: policy,
	}}}
}

// CounterRegistry returns the registry of [CounterModule].
func CounterRegistry(t testing.TB) *core.Registry {
	t.Helper()
	return NewRegistry(t, CounterModule(core.SnapshotPolicy{}))
}

// CounterStream returns the stream of a counter of the default tenant.
func CounterStream(id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "counter", ID: id}
}

// AddCommand returns the command that adds n to a counter.
func AddCommand(stream, id string, n int) runtime.Command {
	return runtime.Command{
		Stream: CounterStream(stream), Name: "add", ID: id, Body: json.RawMessage(fmt.Sprintf(`{"N":%d}`, n)),
		Origin: core.Origin{Sender: port.CommandSender},
	}
}

// NewExecutor returns an executor of counters without log lines.
func NewExecutor(t testing.TB, log port.EventStore, snapshots port.Snapshots, config command.Config) *command.Executor {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	x, err := command.NewExecutor(CounterRegistry(t), log, snapshots, config)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// MustExecute executes a command that must be accepted.
func MustExecute(t testing.TB, x *command.Executor, c runtime.Command) runtime.Result {
	t.Helper()
	result, err := x.Execute(t.Context(), c)
	if err != nil {
		t.Errorf("%s %s: %v", c.Name, c.ID, err)
	}
	return result
}

// NewRegistry returns the registry of these modules.
func NewRegistry(t testing.TB, modules ...es.Module) *core.Registry {
	t.Helper()
	registry, err := compile.Modules(modules...)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}
