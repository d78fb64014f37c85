package port

import (
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// BuildState is the state of a build.
type BuildState string

// The states of a build.
const (
	Building  BuildState = "building"  // catches up beside the active build
	Active    BuildState = "active"    // readers see it
	Retired   BuildState = "retired"   // readers see a newer build; this one is kept for a while
	Cancelled BuildState = "cancelled" // an operator cancelled it
)

// BuildStatus is a build with its state and progress.
type BuildStatus struct {
	core.Build
	State       BuildState
	Since       time.Time // of the state
	Started     time.Time
	Paused      bool // the view is paused
	DropOld     bool // the previous build is dropped when this one is activated
	Parked      int  // failed events, without those behind them
	Checkpoints []Checkpoint
}

// BuildStore manages the builds of views. An operator's request is recorded as a [core.Action] in the transaction of its
// effect.
type BuildStore interface {
	// Builds returns the builds of all views, by view and from the oldest.
	Builds(ctx context.Context) ([]BuildStatus, error)

	// Activate switches readers to this build, if it is the newest that was not cancelled and is not behind the active one
	// in any partition of the log, so that readers never go back in time. It reports whether this build or a newer one is
	// active now.
	Activate(ctx context.Context, view core.ViewSpec, partitions int) (bool, error)

	// Rebuild starts another build of the view's version beside the active one. It returns [ErrBuilding] where
	// one is being built, and [ErrOtherVersion] where the active one is of a newer version.
	Rebuild(ctx context.Context, view core.ViewSpec, dropOld bool, by core.Action) (core.Build, error)

	// Cancel cancels the build in progress, or returns [core.ErrNotFound] where the view has none.
	Cancel(ctx context.Context, view string, by core.Action) (core.Build, error)

	// Pause stops or resumes all work on a view. It returns [core.ErrNotFound] for a view without builds.
	Pause(ctx context.Context, view string, paused bool, by core.Action) error

	// Drop removes the builds that have been retired or cancelled since before, of all views where view is empty, and
	// returns them. A cancelled build that is the newest of its view stays listed, without documents, until a newer one
	// exists, so that no worker starts it again.
	Drop(ctx context.Context, view string, before time.Time, by core.Action) ([]core.Build, error)

	ActionLog
}

// ActionLog is the audit log of operators' actions.
type ActionLog interface {
	// Record stores an action that concerns no view; the methods of [BuildStore] and [ParkedStore] record theirs. It returns
	// [ErrUnavailable].
	Record(ctx context.Context, a core.Action) error

	// Actions returns the actions on a view, newest first; all actions where view is empty.
	Actions(ctx context.Context, view string, limit int) ([]core.Action, error)
}

// CheckRebuild returns [ErrOtherVersion] where readers see a newer version, which this one would never replace.
func CheckRebuild(v core.ViewSpec, active int) error {
	if active > v.Version {
		return fmt.Errorf("%w: readers see version %d of view %s, and this program has version %d: ask a projection service of the newer version",
			ErrOtherVersion, active, v.Name, v.Version)
	}
	return nil
}
