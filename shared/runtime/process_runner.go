package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orchestrix/shared/es"
)

// ProcessConfig is how a [ProcessRunner] works. Zero values take the defaults.
type ProcessConfig struct {
	Owner    string        // names this worker in the leases; random
	Batch    int           // commits between two moves of a checkpoint, at most; 128
	Parallel int           // instances that are worked on at once; 64
	LeaseTTL time.Duration // after how long without a sign of life another takes over; 3 s
	// Check checks the commands that processes send before they are recorded; nil checks their form alone.
	Check  es.CommandCheck
	Logger *slog.Logger // slog.Default()
	System string       // in which the log is kept, for traces: "nats"

	// Failpoint is called at each boundary between two steps, by its name, for tests: an error it returns ends the work in
	// hand there, as a crash would.
	Failpoint func(point string) error
	// CommandID changes the id under which a command is sent, for tests that have to see what goes wrong then.
	CommandID func(id string) string
}

// The boundaries between two steps of a process runner.
const (
	PointTriggered  = "triggered"  // an event is read that an instance has to react to
	PointReacted    = "reacted"    // the reaction is recorded
	PointDispatch   = "dispatch"   // a reaction is read from the log
	PointCancelled  = "cancelled"  // a deadline is cancelled
	PointScheduled  = "scheduled"  // a deadline is set
	PointSent       = "sent"       // a command is sent
	PointDispatched = "dispatched" // all of a batch is done, the checkpoint has not moved
	PointOutcome    = "outcome"    // an outcome has come
	PointAnswered   = "answered"   // the reaction to it is recorded, the message is not done
	PointDue        = "due"        // a deadline has passed
	PointWoken      = "woken"      // the reaction to it is recorded, the deadline is not done
)

// ProcessPoints are all boundaries between two steps.
var ProcessPoints = []string{
	PointTriggered, PointReacted, PointDispatch, PointCancelled, PointScheduled, PointSent, PointDispatched,
	PointOutcome, PointAnswered, PointDue, PointWoken,
}

