package runtime

import (
	"context"
	"fmt"

	"orchestrix/shared/es"
)

// VerifyOptions say how much is checked.
type VerifyOptions struct {
	Sample   int  // documents of each view; 0 is all of them
	LogOnly  bool // views are not checked
	Progress func(done, total uint64)
}

// Verified is what a check has found.
type Verified struct {
	Commits, Events uint64
	Streams         int
	Documents       int // compared
	Moved           int // documents that changed again and again while they were being checked
	Blocked         int // documents whose events are parked
	Findings        []Finding
	Count           int // of all findings, of which the first are listed
}

// Verify walks the log once: the versions of each stream are contiguous, back-pointers are right, nothing is missing,
// no command comes twice, every event can be read. And it folds documents of each view from the log again and compares
// them with the store. Views may be written meanwhile. Its error says that it could not be done.
func Verify(ctx context.Context, registry *es.Registry, log es.Log, views es.ViewStore, o VerifyOptions) (Verified, error) {
	v := &verifier{registry: registry, log: log, views: views, options: o, check: newLogCheck(registry, log.Partitions())}
	return v.run(ctx)
}

type verifier struct {
	registry *es.Registry
	log      es.Log
	views    es.ViewStore
	options  VerifyOptions
	check    *logCheck
	heads    []es.Head
	done     uint64
	total    uint64
}

func (v *verifier) run(ctx context.Context) (result Verified, err error) {
	checks, err := v.viewChecks(ctx)
	if err != nil {
		return result, err
	}
	if err := v.lookAtHeads(ctx); err != nil {
		return result, err
	}
	err = v.walk(ctx, func(d *DecodedCommit) {
		v.check.check(&d.Commit)
		for _, c := range checks {
			c.fold(d)
		}
	})
	if err != nil {
		return result, err
	}
	v.check.end(v.heads)
	result = Verified{
		Commits: v.check.commits, Events: v.check.events, Streams: len(v.check.streams),
		Findings: v.check.first, Count: v.check.count,
	}
	for _, c := range checks {
		if err := v.compare(ctx, c, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

// viewChecks begin where the views stand now.
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
			return nil, fmt.Errorf("%w: view %s is served in version %d, this program has version %d", es.ErrOtherVersion, view.Name, checkpoints[0].Version, view.Version)
		}
		checks = append(checks, newViewCheck(view, checkpoints, v.log.Partitions(), v.options.Sample))
	}
	return checks, nil
}

func (v *verifier) lookAtHeads(ctx context.Context) error {
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

const passes = 3

// compare compares one view, and what has changed meanwhile once more.
func (v *verifier) compare(ctx context.Context, c *viewCheck, result *Verified) error {
	sampled := c.limit > 0
	for pass := 1; ; pass++ {
		c.last = pass == passes
		if err := c.compare(ctx, v.views); err != nil {
			return err
		}
		if pass == 1 && !sampled {
			for tenant := range c.tenants() {
				if err := c.strangers(ctx, v.views, tenant); err != nil {
					return err
				}
			}
		}
		result.Documents += c.compared - len(c.moved)
		result.Blocked += len(c.blocked)
		result.Count += c.count
		result.Findings = append(result.Findings, c.first...)
		if len(c.moved) == 0 || pass == passes {
			result.Moved += len(c.moved)
			return nil
		}
		again, err := v.again(ctx, c)
		if err != nil {
			return err
		}
		c = again
	}
}

func (c *viewCheck) tenants() map[string]bool {
	tenants := map[string]bool{es.DefaultTenant: true}
	for key := range c.documents {
		tenants[key.Tenant] = true
	}
	return tenants
}

// again folds the documents that have moved up to where the view stands now.
func (v *verifier) again(ctx context.Context, before *viewCheck) (*viewCheck, error) {
	checkpoints, err := v.views.Checkpoints(ctx, before.view.Name)
	if err != nil {
		return nil, err
	}
	c := newViewCheck(before.view, checkpoints, v.log.Partitions(), 0)
	c.only = before.moved
	if err := v.lookAtHeads(ctx); err != nil {
		return nil, err
	}
	v.done = 0
	return c, v.walk(ctx, c.fold)
}
