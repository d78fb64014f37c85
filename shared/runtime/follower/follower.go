package follower

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// Config configures a [Follower]. Zero values take the defaults.
type Config struct {
	Owner    string        // names this worker in the leases; random
	Batch    int           // maximum number of commits in a batch; 500
	LeaseTTL time.Duration // another worker takes over the leases of a worker that has not renewed them for so long; 3 s
	KeepOld  time.Duration // how long a build is kept after it was replaced or cancelled; 24 h
	Logger   *slog.Logger  // slog.Default()

	// Kind is the group of workers that share the partitions among each other.
	Kind port.WorkerKind
	// Owns reports whether this worker drops the old builds of this name; nil owns those of its consumers.
	Owns func(name string) bool
	// Undecodable is called with each commit of which events can't be decoded, before its handlers are; nil ignores it.
	// It is called concurrently.
	Undecodable func(context.Context, *DecodedCommit)
}

func (c Config) withDefaults(consumers []Consumer) Config {
	if c.Owner == "" {
		c.Owner = rand.Text()
	}
	runtime.SetDefault(&c.Batch, 500)
	runtime.SetDefault(&c.LeaseTTL, 3*time.Second)
	runtime.SetDefault(&c.KeepOld, 24*time.Hour)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Owns == nil {
		c.Owns = func(name string) bool {
			_, ok := findConsumer(consumers, name)
			return ok
		}
	}
	if c.Undecodable == nil {
		c.Undecodable = func(context.Context, *DecodedCommit) {}
	}
	return c
}

// CheckpointStore stores the builds of consumers, and the lease and the checkpoint of each of their partitions. Its methods
// are those of [port.ViewWriter] and [port.BuildStore].
type CheckpointStore interface {
	Claim(ctx context.Context, build core.ViewSpec, partition int, owner string, ttl time.Duration) (port.Checkpoint, error)
	Renew(ctx context.Context, leases []port.Lease, caughtUp []time.Time, ttl time.Duration) ([]port.Lease, error)
	Release(ctx context.Context, leases []port.Lease) error

	Join(ctx context.Context, kind port.WorkerKind, owner string, ttl time.Duration) (workers int, err error)
	Leave(ctx context.Context, owner string) error

	Builds(ctx context.Context) ([]port.BuildStatus, error)
	Prepare(ctx context.Context, build core.ViewSpec) error
	Activate(ctx context.Context, build core.ViewSpec, partitions int) (bool, error)
	Drop(ctx context.Context, name string, before time.Time, by core.Action) ([]core.Build, error)
}

// Consumer is a reader of the log that has checkpoints of its own, such as a view.
type Consumer struct {
	Spec core.ViewSpec // name and version; each build of the version has its own checkpoints

	// Open returns the handler for one partition of a build. It is called each time that the lease was taken.
	Open func(build core.ViewSpec, partition int) CommitHandler
}

func findConsumer(consumers []Consumer, name string) (Consumer, bool) {
	for _, c := range consumers {
		if c.Spec.Name == name {
			return c, true
		}
	}
	return Consumer{}, false
}

// Follower reads a log for a set of consumers. For each partition of each of their builds it keeps a lease and a checkpoint,
// and calls the handler with what follows in the log. Several followers share the work evenly: a partition of a build belongs
// to the follower that holds its lease. Consumers whose checkpoints are close to each other share one read of the log.
type Follower struct {
	config    Config
	feed      port.Feed
	store     CheckpointStore
	consumers []Consumer
	readers   []*sharedReader // by partition
	quota     workerQuota
	running   sync.WaitGroup

	mu         sync.Mutex
	partitions map[partitionKey]*partitionFollower
	builds     []port.BuildStatus // as last read
	heads      []*port.Head       // by partition, as last read; nil is unknown
	prepared   map[core.Build]bool

	// Used only by Run.
	workers   int // of this kind that are alive
	cleanedAt time.Time
	headsAt   time.Time       // when the heads were read last
	outdated  map[string]bool // consumers of which a newer version is active; each is logged once
}

type partitionKey struct {
	core.Build
	partition int
}

// New returns a follower of feed. The events of its commits are decoded with registry.
func New(registry *core.Registry, feed port.Feed, store CheckpointStore, consumers []Consumer, config Config) *Follower {
	f := &Follower{
		config: config.withDefaults(consumers), feed: feed, store: store, consumers: consumers,
		partitions: map[partitionKey]*partitionFollower{}, prepared: map[core.Build]bool{}, outdated: map[string]bool{},
		heads: make([]*port.Head, feed.Partitions()),
	}
	for partition := range feed.Partitions() {
		f.readers = append(f.readers, newSharedReader(registry, feed, partition, f.config.Batch, f.config.Undecodable))
	}
	return f
}

// ticksPerLease is how often a worker renews its leases within their time.
const ticksPerLease = 4

func (f *Follower) tick() time.Duration { return f.config.LeaseTTL / ticksPerLease }