func (c ProcessConfig) withDefaults(partitions int) ProcessConfig {
	if c.Owner == "" {
		c.Owner = rand.Text()
	}
	setDefault(&c.Batch, 128)
	// Between two moves of the checkpoints an instance must not forget what it has taken.
	c.Batch = max(1, min(c.Batch, es.MaxProcessSources/partitions))
	setDefault(&c.Parallel, 64)
	if c.LeaseTTL <= 0 {
		c.LeaseTTL = 3 * time.Second
	}
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

// ProcessFollower is the name under which the checkpoints of process runners are kept, as if they built a view.
const ProcessFollower = "process-runner"

// FollowerView is what process runners build: nothing but checkpoints. Building it again makes them go through the whole
// log: what their instances know keeps anything from being done twice.
func FollowerView() *es.ViewType {
	return &es.ViewType{ViewSpec: es.ViewSpec{Name: ProcessFollower, Version: 1}}
}

// ProcessRunner runs the processes of a registry. It follows the log: an event makes the instances react that it is for,
// which is recorded in their streams; and where it finds such a record, it does what is wanted there. The checkpoint moves
// after that, so whatever is cut off is done again: with the same ids, and without effect where it was done before.
//
// Several runners share the work evenly: each partition belongs to the one that holds its lease.
type ProcessRunner struct {
	config    ProcessConfig
	registry  *es.Registry
	executor  *Executor
	bus       es.MessageBus
	deadlines es.Deadlines
	projector *Projector
	triggers  map[string][]*es.ProcessType // by the full name of the event
}

// NewProcessRunner returns a runner. Its instances are written through executor, which has the same registry, on log.
func NewProcessRunner(registry *es.Registry, log es.Feed, executor *Executor, checkpoints ProjectionStore, bus es.MessageBus, deadlines es.Deadlines, config ProcessConfig) *ProcessRunner {
	config = config.withDefaults(log.Partitions())
	r := &ProcessRunner{
		config: config, registry: registry, executor: executor, bus: bus, deadlines: deadlines, triggers: map[string][]*es.ProcessType{},
	}
	for _, p := range registry.Processes() {
		for _, name := range p.Events() {
			r.triggers[name] = append(r.triggers[name], p)
		}
	}
	r.projector = newProjector(registry, log, checkpoints, []*es.ViewType{FollowerView()}, es.ProcessWorker, ProjectorConfig{
		Owner: config.Owner, Batch: config.Batch, LeaseTTL: config.LeaseTTL, Logger: config.Logger,
	})
	r.projector.handle = r.handle
	return r
}

// Run runs the processes until ctx ends, and finishes what it has in hand.
func (r *ProcessRunner) Run(ctx context.Context) error {
	subscription := es.Subscription{
		Group: "process", MaxInFlight: r.config.Parallel,
		Retry: es.RetryPolicy{Backoff: es.Exponential, First: 50 * time.Millisecond, Max: 5 * time.Second},
	}
	var running sync.WaitGroup
	running.Go(func() {
		r.keep(ctx, "the outcomes of commands", func() error {
			return r.bus.Subscribe(ctx, es.OutcomeTopic, subscription, r.outcome)
		})
	})
	running.Go(func() {
		r.keep(ctx, "deadlines", func() error { return r.deadlines.Due(ctx, subscription, r.due) })
	})
	err := r.projector.Run(ctx)
	running.Wait()
	return err
}

// keep does what ends by itself only when it has failed, again and again.
func (r *ProcessRunner) keep(ctx context.Context, what string, do func() error) {
	for pause := firstRetry; ctx.Err() == nil; pause = min(2*pause, lastRetry) {
		began := time.Now()
		if err := do(); err != nil && ctx.Err() == nil {
			r.config.Logger.WarnContext(ctx, what+" can't be taken", "error", err)
		}
		if time.Since(began) > lastRetry {
			pause = firstRetry
		}
		sleep(ctx, pause)
	}
}

// Status is how the runners stand with each partition, as this one has seen it last.
func (r *ProcessRunner) Status() []PartitionReport {
	for _, report := range r.projector.Status() {
		if report.View == ProcessFollower {
			return report.Partitions
		}
	}
	return nil
}

// Retry makes a parked instance go on with what waits for it. It returns [es.ErrNotFound] where there is no such process,
// [*es.Rejection] where the instance is not parked, and the errors of [Executor.Execute].
func (r *ProcessRunner) Retry(ctx context.Context, instance es.Stream, id string, by es.Action) error {
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	for n, most := 1, es.MaxDrain; ; n++ {
		retry := func() error {
			_, err := r.executor.executeInternal(ctx, Command{Stream: instance}, p.Retry(instance, fmt.Sprint(id, "-", n), by, most, r.config.Check))
			return err
		}
		for err = retry(); errors.Is(err, es.ErrTooLarge) && most > 1; err = retry() {
			most /= 2
		}
		if err != nil {
			return err
		}
		state, err := r.executor.loadState(ctx, p.Aggregate, instance, 0, false)
		if now, _ := state.(es.ProcessInstance); err != nil || now.Status != es.StatusParked || now.Error != es.MoreWaits {
			return err
		}
	}
}

// Cancel ends an instance early: at once, or as its process says, which undoes then what it has done. It returns
// [es.ErrNotFound] where there is no such process, [*es.Rejection] where there is no such instance or it has ended, and the
// errors of [Executor.Execute].
func (r *ProcessRunner) Cancel(ctx context.Context, instance es.Stream, id string, by es.Action) error {
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	_, err = r.executor.executeInternal(ctx, Command{Stream: instance}, p.End(instance, id, by, r.config.Check))
	return err
}

// Instance is how an instance stands, with everything that was acknowledged before. It returns [es.ErrNotFound] and the
// errors of the log.
func (r *ProcessRunner) Instance(ctx context.Context, instance es.Stream) (es.ProcessInstance, error) {
	p, err := r.process(instance.Category)
	if err != nil {
		return es.ProcessInstance{}, err
	}
	if err := instance.Check(); err != nil {
		return es.ProcessInstance{}, err
	}
	state, err := r.executor.loadState(ctx, p.Aggregate, instance, 0, true)
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

// outcome hands the outcome of a command to the instance that has sent it.
func (r *ProcessRunner) outcome(ctx context.Context, d es.Delivery) error {
	decoded, err := DecodeStatus(d.Message)
	if err != nil {
		return es.Terminate(err)
	}
	o := es.CommandOutcome{
		CommandID: decoded.CommandID, Accepted: decoded.State == Accepted, Refused: decoded.Refused,
		Code: decoded.Code, Message: decoded.Detail, Version: decoded.Version, Time: d.Published.UTC().Truncate(time.Microsecond),
	}
	if decoded.Position != "" {
		if o.Position, err = es.ParsePosition(decoded.Position); err != nil {
			return es.Terminate(err)
		}
	}
	p, err := r.process(d.To.Category)
	if err != nil {
		return es.Terminate(err)
	}
	if err := r.config.Failpoint(PointOutcome); err != nil {
		return err
	}
	err = r.react(ctx, p, d.To, es.OutcomeTrigger(o), Command{
		CorrelationID: d.Header[headerCorrelation], CausationID: d.Header[headerCausation],
		Trace: es.Trace{Parent: d.Header[headerTraceParent], State: d.Header[headerTraceState]},
	})
	if err != nil {
		return err
	}
	return r.config.Failpoint(PointAnswered)
}

// due hands a deadline that has passed to the instance that has set it.
func (r *ProcessRunner) due(ctx context.Context, d es.Deadline) error {
	p, err := r.process(d.Of.Category)
	if err != nil {
		r.config.Logger.ErrorContext(ctx, "a deadline passes of a process that is not there: run the version of the program that has it",
			"instance", d.Of.String(), "deadline", d.Name)
		return es.RetryAfter(lastRetry, err)
	}
	if err := r.config.Failpoint(PointDue); err != nil {
		return err
	}
	from := Command{CorrelationID: d.CorrelationID, CausationID: d.CausationID, Trace: d.Trace}
	if err := r.react(ctx, p, d.Of, es.DeadlineTrigger(d), from); err != nil {
		return err
	}
	return r.config.Failpoint(PointWoken)
}

// react lets an instance react to a trigger. What can't be recorded parks the instance instead.
func (r *ProcessRunner) react(ctx context.Context, p *es.ProcessType, instance es.Stream, t es.Trigger, from Command) error {
	from.Stream = instance
	_, err := r.executor.executeInternal(ctx, from, p.React(instance, t, r.config.Check))
	if errors.Is(err, es.ErrTooLarge) {
		_, err = r.executor.executeInternal(ctx, from, p.Park(instance, t, err))
	}
	if errors.Is(err, es.ErrTooLarge) { // the event alone is nearly as large as a commit may be
		_, err = r.executor.executeInternal(ctx, from, p.Park(instance, t.WithoutData(), err))
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", instance, t.ID, err)
	}
	return nil
}
