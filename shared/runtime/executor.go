package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
	"orchestrix/shared/tracing"
)

// ExecutorConfig is how an [Executor] uses the machine. Zero values take the defaults.
type ExecutorConfig struct {
	CacheSize     int              // aggregates kept in memory besides those in use; 100,000
	SnapshotEvery int              // commits between two snapshots of an aggregate; 32
	MaxWaiting    int              // commands that may wait for one aggregate; 512
	MaxConflicts  int              // times that a command is decided again after a conflict; 10
	Clock         func() time.Time // time.Now
	Observer      CommandObserver  // nobody
	Logger        *slog.Logger     // slog.Default()
}

func (c ExecutorConfig) withDefaults() ExecutorConfig {
	setDefault(&c.CacheSize, 100_000)
	setDefault(&c.SnapshotEvery, 32)
	setDefault(&c.MaxWaiting, 512)
	setDefault(&c.MaxConflicts, 10)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
	return c
}

func setDefault(value *int, standard int) {
	if *value <= 0 {
		*value = standard
	}
}

// Executor turns commands into commits. It keeps the aggregates used last in memory and gives each to one
// command at a time; commands on different aggregates run side by side. Several executors may work on one
// log: every append is compared with the stream's revision.
type Executor struct {
	config   ExecutorConfig
	registry *es.Registry
	log      es.EventStore
	loader   *loader
	cache    *cache
	saver    *snapshotSaver
	guesses  guesses
}

// NewExecutor returns an executor on a log. snapshots may be nil: cold aggregates are then folded from the
// log alone.
func NewExecutor(registry *es.Registry, log es.EventStore, snapshots es.Snapshots, config ExecutorConfig) (*Executor, error) {
	config = config.withDefaults()
	x := &Executor{
		config: config, registry: registry, log: log,
		loader: &loader{log: log, snapshots: snapshots, logger: config.Logger, observer: config.Observer},
		saver:  newSnapshotSaver(snapshots, log, config.Logger, config.Observer),
	}
	cache, err := newCache(config.CacheSize, config.MaxWaiting, x.save)
	if err != nil {
		return nil, err
	}
	x.cache = cache
	return x, nil
}

// Run writes snapshots behind the commands until ctx ends, and then those of every aggregate that is still
// in memory. Commands may be executed before and without it; then snapshots are lost, and nothing else.
func (x *Executor) Run(ctx context.Context) error {
	return x.saver.run(ctx, x.unsaved)
}

// unsaved empties the cache and returns the states that are worth a snapshot.
func (x *Executor) unsaved() []folded {
	var states []folded
	if x.saver.snapshots == nil {
		return nil
	}
	for _, entry := range x.cache.drain() {
		if entry.worthSaving() {
			states = append(states, entry.folded)
		}
	}
	return states
}

// Execute decides a command and writes what it leads to. A command whose id this aggregate remembers gets
// its first result, and nothing is written.
//
// It returns [*es.Rejection] where the domain says no, [*PreconditionError] where IfMatch does not hold,
// [ErrCommandReused], [ErrUnknown], [es.ErrBadToken], [es.ErrBadPayload], [es.ErrConflict] where others were
// faster every time, [es.ErrTooLarge], [ErrOverloaded], and [es.ErrUnavailable], after which the outcome is
// unknown and the command may be sent again under the same id.
func (x *Executor) Execute(ctx context.Context, c Command) (Result, error) {
	t, payload, err := x.parse(c)
	return x.observed(ctx, c, t, payload, err)
}

// executeInternal executes a command that comes from inside; c has what its commit is to carry. It returns what
// [Executor.Execute] does.
func (x *Executor) executeInternal(ctx context.Context, c Command, internal es.InternalCommand) (Result, error) {
	c.Name, c.ID = internal.Type.Name, internal.ID // whose id says it all: there is no body to compare
	return x.observed(ctx, c, internal.Type, internal.Payload, nil)
}

// loadState returns the state of an aggregate, of at least this version. Where it has to be fresh, it includes everything that
// was acknowledged before.
func (x *Executor) loadState(ctx context.Context, a *es.Aggregate, s es.Stream, version es.Version, fresh bool) (any, error) {
	entry, err := x.cache.acquire(ctx, s)
	if err != nil {
		return nil, err
	}
	defer x.cache.release(entry)
	if fresh || !entry.loaded || entry.revision.Version < version {
		entry.stale = true
	}
	if _, err := x.freshen(ctx, entry, a); err != nil {
		return nil, err
	}
	return entry.state, nil
}

