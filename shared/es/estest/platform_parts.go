package estest

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// stores hold what remains after a restart.
type stores struct {
	log       *memory.Log
	views     *memory.Views
	bus       *memory.Bus
	deadlines *memory.Deadlines
	statuses  *memory.KeyValue
}

const partitions = 4

func newStores() stores {
	return stores{
		log: memory.NewLog(partitions), views: memory.NewViews(), bus: memory.NewBus(),
		deadlines: memory.NewDeadlines(), statuses: memory.NewKeyValue(),
	}
}

// leaseTTL is the time of leases, and that of a command that is held. There are no other workers that could take leases over, and a
// worker that renews them every second would make [Running.Pass] slow.
const leaseTTL = 100 * 365 * 24 * time.Hour

// parts are the running parts of the platform.
type parts struct {
	executor *command.Executor
	queries  *query.Queries
	runner   *process.Runner
	cancel   context.CancelFunc
	running  *errgroup.Group
}

// start starts the parts as the services do. There are no snapshots: they would only save time.
func (p *Running) start() error {
	s := p.stores
	executor, err := command.NewExecutor(p.registry, s.log, nil, command.Config{Sender: port.CommandSender, Logger: p.logger})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	holding := holdingExecutor{Executor: executor, held: &p.held, stopped: ctx.Done()}
	worker := async.NewWorker(p.registry, holding, s.bus, async.NewStatusStore(s.statuses), async.Config{
		Decode: p.schemas.DecodeCommand, Explain: problem.Explain, Timeout: leaseTTL, Logger: p.logger,
	})
	projector := projection.New(p.registry, s.log, s.views, projection.Config{LeaseTTL: leaseTTL, Logger: p.logger})
	runner := process.NewRunner(p.registry, s.log, executor, s.views, s.bus, s.deadlines, process.Config{
		LeaseTTL: leaseTTL, Check: p.schemas.CheckCommand, Logger: p.logger,
	})
	queries := query.New(p.registry, s.log, s.views, nil, p.logger)
	running, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{executor.Run, worker.Run, projector.Run, runner.Run, queries.Run} {
		running.Go(func() error { return run(ctx) })
	}
	p.parts = &parts{executor: executor, queries: queries, runner: runner, cancel: cancel, running: running}
	return nil
}

// stop stops the parts and waits for their end.
func (p *Running) stop() error {
	if p.parts == nil {
		return nil
	}
	p.parts.cancel()
	err := p.parts.running.Wait()
	p.parts = nil
	return err
}
