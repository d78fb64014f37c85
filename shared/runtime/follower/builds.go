package follower

import (
	"context"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// reconcileBuilds runs a partition follower for each partition of each build that is kept up to date, and ends the others.
func (f *Follower) reconcileBuilds(ctx context.Context) {
	builds, err := f.store.Builds(ctx)
	if err == nil {
		builds, err = f.prepareBuilds(ctx, builds)
	}
	if err != nil {
		if ctx.Err() == nil {
			f.config.Logger.WarnContext(ctx, "the builds can't be read or prepared", "error", err)
		}
		return
	}
	wanted := map[partitionKey]Consumer{}
	for _, b := range builds {
		consumer, ok := findConsumer(f.consumers, b.View)
		if !ok || !isCurrent(consumer, b) || b.Paused {
			continue
		}
		for partition := range f.readers {
			wanted[partitionKey{b.Build, partition}] = consumer
		}
	}
	f.quota.set(len(wanted), f.workers)
	for key, consumer := range wanted {
		f.start(ctx, consumer, key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.builds = builds
	for key, p := range f.partitions {
		if _, ok := wanted[key]; !ok {
			p.cancel()
			delete(f.partitions, key)
		}
	}
}

// isCurrent reports whether this program keeps the build up to date: it has the handler of its own version only.
func isCurrent(c Consumer, b port.BuildStatus) bool {
	return b.Version == c.Spec.Version && (b.State == port.Active || b.State == port.Building)
}

// prepareBuilds prepares the store for every build that this program keeps up to date. A consumer without a build of this
// program's version gets one, unless a newer version is active; one that was cancelled counts as a build. It returns the
// builds as they are afterwards.
func (f *Follower) prepareBuilds(ctx context.Context, builds []port.BuildStatus) ([]port.BuildStatus, error) {
	created := false
	for _, consumer := range f.consumers {
		known := false
		for _, b := range builds {
			if b.View != consumer.Spec.Name || b.Version != consumer.Spec.Version {
				continue
			}
			known = true
			if isCurrent(consumer, b) {
				if err := f.prepareBuild(ctx, consumer, b.Build); err != nil {
					return nil, err
				}
			}
		}
		if !known && !f.isOutdated(ctx, consumer, builds) {
			created = true
			if err := f.prepareBuild(ctx, consumer, consumer.Spec.Build()); err != nil {
				return nil, err
			}
		}
	}
	if !created {
		return builds, nil
	}
	return f.store.Builds(ctx)
}

// isOutdated reports whether a newer version than this program's is active: readers never go back to an older one.
func (f *Follower) isOutdated(ctx context.Context, c Consumer, builds []port.BuildStatus) bool {
	for _, b := range builds {
		if b.View != c.Spec.Name || b.State != port.Active || b.Version <= c.Spec.Version {
			continue
		}
		if !f.outdated[c.Spec.Name] {
			f.outdated[c.Spec.Name] = true
			f.config.Logger.WarnContext(ctx, "a newer version than this program's is active; this program does not keep it up to date",
				"view", c.Spec.Name, "active", b.Version, "own", c.Spec.Version)
		}
		return true
	}
	return false
}

func (f *Follower) prepareBuild(ctx context.Context, c Consumer, b core.Build) error {
	f.mu.Lock()
	done := f.prepared[b]
	f.mu.Unlock()
	if done {
		return nil
	}
	if err := f.store.Prepare(ctx, BuildSpec(c.Spec, b)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prepared[b] = true
	return nil
}

// BuildSpec returns the spec of one build of a view.
func BuildSpec(spec core.ViewSpec, b core.Build) core.ViewSpec {
	spec.Rebuild = b.Rebuild
	return spec
}

func (f *Follower) start(ctx context.Context, c Consumer, key partitionKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.partitions[key] != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &partitionFollower{
		follower: f, consumer: c, spec: BuildSpec(c.Spec, key.Build), reader: f.readers[key.partition], cancel: cancel,
		position: core.Position{Partition: key.partition}, state: Elsewhere,
	}
	f.partitions[key] = p
	f.running.Go(func() { p.followPartition(ctx) })
}

// activateBuilds switches readers to builds that have caught up.
func (f *Follower) activateBuilds(ctx context.Context) {
	for _, b := range f.knownBuilds() {
		consumer, ok := findConsumer(f.consumers, b.View)
		if !ok || b.State != port.Building || !isCurrent(consumer, b) {
			continue
		}
		active, err := f.store.Activate(ctx, BuildSpec(consumer.Spec, b.Build), f.feed.Partitions())
		if err != nil {
			f.config.Logger.WarnContext(ctx, "readers can't be switched to a new build", "view", b.View, "build", b.Number(), "error", err)
			continue
		}
		if active {
			f.config.Logger.InfoContext(ctx, "readers are switched to a new build", "view", b.View, "build", b.Number())
			if b.DropOld {
				f.dropBuilds(ctx, b.View, time.Now().Add(time.Minute), "the rebuild asked for it")
			}
		}
	}
}

func (f *Follower) knownBuilds() []port.BuildStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.builds
}

const cleanInterval = time.Minute

// dropOldBuilds drops the builds whose time to be kept is over.
func (f *Follower) dropOldBuilds(ctx context.Context) {
	if time.Since(f.cleanedAt) < cleanInterval {
		return
	}
	f.cleanedAt = time.Now()
	before := time.Now().Add(-f.config.KeepOld)
	for _, name := range f.namesWithOldBuilds(before) {
		f.dropBuilds(ctx, name, before, "it was kept for "+f.config.KeepOld.String())
	}
}

// namesWithOldBuilds returns the names that this worker owns and that have builds to drop. They may be unknown to this program.
func (f *Follower) namesWithOldBuilds(before time.Time) (names []string) {
	for _, b := range f.knownBuilds() {
		old := (b.State == port.Retired || b.State == port.Cancelled) && b.Since.Before(before)
		if old && f.config.Owns(b.View) && !slices.Contains(names, b.View) {
			names = append(names, b.View)
		}
	}
	return names
}

func (f *Follower) dropBuilds(ctx context.Context, name string, before time.Time, reason string) {
	dropped, err := f.store.Drop(ctx, name, before, core.Action{Who: "projector", Did: "drop", Reason: reason})
	if err != nil && ctx.Err() == nil {
		f.config.Logger.WarnContext(ctx, "old builds can't be dropped", "view", name, "error", err)
	}
	for _, b := range dropped {
		f.config.Logger.InfoContext(ctx, "old build dropped", "view", b.View, "build", b.Number())
	}
}