// Run follows the log until ctx ends. It then finishes the transactions in progress and releases its leases.
func (f *Follower) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		f.joinWorkers(ctx)
		f.readHeads(ctx)
		f.reconcileBuilds(ctx)
		f.renewLeases(ctx)
		f.yieldExcess()
		f.activateBuilds(ctx)
		f.dropOldBuilds(ctx)
		retry.Sleep(ctx, f.tick())
	}
	for _, p := range f.allPartitions() {
		p.cancel()
	}
	f.running.Wait()
	for _, r := range f.readers {
		r.running.Wait()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := f.store.Leave(ctx, f.config.Owner); err != nil {
		f.config.Logger.WarnContext(ctx, "this worker could not sign off and is counted until its registration expires", "error", err)
	}
	return nil
}

// joinWorkers registers this worker and reads how many are alive. A registration expires before the worker's leases do, so
// that the others have raised their quotas when those become free. A worker that is connected to another log than that of
// the checkpoints signs off: the others do all the work.
func (f *Follower) joinWorkers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.config.LeaseTTL)
	defer cancel()
	if f.isOnAnotherLog() {
		if err := f.store.Leave(ctx, f.config.Owner); err != nil && ctx.Err() == nil {
			f.config.Logger.WarnContext(ctx, "this worker is connected to another log than that of the checkpoints, and could not sign off", "error", err)
		}
		return
	}
	workers, err := f.store.Join(ctx, f.config.Kind, f.config.Owner, f.config.LeaseTTL*2/3)
	if err != nil {
		if ctx.Err() == nil {
			f.config.Logger.WarnContext(ctx, "the number of workers can't be read", "error", err)
		}
		return
	}
	f.workers = workers
}

// isOnAnotherLog reports whether a partition is halted for that reason.
func (f *Follower) isOnAnotherLog() bool {
	for _, p := range f.allPartitions() {
		if p.isHalted() {
			return true
		}
	}
	return false
}

// checkpoint returns the checkpoint of a partition of a build as last read.
func (f *Follower) checkpoint(b core.Build, partition int) (port.Checkpoint, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, status := range f.builds {
		for _, c := range status.Checkpoints {
			if status.Build == b && c.Position.Partition == partition {
				return c, true
			}
		}
	}
	return port.Checkpoint{}, false
}

// readHeads reads the end of each partition and passes it to the partition's followers.
func (f *Follower) readHeads(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.tick())
	defer cancel()
	f.headsAt = time.Now()
	heads := make([]*port.Head, f.feed.Partitions())
	for partition := range heads {
		head, err := f.feed.Head(ctx, partition)
		if err != nil {
			continue // with an unknown head, no follower claims to be caught up
		}
		heads[partition] = &head
	}
	f.mu.Lock()
	f.heads = heads
	f.mu.Unlock()
	for _, p := range f.allPartitions() {
		p.updateHead(heads[p.reader.partition])
	}
}

func (f *Follower) allPartitions() []*partitionFollower {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]*partitionFollower, 0, len(f.partitions))
	for _, p := range f.partitions {
		all = append(all, p)
	}
	return all
}

func (f *Follower) renewLeases(ctx context.Context) {
	leases, caughtUp := f.leases()
	if len(leases) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, f.config.LeaseTTL)
	defer cancel()
	renewed, err := f.store.Renew(ctx, leases, caughtUp, f.config.LeaseTTL)
	if err != nil {
		if ctx.Err() == nil {
			f.config.Logger.WarnContext(ctx, "leases not renewed", "error", err)
		}
		return // a worker that takes them over fences this one
	}
	kept := make(map[port.Lease]bool, len(renewed))
	for _, lease := range renewed {
		kept[withoutEnd(lease)] = true
	}
	for _, p := range f.allPartitions() {
		if lease, _, ok := p.heldLease(); ok && containsLease(leases, lease) && !kept[withoutEnd(lease)] {
			f.config.Logger.InfoContext(ctx, "lease lost: another worker holds it, or the build has ended", "view", lease.View, "partition", lease.Partition)
			p.yieldLease()
		}
	}
}

func containsLease(leases []port.Lease, wanted port.Lease) bool {
	for _, l := range leases {
		if withoutEnd(l) == withoutEnd(wanted) {
			return true
		}
	}
	return false
}

func withoutEnd(l port.Lease) port.Lease {
	l.Until = time.Time{}
	return l
}

// leases returns the held leases and when each was caught up; zero for those that are not.
func (f *Follower) leases() (leases []port.Lease, caughtUp []time.Time) {
	for _, p := range f.allPartitions() {
		lease, isCaughtUp, ok := p.heldLease()
		if !ok {
			continue
		}
		var at time.Time
		if isCaughtUp {
			at = f.headsAt
		}
		leases, caughtUp = append(leases, lease), append(caughtUp, at)
	}
	return leases, caughtUp
}

// yieldExcess gives up the leases that exceed this worker's quota.
func (f *Follower) yieldExcess() {
	var held []*partitionFollower
	for _, p := range f.allPartitions() {
		if _, _, ok := p.heldLease(); ok {
			held = append(held, p)
		}
	}
	for _, p := range held[:f.quota.excess(len(held))] {
		p.yieldLease()
	}
}

// RetryPolicy is that of followers and of their consumers' other work: it is repeated until it succeeds.
var RetryPolicy = core.RetryPolicy{Backoff: core.Exponential, First: 50 * time.Millisecond, Max: 5 * time.Second}
