package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
)

// ProcessConfig configures a [ProcessRunner]. Zero values take the defaults.
type ProcessConfig struct {
	Owner    string        // see [FollowerConfig]
	Batch    int           // maximum number of commits between two moves of a checkpoint; 128
	Parallel int           // number of instances that are worked on concurrently; 64
	LeaseTTL time.Duration // see [FollowerConfig]
	// Check checks the commands that processes send before they are recorded; nil checks only their form.
	Check  es.CommandCheck
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
	PointOutcome    = "outcome"    // the result of a command was received
	PointAnswered   = "answered"   // the reaction to it is recorded, the message is not acknowledged
	PointDue        = "due"        // a deadline has passed
	PointWoken      = "woken"      // the reaction to it is recorded, the deadline is not acknowledged
)

// ProcessPoints are all boundaries between two steps.
var ProcessPoints = []string{
	PointTriggered, PointReacted, PointDispatch, PointCancelled, PointScheduled, PointSent, PointDispatched,
	PointOutcome, PointAnswered, PointDue, PointWoken,
}

func (c ProcessConfig) withDefaults(partitions int) ProcessConfig {
	setDefault(&c.Batch, 128)
	// An instance remembers a limited number of triggers, and must not forget one while its commit may be handled again.
	c.Batch = max(1, min(c.Batch, es.MaxProcessSources/partitions))
	setDefault(&c.Parallel, 64)
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

// ProcessInstances writes and reads the streams of process instances. [Executor] implements it.
type ProcessInstances interface {
	// executeInternal executes a command on the instance c.Stream. The commit carries the correlation, causation and trace of
	// c. The command's id makes it idempotent. It returns the errors of [Executor.Execute].
	executeInternal(ctx context.Context, c Command, internal es.InternalCommand) (Result, error)
	// loadState returns the state of an instance in at least this version; if fresh, with everything that was acknowledged
	// before the call.
	loadState(ctx context.Context, a *es.Aggregate, s es.Stream, version es.Version, fresh bool) (any, error)
}

// ProcessCheckpoints stores the checkpoints of process runners.
type ProcessCheckpoints interface {
	CheckpointStore
	Apply(ctx context.Context, build es.ViewSpec, u es.Update, fold es.FoldFunc) error
}

// FollowerView returns the view of which process runners store the checkpoints. It has no documents. A rebuild makes the
// runners read the whole log again; the instances then ignore what they have reacted to before.
func FollowerView() *es.ViewType {
	return &es.ViewType{ViewSpec: es.ViewSpec{Name: ProcessFollower, Version: 1}}
}

// ProcessRunner runs the processes of a registry. It follows the log. An event makes the instances react that it is for, and
// the reactions are recorded in the streams of the instances. When the runner reads such a record, it carries out the effects:
// commands and deadlines. The checkpoint moves after that. After a crash, the same steps are repeated with the same ids, and
// those that were done have no effect.
//
// Several runners share the work; see [Follower].
type ProcessRunner struct {
	config    ProcessConfig
	registry  *es.Registry
	instances ProcessInstances
	bus       es.MessageBus
	deadlines es.Deadlines
	follower  *Follower
	store     ProcessCheckpoints
	triggers  map[string][]*es.ProcessType // by full event name
}

// NewProcessRunner returns a runner. instances, an [Executor], has the same registry and writes to log.
func NewProcessRunner(registry *es.Registry, log es.Feed, instances ProcessInstances, checkpoints ProcessCheckpoints, bus es.MessageBus, deadlines es.Deadlines, config ProcessConfig) *ProcessRunner {
	config = config.withDefaults(log.Partitions())
	r := &ProcessRunner{
		config: config, registry: registry, instances: instances, bus: bus, deadlines: deadlines, store: checkpoints,
		triggers: map[string][]*es.ProcessType{},
	}
	for _, p := range registry.Processes() {
		for _, name := range p.Events() {
			r.triggers[name] = append(r.triggers[name], p)
		}
	}
	consumer := Consumer{Spec: FollowerView().ViewSpec, Open: func(build es.ViewSpec, _ int) CommitHandler {
		return &processHandler{runner: r, build: build}
	}}
	r.follower = NewFollower(registry, log, checkpoints, []Consumer{consumer}, FollowerConfig{
		Owner: config.Owner, Batch: config.Batch, LeaseTTL: config.LeaseTTL, Logger: config.Logger, Kind: es.ProcessWorker,
	})
	return r
}

// Run runs the processes until ctx ends. It then finishes the work in progress.
func (r *ProcessRunner) Run(ctx context.Context) error {
	subscription := es.Subscription{Group: "process", MaxInFlight: r.config.Parallel, Retry: retryPolicy}
	var running sync.WaitGroup
	running.Go(func() {
		r.keepSubscribed(ctx, "the results of commands", func() error {
			return r.bus.Subscribe(ctx, es.OutcomeTopic, subscription, r.handleResult)
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
func (r *ProcessRunner) keepSubscribed(ctx context.Context, to string, subscribe func() error) {
	for failures := 1; ctx.Err() == nil; failures++ {
		began := time.Now()
		if err := subscribe(); err != nil && ctx.Err() == nil {
			r.config.Logger.WarnContext(ctx, "the subscription to "+to+" failed, it is repeated", "error", err)
		}
		if time.Since(began) > retryPolicy.Max {
			failures = 1
		}
		retry.Sleep(ctx, retryPolicy.Pause(failures))
	}
}

// Status returns the status of each partition, as this runner has read it last.
func (r *ProcessRunner) Status() []PartitionReport {
	for _, report := range r.follower.Status() {
		if report.View == ProcessFollower {
			return report.Partitions
		}
	}
	return nil
}

// Retry resumes a parked instance with the triggers that wait for it. It returns [es.ErrNotFound] if there is no such process,
// [*es.Rejection] if the instance is not parked, and the errors of [Executor.Execute].
func (r *ProcessRunner) Retry(ctx context.Context, instance es.Stream, id string, by es.Action) error {
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	for n, limit := 1, es.MaxDrain; ; n++ {
		retry := func() error {
			_, err := r.instances.executeInternal(ctx, Command{Stream: instance}, es.RetryCommand(p, instance, fmt.Sprint(id, "-", n), by, limit, r.config.Check))
			return err
		}
		for err = retry(); errors.Is(err, es.ErrTooLarge) && limit > 1; err = retry() {
			limit /= 2
		}
		if err != nil {
			return err
		}
		state, err := r.instances.loadState(ctx, p.Aggregate, instance, 0, false)
		if now, _ := state.(es.ProcessInstance); err != nil || now.Status != es.StatusParked || now.Error != es.MoreWaits {
			return err
		}
	}
}

// Cancel ends an instance early: immediately, or as its process says, which may compensate first. It returns [es.ErrNotFound]
// if there is no such process, [*es.Rejection] if there is no such instance or it has ended, and the errors of
// [Executor.Execute].
func (r *ProcessRunner) Cancel(ctx context.Context, instance es.Stream, id string, by es.Action) error {
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	_, err = r.instances.executeInternal(ctx, Command{Stream: instance}, es.EndCommand(p, instance, id, by, r.config.Check))
	return err
}

// Instance returns the state of an instance, with everything that was acknowledged before the call. It returns
// [es.ErrNotFound] and the errors of the log.
func (r *ProcessRunner) Instance(ctx context.Context, instance es.Stream) (es.ProcessInstance, error) {
	p, err := r.process(instance.Category)
	if err != nil {
		return es.ProcessInstance{}, err
	}
	if err := instance.Check(); err != nil {
		return es.ProcessInstance{}, err
	}
	state, err := r.instances.loadState(ctx, p.Aggregate, instance, 0, true)
	if err != nil {
		return es.ProcessInstance{}, err
	}
	found, _ := state.(es.ProcessInstance)
	if found.Status == "" {
		return es.ProcessInstance{}, fmt.Errorf("%w: process %q has no instance %q", es.ErrNotFound, p.Name, instance.ID)
	}
	return found, nil
}

func (r *ProcessRunner) process(category string) (*es.ProcessType, error) {
	if p, ok := r.registry.ProcessOf(category); ok {
		return p, nil
	}
	return nil, fmt.Errorf("%w: no module has a process with instances of category %.100q", es.ErrNotFound, category)
}
