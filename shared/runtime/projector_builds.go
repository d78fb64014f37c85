package runtime

import (
	"context"
	"slices"
	"time"

	"orchestrix/shared/es"
)

// reconcile runs a projection for each partition of each build that has to be kept up to date, and ends the others.
func (p *Projector) reconcile(ctx context.Context) {
	builds, err := p.views.Builds(ctx)
	if err == nil {
		builds, err = p.prepare(ctx, builds)
	}
	if err != nil {
		if ctx.Err() == nil {
			p.config.Logger.WarnContext(ctx, "the builds of the views are not known", "error", err)
		}
		return
	}
	wanted := map[projectionKey]*es.ViewType{}
	for _, b := range builds {
		view, ok := p.view(b.View)
		if !ok || !p.keeps(view, b) || b.Paused {
			continue
		}
		for partition := range p.reads {
			wanted[projectionKey{b.Build, partition}] = view
		}
	}
	p.share.set(len(wanted), p.workers)
	for key, view := range wanted {
		p.start(ctx, view, key)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.builds = builds
	for key, projection := range p.projections {
		if wanted[key] == nil {
			projection.cancel()
			delete(p.projections, key)
		}
	}
}

// keeps reports whether this program keeps the build up to date: only the folds of its own version are known.
func (p *Projector) keeps(view *es.ViewType, b es.BuildStatus) bool {
	return b.Version == view.Version && (b.State == es.Active || b.State == es.Building)
}

// prepare makes sure that every build that this program keeps has what it needs, and that every view has a build of
// this program's version, unless one was called off or readers see a newer version.
func (p *Projector) prepare(ctx context.Context, builds []es.BuildStatus) ([]es.BuildStatus, error) {
	missing := false
	for _, view := range p.kept {
		known := false
		for _, b := range builds {
			if b.View != view.Name || b.Version != view.Version {
				continue
			}
			known = true
			if p.keeps(view, b) {
				if err := p.prepareOne(ctx, view, b.Build); err != nil {
					return nil, err
				}
			}
		}
		if !known && !p.outdated(ctx, view, builds) {
			missing = true
			if err := p.prepareOne(ctx, view, view.Build()); err != nil {
				return nil, err
			}
		}
	}
	if !missing {
		return builds, nil
	}
	return p.views.Builds(ctx)
}

// outdated reports whether readers see a newer version of the view than this program has: they never go back.
func (p *Projector) outdated(ctx context.Context, view *es.ViewType, builds []es.BuildStatus) bool {
	for _, b := range builds {
		if b.View != view.Name || b.State != es.Active || b.Version <= view.Version {
			continue
		}
		if !p.told[view.Name] {
			p.told[view.Name] = true
			p.config.Logger.WarnContext(ctx, "readers see a newer version of the view than this program has, and nothing here keeps it up to date",
				"view", view.Name, "theirs", b.Version, "ours", view.Version)
		}
		return true
	}
	return false
}

func (p *Projector) prepareOne(ctx context.Context, view *es.ViewType, b es.Build) error {
	p.mu.Lock()
	done := p.prepared[b]
	p.mu.Unlock()
	if done {
		return nil
	}
	if err := p.views.Prepare(ctx, specOf(view, b)); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prepared[b] = true
	return nil
}

func specOf(view *es.ViewType, b es.Build) es.ViewSpec {
	spec := view.ViewSpec
	spec.Rebuild = b.Rebuild
	return spec
}

func (p *Projector) start(ctx context.Context, view *es.ViewType, key projectionKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.projections[key] != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	projection := &projection{
		projector: p, view: view, spec: specOf(view, key.Build), reads: p.reads[key.partition], cancel: cancel,
		position: es.Position{Partition: key.partition}, state: Elsewhere,
	}
	p.projections[key] = projection
	p.running.Go(func() { projection.run(ctx) })
}

// activate switches readers to builds that have caught up.
func (p *Projector) activate(ctx context.Context) {
	for _, b := range p.known() {
		view, ok := p.view(b.View)
		if !ok || b.State != es.Building || !p.keeps(view, b) {
			continue
		}
		active, err := p.views.Activate(ctx, specOf(view, b.Build), p.feed.Partitions())
		if err != nil {
			p.config.Logger.WarnContext(ctx, "readers can't be switched to a new build", "view", b.View, "build", b.Number(), "error", err)
			continue
		}
		if active {
			p.config.Logger.InfoContext(ctx, "readers are switched to a new build", "view", b.View, "build", b.Number())
			if b.DropOld {
				p.drop(ctx, b.View, time.Now().Add(time.Minute), "the rebuild asked for it")
			}
		}
	}
}

func (p *Projector) known() []es.BuildStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.builds
}

const cleanInterval = time.Minute

// clean drops the builds that nobody reads any more.
func (p *Projector) clean(ctx context.Context) {
	if time.Since(p.cleaned) < cleanInterval {
		return
	}
	p.cleaned = time.Now()
	before := time.Now().Add(-p.config.KeepOld)
	for _, view := range p.withOldBuilds(before) {
		p.drop(ctx, view, before, "it was kept for "+p.config.KeepOld.String())
	}
}

// withOldBuilds are the views whose old builds this worker drops, those that are in no program any more among them. Those of
// the process runner are its own: in the database it may be a role that others can't act for.
func (p *Projector) withOldBuilds(before time.Time) (views []string) {
	for _, b := range p.known() {
		own := (b.View == ProcessFollower) == (p.kind == es.ProcessWorker)
		old := (b.State == es.Retired || b.State == es.Cancelled) && b.Since.Before(before)
		if own && old && !slices.Contains(views, b.View) {
			views = append(views, b.View)
		}
	}
	return views
}

func (p *Projector) drop(ctx context.Context, view string, before time.Time, reason string) {
	dropped, err := p.views.Drop(ctx, view, before, es.Action{Who: "projector", Did: "drop", Reason: reason})
	if err != nil && ctx.Err() == nil {
		p.config.Logger.WarnContext(ctx, "old builds can't be dropped", "error", err)
	}
	for _, b := range dropped {
		p.config.Logger.InfoContext(ctx, "an old build is dropped", "view", b.View, "build", b.Number())
	}
}
