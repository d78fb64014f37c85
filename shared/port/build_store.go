package port

import (
	"context"
	"fmt"
	"orchestrix/shared/core"
	"time"
)

// BuildState is what a build is for at a moment.
type BuildState string

// The states of a build.
const (
	Building  BuildState = "building"  // it catches up beside the active one
	Active    BuildState = "active"    // readers see it
	Retired   BuildState = "retired"   // readers have been switched to a newer one; it is kept for a while
	Cancelled BuildState = "cancelled" // somebody called it off
)

// BuildStatus is how a build stands.
type BuildStatus struct {
	core.Build
	State       BuildState
	Since       time.Time // when it took this state
	Started     time.Time
	Paused      bool // the view is paused
	DropOld     bool // the build before it is dropped as soon as this one is active
	Parked      int  // events that failed, not those that wait behind them
	Checkpoints []Checkpoint
}

// BuildStore manages the builds of views. What a person asks for is recorded as an [core.Action] together with its
// effect.
type BuildStore interface {
	// Builds are all builds of all views, by view and from the oldest.
	Builds(ctx context.Context) ([]BuildStatus, error)

	// Activate lets readers see this build from now on, if it is the newest that was not cancelled and not
	// behind the active one in any of the log's partitions: readers never go back in time. It reports whether
	// the build is the active one now, or a newer one is.
	Activate(ctx context.Context, view core.ViewSpec, partitions int) (bool, error)

	// Rebuild starts another build of the view's version beside the active one. It returns [ErrBuilding] where
	// one is being built, and [ErrOtherVersion] where the active one is of a newer version.
	Rebuild(ctx context.Context, view core.ViewSpec, dropOld bool, by core.Action) (core.Build, error)

	// Cancel calls off the build that is being built, or returns [core.ErrNotFound] where there is none.
	Cancel(ctx context.Context, view string, by core.Action) (core.Build, error)

	// Pause stops and resumes all work on a view. It returns [core.ErrNotFound] for a view that is not built.
	Pause(ctx context.Context, view string, paused bool, by core.Action) error

	// Drop removes the retired and cancelled builds that have been so since before; for all views where view
	// is empty. It returns what it has removed. A cancelled one that is the newest of its view is still among the builds,
	// without documents, until there is a newer one: so nobody begins it again.
	Drop(ctx context.Context, view string, before time.Time, by core.Action) ([]core.Build, error)

	ActionLog
}

// ActionLog keeps what people have done.
type ActionLog interface {
	// Record keeps an action that is about no view; those that are, are recorded together with their effect. It returns
	// [ErrUnavailable].
	Record(ctx context.Context, a core.Action) error

	// Actions are what people have done, newest first; to anything where view is empty.
	Actions(ctx context.Context, view string, limit int) ([]core.Action, error)
}

// CheckRebuild returns [ErrOtherVersion] where readers see a newer version: it would never be replaced by this one.
func CheckRebuild(v core.ViewSpec, active int) error {
	if active > v.Version {
		return fmt.Errorf("%w: readers see version %d of view %s, and this program has version %d: ask a projection service that has theirs",
			ErrOtherVersion, active, v.Name, v.Version)
	}
	return nil
}