func (x *Executor) execute(ctx context.Context, c Command, t *es.CommandType, payload any) (Result, error) {
	entry, err := x.cache.acquire(ctx, c.Stream)
	if err != nil {
		return Result{}, err
	}
	defer x.cache.release(entry)
	hash := es.HashCommand(c.Name, c.Body)
	for conflicts := 0; ; conflicts++ {
		result, err := x.attempt(ctx, entry, t, payload, c, hash)
		if !errors.Is(err, es.ErrConflict) || conflicts == x.config.MaxConflicts {
			return result, err
		}
		x.config.Observer.Conflicted(t)
		if err := pause(ctx, conflicts); err != nil {
			return Result{}, err
		}
	}
}

func (x *Executor) parse(c Command) (*es.CommandType, any, error) {
	a, ok := x.registry.Aggregate(c.Stream.Category)
	if !ok {
		return nil, nil, fmt.Errorf("%w: no category %q", ErrUnknown, c.Stream.Category)
	}
	t, ok := a.Command(c.Name)
	if !ok {
		return nil, nil, fmt.Errorf("%w: category %q has no command %q", ErrUnknown, c.Stream.Category, c.Name)
	}
	if err := c.Stream.Check(); err != nil {
		return nil, nil, err
	}
	if err := es.CheckCommandID(c.ID); err != nil {
		return nil, nil, err
	}
	if c.Payload != nil {
		return t, c.Payload, nil
	}
	payload, err := t.Decode(c.Body)
	return t, payload, err
}

// attempt decides once, on what is known of the aggregate. A "no", or events that can't be written, that rest on what is
// only remembered are asked again of the log: another executor may have written since.
func (x *Executor) attempt(ctx context.Context, entry *cached, t *es.CommandType, payload any, c Command, hash string) (Result, error) {
	if result, done, err := x.guess(ctx, entry, t, payload, c, hash); done {
		return result, err
	}
	fresh, err := x.freshen(ctx, entry, t.Aggregate)
	if err != nil {
		return Result{}, err
	}
	for {
		events, result, err := x.decide(ctx, &entry.folded, t, payload, c, hash)
		if len(events) > 0 && err == nil {
			if result, err = x.commit(ctx, entry, c, hash, events); err == nil || saysTheLog(err) {
				return result, err
			}
		}
		if fresh || result.Repeated {
			return result, err
		}
		entry.stale = true
		if fresh, err = x.freshen(ctx, entry, t.Aggregate); err != nil {
			return Result{}, err
		}
	}
}

// freshen makes sure that the aggregate is in memory, and up to date where it is marked as stale. It reports
// whether what is in memory includes everything that was acknowledged before.
func (x *Executor) freshen(ctx context.Context, entry *cached, a *es.Aggregate) (bool, error) {
	if entry.loaded && !entry.stale {
		x.config.Observer.Loaded(ctx, entry.stream.Category, FromCache, 0)
		return false, nil
	}
	started := time.Now()
	ctx, span := tracing.Step(ctx, "load")
	defer span.End()
	if !entry.loaded && !entry.stale && x.remember(ctx, entry, a) {
		x.loaded(ctx, entry, FromSnapshot, started)
		return false, nil
	}
	entry.remembered = false
	if entry.loaded {
		err := x.loader.refresh(ctx, &entry.folded)
		if err == nil {
			entry.stale = false
			x.loaded(ctx, entry, FromRefresh, started)
			return true, nil
		}
		if !errors.Is(err, es.ErrCorrupt) {
			return false, err
		}
		entry.loaded = false // what is in memory does not fit the log: the log is right
	}
	confirmed := entry.stale
	f, err := x.loader.load(ctx, a, entry.stream, func() (es.Commit, error) {
		if confirmed {
			return x.log.LastConfirmed(ctx, entry.stream)
		}
		return x.log.Last(ctx, entry.stream)
	})
	if err != nil {
		return false, err
	}
	entry.folded, entry.loaded, entry.stale = f, true, false
	source := FromLog
	if f.saved > 0 {
		source = FromSnapshot
	}
	x.loaded(ctx, entry, source, started)
	return confirmed, nil
}

