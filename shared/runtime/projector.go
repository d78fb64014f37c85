package runtime

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
)

// ProjectorConfig is how a [Projector] works. Zero values take the defaults.
type ProjectorConfig struct {
	Owner    string             // names this worker in the leases; random
	Batch    int                // commits in one transaction, at most; 500
	LeaseTTL time.Duration      // after how long without a sign of life another takes over; 3 s
	KeepOld  time.Duration      // how long a build is kept after readers were switched to a newer one; 24 h
	Logger   *slog.Logger       // slog.Default()
	Observer ProjectionObserver // nobody
	System   string             // in which the log is kept, for traces: "nats"
}

func (c ProjectorConfig) withDefaults() ProjectorConfig {
	if c.Owner == "" {
		c.Owner = rand.Text()
	}
	setDefault(&c.Batch, 500)
	if c.LeaseTTL <= 0 {
		c.LeaseTTL = 3 * time.Second
	}
	if c.KeepOld <= 0 {
		c.KeepOld = 24 * time.Hour
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
	return c
}

// ProjectionStore is what a projector writes to.
type ProjectionStore interface {
	es.ViewWriter
	es.BuildStore
	es.ParkedStore
}

// Projector keeps every view of a registry up to date. Several projectors share the work evenly: each (build of a view,
// partition) belongs to the one that holds its lease.
type Projector struct {
	config   ProjectorConfig
	registry *es.Registry
	feed     es.Feed
	views    ProjectionStore
	kept     []*es.ViewType
	kind     es.WorkerKind
	// handle, where it is set, does with what was read what else is to be done before the checkpoint moves; nothing is
	// folded then. What the log held when the partition was claimed may have been handled before.
	handle  func(ctx context.Context, b part, claimed es.Position) error
	reads   []*reads // by partition
	share   share
	running sync.WaitGroup

	mu          sync.Mutex
	projections map[projectionKey]*projection
	builds      []es.BuildStatus // as last seen
	heads       []*es.Head       // by partition, as last seen; nil is not known
	prepared    map[es.Build]bool
	passedOver  map[string]bool // kinds of events of which somebody was told

	// Only Run touches these.
	workers int // that live
	cleaned time.Time
	looked  time.Time       // where the log ends
	told    map[string]bool // of which views, that they are older here than readers see them
}

type projectionKey struct {
	es.Build
	partition int
}

// NewProjector returns a projector that follows feed.
func NewProjector(registry *es.Registry, feed es.Feed, views ProjectionStore, config ProjectorConfig) *Projector {
	return newProjector(registry, feed, views, registry.Views(), es.ProjectionWorker, config)
}

func newProjector(registry *es.Registry, feed es.Feed, views ProjectionStore, kept []*es.ViewType, kind es.WorkerKind, config ProjectorConfig) *Projector {
	p := &Projector{
		config: config.withDefaults(), registry: registry, feed: feed, views: views, kept: kept, kind: kind,
		projections: map[projectionKey]*projection{}, prepared: map[es.Build]bool{}, passedOver: map[string]bool{}, told: map[string]bool{}, heads: make([]*es.Head, feed.Partitions()),
	}
	shared := &together{views: views}
	for partition := range feed.Partitions() {
		p.reads = append(p.reads, newReads(registry, feed, shared, partition, p.config.Batch, p.passOver))
	}
	return p
}

// view finds a view that this projector keeps up to date.
func (p *Projector) view(name string) (*es.ViewType, bool) {
	for _, v := range p.kept {
		if v.Name == name {
			return v, true
		}
	}
	return nil, false
}

// ticks are how often, within a lease's time, a worker gives a sign of life and looks around.
const ticks = 4

func (p *Projector) tick() time.Duration { return p.config.LeaseTTL / ticks }

// Run follows the log until ctx ends. It then finishes the transactions in hand and gives its leases back.
func (p *Projector) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		p.join(ctx)
		p.look(ctx)
		p.reconcile(ctx)
		p.renew(ctx)
		p.balance()
		p.activate(ctx)
		p.clean(ctx)
		retry.Sleep(ctx, p.tick())
	}
	for _, projection := range p.all() {
		projection.cancel()
	}
	p.running.Wait()
	for _, r := range p.reads {
		r.running.Wait()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := p.views.Leave(ctx, p.config.Owner); err != nil {
		p.config.Logger.WarnContext(ctx, "this worker counts for a while after its end", "error", err)
	}
	return nil
}

