package verify

import (
	"context"
	"errors"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// Snapshots are the snapshots of a store, as they are stored.
type Snapshots interface {
	// Each calls fn with every snapshot, or with so many chosen at random where sample is not 0, until fn returns an error.
	Each(ctx context.Context, sample int, fn func(port.Snapshot) error) error
}

// compareSnapshots compares snapshots with what the log folds to. A snapshot carries authority: a command that is decided on
// it may not read the log.
func (v *verifier) compareSnapshots(ctx context.Context, result *Report) error {
	if v.options.Snapshots == nil {
		return nil
	}
	var found findings
	err := v.options.Snapshots.Each(ctx, v.options.Sample, func(s port.Snapshot) error {
		aggregate, known := v.registry.Aggregate(s.Stream.Category)
		if !known { // of a module that this program does not have
			return nil
		}
		err := command.CheckSnapshot(ctx, aggregate, v.log, s)
		var differs *command.SnapshotDiffersError
		switch {
		case errors.Is(err, command.ErrUnusedSnapshot):
			return nil
		case errors.Is(err, port.ErrUnavailable):
			return err
		case errors.As(err, &differs):
			found.report("snapshot of "+s.Stream.String(), "%v: find out who wrote it, and delete its row of orchestrix.snapshots", err)
		case err != nil:
			found.report("snapshot of "+s.Stream.String(), "%v", err)
		}
		result.Snapshots++
		return nil
	})
	result.Count += found.count
	result.Findings = append(result.Findings, found.first...)
	return err
}
