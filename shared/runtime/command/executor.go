package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// Config configures an [Executor]. Zero values take the defaults.
type Config struct {
	CacheSize     int              // aggregates kept in memory besides those in use; 100,000
	CacheBytes    int              // estimated memory of the aggregates besides those in use; 256 MiB
	SnapshotEvery int              // commits between two snapshots of an aggregate; 32
	MaxWaiting    int              // commands that may wait for one aggregate; 512
	MaxConflicts  int              // retries of one command after a conflict; 10
	Sender        string           // of commands that name none, in the origin of their commits
	Clock         func() time.Time // time.Now
	Observer      Observer         // none
	Logger        *slog.Logger     // slog.Default()
}

func (c Config) withDefaults() Config {
	runtime.SetDefault(&c.CacheSize, 100_000)
	runtime.SetDefault(&c.CacheBytes, 256<<20)
	runtime.SetDefault(&c.SnapshotEvery, 32)
	runtime.SetDefault(&c.MaxWaiting, 512)
	runtime.SetDefault(&c.MaxConflicts, 10)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return c
}

// Executor turns commands into commits. It caches the most recently used aggregates and serializes the commands of each;
// commands on different aggregates run concurrently. Several executors may share one log: every append names the revision
// that it expects.
type Executor struct {
	config   Config
	registry *core.Registry
	appender port.Appender
	log      port.Reader
	loader   *Loader
	cache    *cache
	writer   *snapshotWriter
	rate     *hitRate
}

// NewExecutor returns an executor on a log. snapshots may be nil: an aggregate that is not cached is then folded from the
// log alone.
func NewExecutor(registry *core.Registry, log port.EventStore, snapshots port.Snapshots, config Config) (*Executor, error) {
	config = config.withDefaults()
	x := &Executor{
		config: config, registry: registry, log: log, rate: &hitRate{},
		appender: observedAppender{next: log, observer: config.Observer},
		loader:   NewLoader(log, snapshots, config.Logger, config.Observer),
		writer:   newSnapshotWriter(snapshots, log, config.Logger, config.Observer),
	}
	cache, err := newCache(config.CacheSize, config.CacheBytes, config.MaxWaiting, x.save)
	if err != nil {
		return nil, err
	}
	x.cache = cache
	return x, nil
}

// Run writes snapshots until ctx ends, and then those of every cached aggregate. Execute works without Run; only snapshots
// are lost then.
func (x *Executor) Run(ctx context.Context) error {
	return x.writer.writeSnapshots(ctx, x.drain)
}

// drain empties the cache and returns the states that need a snapshot.
func (x *Executor) drain() []State {
	var states []State
	if x.writer.snapshots == nil {
		return nil
	}
	for _, slot := range x.cache.drain() {
		if slot.needsSnapshot() {
			states = append(states, slot.State)
		}
	}
	return states
}

// Cached returns the number of aggregates in memory.
func (x *Executor) Cached() int { return x.cache.size() }

// Execute decides a command and appends its events. A command id among the aggregate's [MaxRecent] newest returns its first
// result, and nothing is written.
//
// It returns [*core.Rejection] if the domain rejects the command, [*runtime.PreconditionError] if IfMatch does not match,
// [runtime.ErrCommandReused], [runtime.ErrUnknown], [core.ErrBadToken], [core.ErrBadPayload], [port.ErrConflict] if every retry lost against
// another writer, [port.ErrTooLarge], [runtime.ErrOverloaded], and [port.ErrUnavailable]: the result is unknown then, and the command may
// be sent again under the same id.
func (x *Executor) Execute(ctx context.Context, c runtime.Command) (runtime.Result, error) {
	var err error
	if c.Type == nil {
		err = c.Resolve(x.registry)
	}
	return x.traced(ctx, &call{Command: c}, err)
}

// ExecuteInternal executes a command of the engine itself. c carries the stream and the metadata of its commit. The errors
// are those of [Executor.Execute].
func (x *Executor) ExecuteInternal(ctx context.Context, c runtime.Command, internal core.InternalCommand) (runtime.Result, error) {
	// The id determines the command: there is no body to compare.
	c.Name, c.ID, c.Type, c.Payload = internal.Type.Name, internal.ID, internal.Type, internal.Payload
	err := c.Check()
	return x.traced(ctx, &call{Command: c}, err)
}

// LoadState returns the state of an aggregate at this version or a later one. A fresh state includes every commit that was
// acknowledged before the call.
func (x *Executor) LoadState(ctx context.Context, a *core.Aggregate, s core.Stream, version core.Version, fresh bool) (any, error) {
	slot, err := x.cache.acquire(ctx, s)
	if err != nil {
		return nil, err
	}
	defer x.cache.release(slot)
	if fresh || !slot.loaded || slot.Revision.Version < version {
		slot.stale = true
	}
	if _, err := x.load(ctx, slot, a); err != nil {
		return nil, err
	}
	return slot.Value, nil
}

// execute attempts the command until it does not conflict with another writer.
func (x *Executor) execute(ctx context.Context, c *call) (runtime.Result, error) {
	slot, err := x.cache.acquire(ctx, c.Stream)
	if err != nil {
		return runtime.Result{}, err
	}
	defer x.cache.release(slot)
	c.hash = core.HashCommand(c.Name, c.Body)
	for {
		result, err := x.attempt(ctx, slot, c)
		if !errors.Is(err, port.ErrConflict) || c.conflicts == x.config.MaxConflicts {
			return result, err
		}
		c.conflicts++
		if err := pauseAfter(ctx, c.conflicts); err != nil {
			return runtime.Result{}, err
		}
	}
}

// attempt decides once, on the state in memory. If that state may be stale because another executor has written since, a
// rejection, a command without events, and events that can't be encoded or folded are decided again on a fresh state.
func (x *Executor) attempt(ctx context.Context, slot *slot, c *call) (runtime.Result, error) {
	if result, done, err := x.tryOptimistic(ctx, slot, c); done {
		return result, err
	}
	var load loadResult
	var err error
	if slot.current() {
		c.cacheHits++
	} else if load, err = x.load(ctx, slot, c.Type.Aggregate); err != nil {
		return runtime.Result{}, err
	}
	for {
		events, result, err := x.decide(ctx, &slot.State, c)
		if len(events) > 0 && err == nil {
			if result, err = x.commit(ctx, slot, c, events); err == nil || isLogError(err) {
				return result, err
			}
		}
		if load.fresh || result.Repeated {
			return result, err
		}
		slot.stale = true
		if load, err = x.load(ctx, slot, c.Type.Aggregate); err != nil {
			return runtime.Result{}, err
		}
	}
}

var conflictPauses = retry.Policy{First: 2 * time.Millisecond, Max: 128 * time.Millisecond, FullJitter: true}

// pauseAfter waits before the next attempt after a conflict, the first of which is number 1.
func pauseAfter(ctx context.Context, conflicts int) error {
	if !retry.Sleep(ctx, conflictPauses.Pause(conflicts)) {
		return fmt.Errorf("%w: %w", port.ErrUnavailable, ctx.Err())
	}
	return nil
}
