package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// Config configures a [Runner]. Zero values take the defaults.
type Config struct {
	Owner    string        // see [follower.Config]
	Batch    int           // maximum number of commits between two moves of a checkpoint; 128
	Parallel int           // number of instances that are worked on concurrently; 64
	LeaseTTL time.Duration // see [follower.Config]
	// Check checks the commands that processes send before they are recorded; nil checks only their form.
	Check  processes.CommandCheck
	Logger *slog.Logger // slog.Default()
	System string       // that stores the log, for traces: "nats"

	// Failpoint is called with the name of each boundary between two steps, for tests. An error that it returns ends the work
	// there, as a crash would.
	Failpoint func(point string) error
	// CommandID replaces the ids of the commands that are sent, for tests that show why the ids have to be derived.
	CommandID func(id string) string
}

// The boundaries between two steps of a process runner.
const (
	PointTriggered  = "triggered"  // an event was read that an instance has to react to
	PointReacted    = "reacted"    // the reaction is recorded
	PointDispatch   = "dispatch"   // a reaction was read from the log
	PointCancelled  = "cancelled"  // a deadline is cancelled
	PointScheduled  = "scheduled"  // a deadline is set
	PointSent       = "sent"       // a command is sent
	PointDispatched = "dispatched" // all effects of a batch are done, the checkpoint has not moved
	PointResult     = "result"     // the result of a command was received
	PointAnswered   = "answered"   // the reaction to it is recorded, the message is not acknowledged
	PointDue        = "due"        // a deadline has passed
	PointWoken      = "woken"      // the reaction to it is recorded, the deadline is not acknowledged
)

// Points are all boundaries between two steps.
var Points = []string{
	PointTriggered, PointReacted, PointDispatch, PointCancelled, PointScheduled, PointSent, PointDispatched,
	PointResult, PointAnswered, PointDue, PointWoken,
}

func (c Config) withDefaults(partitions int) Config {
	runtime.SetDefault(&c.Batch, 128)
	// An instance remembers a limited number of triggers, and must not forget one while its commit may be handled again.
	c.Batch = max(1, min(c.Batch, processes.MaxSources/partitions))
	runtime.SetDefault(&c.Parallel, 64)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Failpoint == nil {
		c.Failpoint = func(string) error { return nil }
	}
	if c.CommandID == nil {
		c.CommandID = func(id string) string { return id }
	}
	return c
}

// Instances writes and reads the streams of process instances. [command.Executor] implements it.
type Instances interface {
	// ExecuteInternal executes a command on the instance c.Stream. The commit carries the correlation, causation and trace of
	// c. The command's id makes it idempotent. It returns the errors of [command.Executor.Execute].
	ExecuteInternal(ctx context.Context, c runtime.Command, internal core.InternalCommand) (runtime.Result, error)
	// LoadState returns the state of an instance in at least this version; if fresh, with everything that was acknowledged
	// before the call.
	LoadState(ctx context.Context, a *core.Aggregate, s core.Stream, version core.Version, fresh bool) (any, error)
}

// Checkpoints stores the checkpoints of process runners.
type Checkpoints interface {
	follower.CheckpointStore
	Apply(ctx context.Context, build core.ViewSpec, u port.Update, fold port.FoldFunc) error
}

// CheckpointView returns the view under whose name process runners store their checkpoints. It has no documents. A rebuild makes the
// runners read the whole log again; the instances then ignore what they have reacted to before.
func CheckpointView() *core.ViewType {
	return &core.ViewType{ViewSpec: core.ViewSpec{Name: runtime.ProcessCheckpointName, Version: 1}}
}

// Runner runs the processes of a registry. It follows the log. An event makes the instances react that it is for, and
// the reactions are recorded in the streams of the instances. When the runner reads such a record, it carries out the effects:
// commands and deadlines. The checkpoint moves after that. After a crash, the same steps are repeated with the same ids, and
// those that were done have no effect.
//
// Several runners share the work; see [follower.Follower].
type Runner struct {
	config    Config
	registry  *core.Registry
	instances Instances
	bus       port.MessageBus
	deadlines port.Deadlines
	follower  *follower.Follower
	store     Checkpoints
	triggers  map[string][]*core.ProcessType // by full event name
}

// NewRunner returns a runner. instances, an [command.Executor], has the same registry and writes to log.
func NewRunner(registry *core.Registry, log port.Feed, instances Instances, checkpoints Checkpoints, bus port.MessageBus, deadlines port.Deadlines, config Config) *Runner {
	config = config.withDefaults(log.Partitions())
	r := &Runner{
		config: config, registry: registry, instances: instances, bus: bus, deadlines: deadlines, store: checkpoints,
		triggers: map[string][]*core.ProcessType{},
	}
	for _, p := range registry.Processes() {
		for _, name := range p.Events() {
			r.triggers[name] = append(r.triggers[name], p)
		}
	}
	consumer := follower.Consumer{Spec: CheckpointView().ViewSpec, Open: func(build core.ViewSpec, _ int) follower.CommitHandler {
		return &processHandler{runner: r, build: build}
	}}
	r.follower = follower.New(registry, log, checkpoints, []follower.Consumer{consumer}, follower.Config{
		Owner: config.Owner, Batch: config.Batch, LeaseTTL: config.LeaseTTL, Logger: config.Logger, Kind: port.ProcessWorker,
	})
	return r
}

