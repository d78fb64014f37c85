package runtime_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"orchestrix/shared/core"
	"orchestrix/shared/es"
	"orchestrix/shared/port"
	"orchestrix/shared/runtime"
	"orchestrix/shared/runtime/command"
)

// A counter is the smallest aggregate that can reject a command.
type counter struct {
	Total int `json:"total"`
}

type (
	add     struct{ N int }
	stumble struct{} // its decide function panics
	added   struct{ N int }
)

func (c counter) add(cmd add) ([]core.Event, error) {
	if c.Total+cmd.N < 0 {
		return es.Reject("counter-negative", "%d can't go down by %d", c.Total, -cmd.N)
	}
	if cmd.N == 0 {
		return es.Accept()
	}
	return es.Accept(added(cmd))
}

func (c counter) stumble(stumble) ([]core.Event, error) { panic("broken on purpose") }

func (c counter) added(e added) counter { return counter{Total: c.Total + e.N} }

func counterModule(policy core.SnapshotPolicy) es.Module {
	return es.Module{Name: "counting", Deciders: []es.DeciderDef{es.Decider[counter]{
		Category: "counter",
		Decide:   es.Commands[counter]{es.Handle("add", counter.add), es.Handle("stumble", counter.stumble)},
		Evolve:   es.Events[counter]{es.Apply("Added", counter.added)},
		Snapshot: policy,
	}}}
}

func counterRegistry(t testing.TB) *core.Registry {
	t.Helper()
	registry, err := es.NewRegistry(counterModule(core.SnapshotPolicy{}))
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func counterStream(id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "counter", ID: id}
}

func addCommand(stream, id string, n int) runtime.Command {
	return runtime.Command{
		Stream: counterStream(stream), Name: "add", ID: id, Body: json.RawMessage(fmt.Sprintf(`{"N":%d}`, n)),
	}
}

func newExecutor(t testing.TB, log port.EventStore, snapshots port.Snapshots, config command.Config) *command.Executor {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	x, err := command.NewExecutor(counterRegistry(t), log, snapshots, config)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
