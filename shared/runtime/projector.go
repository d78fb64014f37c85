package runtime

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"orchestrix/shared/es"
)

// ProjectorConfig is how a [Projector] works. Zero values take the defaults.
type ProjectorConfig struct {
	Owner    string        // names this worker in the leases; random
	Batch    int           // commits in one transaction, at most; 500
	LeaseTTL time.Duration // after how long without a sign of life another takes over; 4 s
	Logger   *slog.Logger  // slog.Default()
}

func (c ProjectorConfig) withDefaults() ProjectorConfig {
	if c.Owner == "" {
		c.Owner = rand.Text()
	}
	setDefault(&c.Batch, 500)
	if c.LeaseTTL <= 0 {
		c.LeaseTTL = 4 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Projector keeps every view of a registry up to date. Several projectors share the work: each (view, partition)
// belongs to the one that holds its lease.
type Projector struct {
	config      ProjectorConfig
	feed        es.Feed
	views       es.ViewWriter
	projections []*projection
}

// NewProjector returns a projector that follows feed.
func NewProjector(registry *es.Registry, feed es.Feed, views es.ViewWriter, config ProjectorConfig) *Projector {
	p := &Projector{config: config.withDefaults(), feed: feed, views: views}
	for _, view := range registry.Views() {
		for partition := range feed.Partitions() {
			p.projections = append(p.projections, newProjection(p, registry, view, partition))
		}
	}
	return p
}

const (
	renewals       = 3 // signs of life within a lease's time
	prepareBackoff = time.Second
	releaseTimeout = 3 * time.Second
)

// Run follows the log until ctx ends. It then finishes the transactions in hand and gives its leases back.
func (p *Projector) Run(ctx context.Context) error {
	if !p.prepare(ctx) {
		return nil
	}
	var following sync.WaitGroup
	for _, projection := range p.projections {
		following.Go(func() { projection.run(ctx) })
	}
	p.watch(ctx)
	following.Wait()
	p.release(ctx)
	return nil
}

// prepare tries until every view is prepared. It reports false where ctx has ended before.
func (p *Projector) prepare(ctx context.Context) bool {
	prepared := map[string]bool{}
	for _, projection := range p.projections {
		for view := projection.view; !prepared[view.Name]; {
			err := p.views.Prepare(ctx, view.ViewSpec)
			if err == nil {
				prepared[view.Name] = true
				break
			}
			p.config.Logger.WarnContext(ctx, "a view can't be prepared", "view", view.Name, "error", err)
			if !sleep(ctx, prepareBackoff) {
				return false
			}
		}
	}
	return ctx.Err() == nil
}

// watch gives signs of life, and looks how far the views are behind, until ctx ends.
func (p *Projector) watch(ctx context.Context) {
	active := map[string]bool{}
	for {
		p.look(ctx)
		p.renew(ctx)
		p.activate(ctx, active)
		if !sleep(ctx, p.config.LeaseTTL/renewals) {
			return
		}
	}
}

// look tells the projections where the log ends.
func (p *Projector) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.config.LeaseTTL/renewals)
	defer cancel()
	heads := make([]*es.Head, p.feed.Partitions())
	for partition := range heads {
		head, err := p.feed.Head(ctx, partition)
		if err != nil {
			continue // what is not known is not claimed to be caught up
		}
		heads[partition] = &head
	}
	for _, projection := range p.projections {
		projection.seen(heads[projection.partition])
	}
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
	for _, lease := range leases {
		if !still[withoutEnd(lease)] {
			p.config.Logger.WarnContext(ctx, "another worker has taken over", "view", lease.View, "partition", lease.Partition)
		}
	}
}

func withoutEnd(l es.Lease) es.Lease {
	l.Until = time.Time{}
	return l
}

func (p *Projector) leases() (leases []es.Lease, caughtUp []bool) {
	for _, projection := range p.projections {
		if lease, current, ok := projection.held(); ok {
			leases, caughtUp = append(leases, lease), append(caughtUp, current)
		}
	}
	return leases, caughtUp
}

// activate switches readers to versions of views that have caught up.
func (p *Projector) activate(ctx context.Context, active map[string]bool) {
	for _, projection := range p.projections {
		view := projection.view
		if active[view.Name] || projection.partition > 0 {
			continue
		}
		switched, err := p.views.Activate(ctx, view.ViewSpec, p.feed.Partitions())
		if err == nil && switched {
			active[view.Name] = true
		}
	}
}

func (p *Projector) release(ctx context.Context) {
	leases, _ := p.leases()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := p.views.Release(ctx, leases); err != nil {
		p.config.Logger.WarnContext(ctx, "leases not released: others wait until they end", "error", err)
	}
}

// ProjectionStatus is how one view stands with one partition.
type ProjectionStatus struct {
	View     string
	Version  int
	Position es.Position
	Lag      uint64        // commits that the partition holds and the view does not
	LagTime  time.Duration // for at most so long the oldest of them has been there
	State    ProjectionState
	Err      error // why it is halted or retries
}

// ProjectionState is what a projection does at a moment.
type ProjectionState string

// The states of a projection.
const (
	Elsewhere ProjectionState = "elsewhere" // another worker has it
	Following ProjectionState = "following" // it is caught up, or about to be
	Retrying  ProjectionState = "retrying"  // the log or the views can't be reached
	Halted    ProjectionState = "halted"    // it can't apply a commit
)

// Status is how every view stands, in the order of the registry and of the partitions.
func (p *Projector) Status() []ProjectionStatus {
	all := make([]ProjectionStatus, len(p.projections))
	for i, projection := range p.projections {
		all[i] = projection.status()
	}
	return all
}

// sleep reports false where ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
