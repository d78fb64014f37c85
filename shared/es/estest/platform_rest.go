package estest

import (
	"context"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
)

// maxPause is the longest pause in which the platform has to have retried something that failed.
const maxPause = time.Minute

// settle waits until everything is done that the last call has led to. That takes virtual time only for what failed and is
// retried after a pause.
func (p *Running) settle(ctx context.Context) error {
	synctest.Wait()
	for pause := time.Millisecond; ; pause *= 2 {
		rest, err := p.unfinished(ctx)
		if err != nil || rest == "" {
			return err
		}
		if pause > maxPause {
			return fmt.Errorf("the platform does not come to rest: %s", rest)
		}
		time.Sleep(pause)
		synctest.Wait()
	}
}

// unfinished returns what is not done yet, besides commands that are held; empty if everything is done.
func (p *Running) unfinished(ctx context.Context) (string, error) {
	if n := p.stores.bus.Waiting(p.isHeld); n > 0 {
		return fmt.Sprintf("%d messages of the bus are not handled", n), nil
	}
	if n := p.stores.deadlines.Waiting(); n > 0 {
		return fmt.Sprintf("%d deadlines that have fired are not handled", n), nil
	}
	builds, err := p.stores.views.Builds(ctx)
	if err != nil {
		return "", err
	}
	heads := make([]core.Position, partitions)
	for i := range heads {
		head, err := p.stores.log.Head(ctx, i)
		if err != nil {
			return "", err
		}
		heads[i] = head.Position
	}
	for _, view := range append(p.registry.Views(), process.CheckpointView()) {
		for _, head := range heads {
			if !hasReached(builds, view.ViewSpec, head) {
				return fmt.Sprintf("%s has not reached %s", view.Name, head), nil
			}
		}
	}
	return "", nil
}

// isHeld reports whether a message waits for [Running.Release], so that nothing follows from it before.
func (p *Running) isHeld(topic port.Topic, to es.Stream) bool {
	return topic == port.CommandTopic && p.held.releaseOf(to.Category) != nil
}

// hasReached reports whether the build of a view has handled everything up to the head of a partition.
func hasReached(builds []port.BuildStatus, view core.ViewSpec, head core.Position) bool {
	i := slices.IndexFunc(builds, func(b port.BuildStatus) bool { return b.Build == view.Build() && b.State == port.Active })
	return i >= 0 && slices.ContainsFunc(builds[i].Checkpoints, func(c port.Checkpoint) bool {
		return c.Lease.Owner != "" && c.Position == head
	})
}