// Run runs the processes until ctx ends. It then finishes the work in progress.
func (r *Runner) Run(ctx context.Context) error {
	subscription := port.Subscription{Group: "process", MaxInFlight: r.config.Parallel, Retry: follower.RetryPolicy}
	var running sync.WaitGroup
	running.Go(func() {
		r.keepSubscribed(ctx, "the results of commands", func() error {
			return r.bus.Subscribe(ctx, port.ResultTopic, subscription, r.handleResult)
		})
	})
	running.Go(func() {
		r.keepSubscribed(ctx, "deadlines", func() error { return r.deadlines.Due(ctx, subscription, r.handleDeadline) })
	})
	err := r.follower.Run(ctx)
	running.Wait()
	return err
}

// keepSubscribed repeats a subscription, which ends before ctx only if it fails.
func (r *Runner) keepSubscribed(ctx context.Context, to string, subscribe func() error) {
	for failures := 1; ctx.Err() == nil; failures++ {
		began := time.Now()
		if err := subscribe(); err != nil && ctx.Err() == nil {
			r.config.Logger.WarnContext(ctx, "the subscription to "+to+" failed, it is repeated", "error", err)
		}
		if time.Since(began) > follower.RetryPolicy.Max {
			failures = 1
		}
		retry.Sleep(ctx, follower.RetryPolicy.Pause(failures))
	}
}

// Status returns the status of each partition, as this runner has read it last.
func (r *Runner) Status() []follower.PartitionReport {
	for _, report := range r.follower.Status() {
		if report.View == runtime.ProcessCheckpointName {
			return report.Partitions
		}
	}
	return nil
}

// Retry resumes a parked instance with the triggers that wait for it. It returns [core.ErrNotFound] if there is no such process,
// [*core.Rejection] if the instance is not parked, and the errors of [command.Executor.Execute].
func (r *Runner) Retry(ctx context.Context, instance core.Stream, id string, by core.Action) error {
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	for n, limit := 1, processes.MaxDrain; ; n++ {
		retry := func() error {
			_, err := r.instances.ExecuteInternal(ctx, runtime.Command{Stream: instance}, processes.RetryCommand(p, instance, fmt.Sprint(id, "-", n), by, limit, r.config.Check))
			return err
		}
		for err = retry(); errors.Is(err, port.ErrTooLarge) && limit > 1; err = retry() {
			limit /= 2
		}
		if err != nil {
			return err
		}
		state, err := r.instances.LoadState(ctx, p.Aggregate, instance, 0, false)
		if now, _ := state.(processes.Instance); err != nil || now.Status != processes.StatusParked || now.Error != processes.ErrorQueueRemains {
			return err
		}
	}
}

// Cancel ends an instance early: immediately, or as its process says, which may compensate first. It returns [core.ErrNotFound]
// if there is no such process, [*core.Rejection] if there is no such instance or it has ended, and the errors of
// [command.Executor.Execute].
func (r *Runner) Cancel(ctx context.Context, instance core.Stream, id string, by core.Action) error {
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	_, err = r.instances.ExecuteInternal(ctx, runtime.Command{Stream: instance}, processes.CancelCommand(p, instance, id, by, r.config.Check))
	return err
}

// Instance returns the state of an instance, with everything that was acknowledged before the call. It returns
// [core.ErrNotFound] and the errors of the log.
func (r *Runner) Instance(ctx context.Context, instance core.Stream) (processes.Instance, error) {
	p, err := r.process(instance.Category)
	if err != nil {
		return processes.Instance{}, err
	}
	if err := instance.Check(); err != nil {
		return processes.Instance{}, err
	}
	state, err := r.instances.LoadState(ctx, p.Aggregate, instance, 0, true)
	if err != nil {
		return processes.Instance{}, err
	}
	found, _ := state.(processes.Instance)
	if found.Status == "" {
		return processes.Instance{}, fmt.Errorf("%w: process %q has no instance %q", core.ErrNotFound, p.Name, instance.ID)
	}
	return found, nil
}

func (r *Runner) process(category string) (*core.ProcessType, error) {
	if p, ok := r.registry.ProcessOf(category); ok {
		return p, nil
	}
	return nil, fmt.Errorf("%w: no module has a process with instances of category %.100q", core.ErrNotFound, category)
}