// decide returns the events to write, or else the result without any.
func decide(f *folded, t *es.CommandType, payload any, c Command, hash string) (events []es.Event, result Result, err error) {
	before, err := f.recent.find(c.ID)
	if err != nil {
		return nil, Result{}, fmt.Errorf("snapshot of %s: %w", f.stream, err)
	}
	if before != nil {
		if before.Hash != hash {
			return nil, Result{}, fmt.Errorf("%w: %s took command %q at version %d with another name or body", ErrCommandReused, f.stream, c.ID, before.Version)
		}
		return nil, Result{
			Stream: f.stream, Version: before.Version, Position: before.Position,
			CommandID: c.ID, Events: before.Events, Repeated: true,
		}, nil
	}
	if c.IfMatch != nil && *c.IfMatch != f.revision.Version {
		return nil, Result{}, &PreconditionError{Stream: f.stream, Expected: *c.IfMatch, Actual: f.revision.Version}
	}
	events, err = decideSafely(t, f.state, payload)
	return events, Result{
		Stream: f.stream, Version: f.revision.Version, Position: f.revision.Position, CommandID: c.ID, Events: []string{},
	}, err
}

// decideSafely turns a panic of the domain into an error, so that one command's failure stays its own.
func decideSafely(t *es.CommandType, state, payload any) (events []es.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decide of %q panicked on command %q: %v", t.Aggregate.Category, t.Name, p)
		}
	}()
	return t.Decide(state, payload)
}

// commit writes the events and takes them over. The append is not cut off by a client that leaves: it has
// the log's own budget, and its outcome is wanted.
func (x *Executor) commit(ctx context.Context, entry *cached, c Command, hash string, events []es.Event) (Result, error) {
	next, err := x.newCommit(&entry.folded, c, hash, events)
	if err != nil {
		return Result{}, err
	}
	state, err := foldSafely(entry.aggregate, entry.state, &next)
	if err != nil {
		return Result{}, err
	}
	revision, err := x.append(context.WithoutCancel(ctx), entry.revision, next)
	x.judge(entry, err)
	if err != nil {
		entry.stale = true
		return Result{}, err
	}
	next.Version, next.Position, next.Previous = revision.Version, revision.Position, revision.Previous
	entry.advance(state, &next)
	if entry.unsaved >= x.snapshotEvery(entry.aggregate) {
		x.save(entry)
	}
	return Result{
		Stream: c.Stream, Version: next.Version, Position: next.Position, CommandID: c.ID, Events: next.Kinds(),
	}, nil
}

// saysTheLog reports whether an error of [Executor.commit] is what the log says of the aggregate, or that it does not answer.
// Any other is about the events: nothing is written, and on another state they may be others.
func saysTheLog(err error) bool {
	return errors.Is(err, es.ErrConflict) || errors.Is(err, es.ErrUnavailable)
}

// newCommit encodes the events. They are folded from what is encoded, as every later reader will do.
func (x *Executor) newCommit(f *folded, c Command, hash string, events []es.Event) (es.Commit, error) {
	now := x.config.Clock().UTC().Truncate(time.Microsecond)
	if now.Before(f.time) {
		now = f.time // a clock that runs behind must not put an effect before its cause
	}
	commit := es.Commit{
		Stream: c.Stream, Version: f.revision.Version + es.Version(len(events)), Time: now,
		Command:       es.CommandRef{ID: c.ID, Hash: hash},
		CorrelationID: orElse(c.CorrelationID, c.ID), CausationID: orElse(c.CausationID, c.ID),
		Events: make([]es.Recorded, len(events)),
	}
	for i, event := range events {
		recorded, err := f.aggregate.Encode(event)
		if err != nil {
			return es.Commit{}, fmt.Errorf("command %q on %s: %w", c.Name, c.Stream, err)
		}
		commit.Events[i] = recorded
	}
	return commit, nil
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (x *Executor) snapshotEvery(a *es.Aggregate) int {
	if a.Snapshot.Every > 0 {
		return a.Snapshot.Every
	}
	return x.config.SnapshotEvery
}

// save hands the aggregate's state to the snapshot saver. The caller holds the aggregate.
func (x *Executor) save(entry *cached) {
	if entry.loaded && entry.worthSaving() && x.saver.offer(entry.folded) {
		entry.saved, entry.unsaved = entry.revision.Version, 0
	}
}

var conflictPauses = retry.Policy{First: 2 * time.Millisecond, Max: 128 * time.Millisecond, FullJitter: true}

// pause waits before the next attempt after a conflict.
func pause(ctx context.Context, conflicts int) error {
	if !retry.Sleep(ctx, conflictPauses.Pause(conflicts+1)) {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, ctx.Err())
	}
	return nil
}