// join gives a sign of life, and learns how many others live. Theirs ends before their leases do, so that there is
// room for what they held when those end. A worker that is on another log than the views does not count: the others
// do all the work.
func (p *Projector) join(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.config.LeaseTTL)
	defer cancel()
	if p.onAnotherLog() {
		if err := p.views.Leave(ctx, p.config.Owner); err != nil && ctx.Err() == nil {
			p.config.Logger.WarnContext(ctx, "this worker is on another log than the views, and is counted all the same", "error", err)
		}
		return
	}
	workers, err := p.views.Join(ctx, p.kind, p.config.Owner, p.config.LeaseTTL*2/3)
	if err != nil {
		if ctx.Err() == nil {
			p.config.Logger.WarnContext(ctx, "the other workers are not known", "error", err)
		}
		return
	}
	p.workers = workers
}

// onAnotherLog reports whether a projection has halted for that.
func (p *Projector) onAnotherLog() bool {
	for _, projection := range p.all() {
		if projection.halted() {
			return true
		}
	}
	return false
}

// checkpoint is where a build stands with a partition, as last seen.
func (p *Projector) checkpoint(b es.Build, partition int) (es.Checkpoint, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, status := range p.builds {
		for _, c := range status.Checkpoints {
			if status.Build == b && c.Position.Partition == partition {
				return c, true
			}
		}
	}
	return es.Checkpoint{}, false
}

// look tells the projections where the log ends.
func (p *Projector) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.tick())
	defer cancel()
	p.looked = time.Now()
	heads := make([]*es.Head, p.feed.Partitions())
	for partition := range heads {
		head, err := p.feed.Head(ctx, partition)
		if err != nil {
			continue // what is not known is not claimed to be caught up
		}
		heads[partition] = &head
	}
	p.mu.Lock()
	p.heads = heads
	p.mu.Unlock()
	for _, projection := range p.all() {
		projection.seen(heads[projection.reads.partition])
	}
}

func (p *Projector) all() []*projection {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*projection, 0, len(p.projections))
	for _, projection := range p.projections {
		all = append(all, projection)
	}
	return all
}

func (p *Projector) renew(ctx context.Context) {
	leases, caughtUp := p.leases()
	if len(leases) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.config.LeaseTTL)
	defer cancel()
	held, err := p.views.Renew(ctx, leases, caughtUp, p.config.LeaseTTL)
	if err != nil {
		if ctx.Err() == nil {
			p.config.Logger.WarnContext(ctx, "leases not renewed", "error", err)
		}
		return // whoever takes them over fences us out
	}
	still := make(map[es.Lease]bool, len(held))
	for _, lease := range held {
		still[withoutEnd(lease)] = true
	}
	for _, projection := range p.all() {
		if lease, _, ok := projection.held(); ok && contains(leases, lease) && !still[withoutEnd(lease)] {
			p.config.Logger.InfoContext(ctx, "another worker has taken over, or the build has ended", "view", lease.View, "partition", lease.Partition)
			projection.giveUp()
		}
	}
}

func contains(leases []es.Lease, wanted es.Lease) bool {
	for _, l := range leases {
		if withoutEnd(l) == withoutEnd(wanted) {
			return true
		}
	}
	return false
}

func withoutEnd(l es.Lease) es.Lease {
	l.Until = time.Time{}
	return l
}

func (p *Projector) leases() (leases []es.Lease, caughtUp []time.Time) {
	for _, projection := range p.all() {
		lease, current, ok := projection.held()
		if !ok {
			continue
		}
		var at time.Time
		if current {
			at = p.looked
		}
		leases, caughtUp = append(leases, lease), append(caughtUp, at)
	}
	return leases, caughtUp
}

// balance leaves what is more than this worker's share to others.
func (p *Projector) balance() {
	var held []*projection
	for _, projection := range p.all() {
		if _, _, ok := projection.held(); ok {
			held = append(held, projection)
		}
	}
	for _, projection := range held[:p.share.excess(len(held))] {
		projection.giveUp()
	}
}
