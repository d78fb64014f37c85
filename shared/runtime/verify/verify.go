package verify

import (
	"context"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// Options selects what [Run] checks.
type Options struct {
	Sample    int                      // number of documents of each view, and of snapshots; 0 is all
	LogOnly   bool                     // do not check views
	Snapshots Snapshots                // nil: do not check snapshots
	Progress  func(done, total uint64) // called with numbers of commits; nil ignores them
}

// Report is the result of [Run].
type Report struct {
	Commits, Events uint64
	Streams         int
	Documents       int // compared
	Snapshots       int // compared
	Moved           int // documents that changed during each of the comparisons
	Blocked         int // documents with parked events
	Findings        []Finding
	Count           int       // number of findings; Findings holds the first of them
	Noise           []Finding // messages of the log that are no commits, which every reader passes over
	NoiseCount      int       // number of them; Noise holds the first of them
}

// Run reads the log once and checks that the versions of each stream are contiguous, that back-pointers are right, that no
// commit is missing, that no command was committed twice, and that every event can be decoded. It also folds documents of each
// view, and snapshots, from the log and compares them with the store. Views may change meanwhile. An error means that the check was not
// completed; faults are in the result.
func Run(ctx context.Context, registry *core.Registry, log port.Log, views port.ViewStore, o Options) (Report, error) {
	v := &verifier{registry: registry, log: log, views: views, options: o, check: newLogCheck(registry, log.Partitions())}
	return v.verifyLogAndViews(ctx)
}

type verifier struct {
	registry *core.Registry
	log      port.Log
	views    port.ViewStore
	options  Options
	check    *logCheck
	heads    []port.Head
	done     uint64
	total    uint64
}

func (v *verifier) verifyLogAndViews(ctx context.Context) (result Report, err error) {
	checks, err := v.viewChecks(ctx)
	if err != nil {
		return result, err
	}
	if err := v.readHeads(ctx); err != nil {
		return result, err
	}
	err = v.walk(ctx, func(d *follower.DecodedCommit) {
		v.check.checkCommit(&d.Commit)
		for _, c := range checks {
			c.fold(d)
		}
	})
	if err != nil {
		return result, err
	}
	v.check.checkHeads(v.heads)
	result = Report{
		Commits: v.check.commits, Events: v.check.events, Streams: len(v.check.streams),
		Findings: v.check.first, Count: v.check.count, Noise: v.check.noise.first, NoiseCount: v.check.noise.count,
	}
	for _, c := range checks {
		if err := v.compare(ctx, c, &result); err != nil {
			return result, err
		}
	}
	err = v.compareSnapshots(ctx, &result)
	return result, err
}

// viewChecks returns a check of each view up to its current checkpoints.
func (v *verifier) viewChecks(ctx context.Context) (checks []*viewCheck, err error) {
	if v.options.LogOnly {
		return nil, nil
	}
	for _, view := range v.registry.Views() {
		checkpoints, err := v.views.Checkpoints(ctx, view.Name)
		if err != nil {
			return nil, err
		}
		if len(checkpoints) > 0 && checkpoints[0].Version != view.Version {
			return nil, fmt.Errorf("%w: view %s is served in version %d, this program has version %d", port.ErrOtherVersion, view.Name, checkpoints[0].Version, view.Version)
		}
		checks = append(checks, newViewCheck(view, checkpoints, v.log.Partitions(), v.options.Sample))
	}
	return checks, nil
}

func (v *verifier) readHeads(ctx context.Context) error {
	v.heads, v.total = nil, 0
	for partition := range v.log.Partitions() {
		head, err := v.log.Head(ctx, partition)
		if err != nil {
			return err
		}
		v.heads = append(v.heads, head)
		v.total += head.Position.Sequence
	}
	return nil
}

const maxPasses = 3

// compare compares one view, and repeats it for the documents that changed meanwhile.
func (v *verifier) compare(ctx context.Context, c *viewCheck, result *Report) error {
	sampled := c.limit > 0
	for pass := 1; ; pass++ {
		c.last = pass == maxPasses
		if err := c.compare(ctx, v.views); err != nil {
			return err
		}
		if pass == 1 && !sampled {
			for tenant := range c.tenants() {
				if err := c.findUnexpected(ctx, v.views, tenant); err != nil {
					return err
				}
			}
		}
		result.Documents += c.compared - len(c.moved)
		result.Blocked += len(c.blocked)
		result.Count += c.count
		result.Findings = append(result.Findings, c.first...)
		if len(c.moved) == 0 || pass == maxPasses {
			result.Moved += len(c.moved)
			return nil
		}
		next, err := v.recheck(ctx, c)
		if err != nil {
			return err
		}
		c = next
	}
}

func (c *viewCheck) tenants() map[string]bool {
	tenants := map[string]bool{core.DefaultTenant: true}
	for key := range c.documents {
		tenants[key.Tenant] = true
	}
	return tenants
}

// recheck folds the documents that have changed, up to the current checkpoints of the view.
func (v *verifier) recheck(ctx context.Context, before *viewCheck) (*viewCheck, error) {
	checkpoints, err := v.views.Checkpoints(ctx, before.view.Name)
	if err != nil {
		return nil, err
	}
	c := newViewCheck(before.view, checkpoints, v.log.Partitions(), 0)
	c.only = before.moved
	if err := v.readHeads(ctx); err != nil {
		return nil, err
	}
	v.done = 0
	return c, v.walk(ctx, c.fold)
}
