package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"
	"github.com/orchestrix-go/orchestrix/shared/problem"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// The process service is killed at each of its steps in turn, while it fulfils an order. The result is always the same,
// and no command takes effect twice.
func TestFulfilmentIsCutAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		stock  int
		price  string
		status processes.Status
	}{
		"fulfilled":    {100, "10", processes.StatusCompleted},
		"out of stock": {3, "10", processes.StatusFailed},
		"declined":     {100, "30000", processes.StatusFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := fmt.Sprintf(`{"customer_id":"c","customer_name":"n","country":"x","ordered_at":"2026-01-02","required_at":"2026-01-03",
				"freight":"1","fulfilment":"managed","lines":[{"product_id":"p","product":"n","unit_price":%q,"quantity":2,"discount":"0"},
				{"product_id":"q","product":"n","unit_price":"1","quantity":7,"discount":"0"}]}`, s.price)
			want := fulfil(t, place, s.stock, s.status, 0).history()
			for cut := 1; ; cut++ {
				f := fulfil(t, place, s.stock, s.status, cut)
				if got := f.history(); got != want {
					t.Errorf("cut at step %d (%s), the history is\n%s\nwithout a cut it is\n%s", cut, f.cutAt, got, want)
				}
				if f.cutAt == "" {
					t.Logf("%d cuts; the history is always\n%s", cut-1, want)
					return
				}
			}
		})
	}
}

// fulfilment is a platform in memory that fulfils one order, and a process service on it that may be killed.
type fulfilment struct {
	t        *testing.T
	registry *core.Registry
	schemas  *schema.Schemas
	log      port.Log
	views    port.ViewStore
	bus      port.MessageBus
	alarms   port.Deadlines
	executor *command.Executor

	mu    sync.Mutex
	steps int
	cut   int    // the number of the step at which to kill; 0: none
	cutAt string // the name of that step
}

var errKilled = errors.New("the process service was killed")

// fulfil places an order and waits until it is fulfilled or has failed. The process service is killed at its step number
// cut, and another one takes over.
func fulfil(t *testing.T, place string, stock int, status processes.Status, cut int) *fulfilment {
	t.Helper()
	f := &fulfilment{t: t, log: memory.NewLog(4), views: memory.NewViews(), bus: memory.NewBus(), alarms: memory.NewDeadlines(), cut: cut}
	var err error
	if f.registry, err = compile.Modules(ordering.Module()); err == nil {
		f.schemas, err = schema.New(f.registry)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.executor, err = f.newExecutor()
	if err != nil {
		t.Fatal(err)
	}
	queue := async.NewWorker(f.registry, f.executor, f.bus, async.NewStatusStore(memory.NewKeyValue()), async.Config{
		Decode: f.schemas.DecodeCommand, Explain: problem.Explain, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = queue.Run(ctx) })
	running.Go(func() { f.runProcesses(ctx) })
	f.execute("stock", "p", "receive", fmt.Sprintf(`{"quantity":%d}`, stock))
	f.execute("stock", "q", "receive", fmt.Sprintf(`{"quantity":%d}`, stock))
	f.execute("order", "1", "place", place)
	instance := core.Stream{Tenant: core.DefaultTenant, Category: "process-fulfilment", ID: "1"}
	eventually(t, fmt.Sprintf("cut at step %d (%s)", cut, f.cutAt), func() error {
		p, _ := f.state(instance).(processes.Instance)
		if p.Status != status || len(p.Sent) > 0 {
			return fmt.Errorf("the process is %q (%s%s), not %s; %d commands have no result", p.Status, p.Reason, p.Error, status, len(p.Sent))
		}
		return nil
	})
	return f
}

func (f *fulfilment) newExecutor() (*command.Executor, error) {
	return command.NewExecutor(f.registry, f.log, nil, command.Config{Logger: slog.New(slog.DiscardHandler)})
}

// runProcesses runs a process service, and another one each time it was killed.
func (f *fulfilment) runProcesses(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		executor, err := f.newExecutor()
		if err != nil {
			f.t.Error(err)
			return
		}
		life, kill := context.WithCancelCause(ctx)
		runner := process.NewRunner(f.registry, f.log, executor, f.views, f.bus, f.alarms, process.Config{
			Owner: fmt.Sprint("service-", n), LeaseTTL: 200 * time.Millisecond, Check: f.schemas.CheckCommand, Logger: slog.New(slog.DiscardHandler),
			Failpoint: func(point string) error {
				if life.Err() == nil && f.killAt(point) {
					kill(errKilled)
				}
				return context.Cause(life)
			},
		})
		_ = runner.Run(life)
		kill(nil)
	}
}

// killAt reports whether this is the step to be killed at.
func (f *fulfilment) killAt(point string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps++
	if f.steps != f.cut {
		return false
	}
	f.cutAt = point
	return true
}

func (f *fulfilment) execute(category, id, name, body string) {
	f.t.Helper()
	_, err := f.executor.Execute(f.t.Context(), runtime.Command{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: category, ID: id}, Name: name, ID: name + "-" + id, Body: []byte(body),
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fulfilment) state(stream core.Stream) any {
	f.t.Helper()
	a, ok := f.registry.Aggregate(stream.Category)
	if !ok {
		f.t.Fatalf("there is no category %s", stream.Category)
	}
	state := a.Initial
	for c, err := range port.Read(f.t.Context(), f.log, stream, 0) {
		if err == nil {
			state, err = a.Fold(state, &c, 0)
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	return state
}

// history lists the events of the order, its goods and its payment.
func (f *fulfilment) history() string {
	f.t.Helper()
	var text strings.Builder
	for _, name := range []string{"order/1", "stock/p", "stock/q", "payment/1"} {
		category, id, _ := strings.Cut(name, "/")
		fmt.Fprintf(&text, "%s:", name)
		for c, err := range port.Read(f.t.Context(), f.log, core.Stream{Tenant: core.DefaultTenant, Category: category, ID: id}, 0) {
			if err != nil && !errors.Is(err, port.ErrNoStream) {
				f.t.Fatal(err)
			}
			if err == nil {
				for _, e := range c.Events {
					fmt.Fprintf(&text, " %s%s", strings.TrimPrefix(e.Type, "ordering."), e.Data)
				}
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}
