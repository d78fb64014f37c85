package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// ErrUnusedSnapshot is the error for a snapshot that no service of this program reads: it has another form, or is of another log.
var ErrUnusedSnapshot = errors.New("no service reads this snapshot")

// SnapshotDiffersError says how a snapshot differs from what the log folds to.
type SnapshotDiffersError struct{ How string }

func (e *SnapshotDiffersError) Error() string { return "the snapshot " + e.How }

// CheckSnapshot folds the commits of a stream up to the version of its snapshot, and compares. It returns a
// [*SnapshotDiffersError], [ErrUnusedSnapshot], or the error of the log.
func CheckSnapshot(ctx context.Context, a *core.Aggregate, log port.Reader, snapshot port.Snapshot) error {
	if snapshot.Schema != snapshotSchema(a, log.Created(snapshot.Stream)) {
		return ErrUnusedSnapshot
	}
	stored := newState(a, snapshot.Stream)
	if err := stored.restore(snapshot); err != nil {
		return &SnapshotDiffersError{How: "can't be read: " + err.Error()}
	}
	last, err := log.LastConfirmed(ctx, snapshot.Stream)
	if errors.Is(err, port.ErrNoStream) || err == nil && last.Version < snapshot.Version {
		return &SnapshotDiffersError{How: fmt.Sprintf("has version %d, which the stream does not have", snapshot.Version)}
	}
	if err != nil {
		return err
	}
	folded := newState(a, snapshot.Stream)
	for c, err := range log.Since(ctx, 0, last) {
		if err == nil {
			err = folded.apply(&c)
		}
		if err != nil {
			return err
		}
		if folded.Revision.Version >= snapshot.Version {
			break
		}
	}
	return stored.differs(folded)
}

// differs returns a [*SnapshotDiffersError] unless two states are the same, written and read.
func (s *State) differs(folded State) error {
	if s.Revision.Version != folded.Revision.Version || s.Revision.Position != folded.Revision.Position {
		return &SnapshotDiffersError{How: fmt.Sprintf("has version %d at %s, the log %d at %s", s.Revision.Version, s.Revision.Position, folded.Revision.Version, folded.Revision.Position)}
	}
	if !bytes.Equal(s.recent.encoded, folded.recent.encoded) {
		return &SnapshotDiffersError{How: fmt.Sprintf("of version %d remembers other commands than the log has", s.Revision.Version)}
	}
	got, gotErr := core.Marshal(s.Value)
	want, err := core.Marshal(folded.Value)
	if err == nil {
		folded.Value, err = s.aggregate.DecodeState(want) // it has passed through JSON, as that of the snapshot has
	}
	if err == nil {
		want, err = core.Marshal(folded.Value)
	}
	if err = errors.Join(gotErr, err); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return &SnapshotDiffersError{How: fmt.Sprintf("of version %d holds another state than the log folds to", s.Revision.Version)}
	}
	return nil
}
