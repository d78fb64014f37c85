package runtime

import (
	"encoding/json"
	"fmt"
	"time"

	"orchestrix/shared/es"
)

// folded is an aggregate as its commits make it.
type folded struct {
	aggregate *es.Aggregate
	stream    es.Stream
	state     any
	revision  es.Revision
	time      time.Time // of the newest commit
	recent    recentCommands
	saved     es.Version // of the newest snapshot that is known or on its way
	unsaved   int        // commits after it
}

func newFolded(a *es.Aggregate, s es.Stream) folded {
	return folded{aggregate: a, stream: s, state: a.Initial}
}

// apply folds the next commit of the stream. Where it fails, f is unchanged.
func (f *folded) apply(c *es.Commit) error {
	if c.First() != f.revision.Version+1 {
		return fmt.Errorf("%w: %s: version %d at %s follows version %d", es.ErrCorrupt, f.stream, c.First(), c.Position, f.revision.Version)
	}
	state, err := foldSafely(f.aggregate, f.state, c)
	if err != nil {
		return err
	}
	f.advance(state, c)
	return nil
}

// advance takes over a commit whose events are already in state.
func (f *folded) advance(state any, c *es.Commit) {
	f.state, f.revision, f.time = state, c.Revision(), c.Time
	f.recent = f.recent.add(c)
	f.unsaved++
}

// foldSafely turns a panic of the domain into an error, so that one stream's failure stays its own.
func foldSafely(a *es.Aggregate, state any, c *es.Commit) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("evolve of %q panicked on %s at %s: %v", a.Category, c.Stream, c.Position, p)
		}
	}()
	return a.Fold(state, c, 0)
}

// savedState is what a snapshot holds besides the state itself: all that a later command may need.
type savedState struct {
	State    json.RawMessage `json:"state"`
	Position es.Position     `json:"position"`
	Time     time.Time       `json:"time"`
	Recent   recentCommands  `json:"recent"`
}

// snapshotSchema changes with the aggregate's state and with savedState.
func snapshotSchema(a *es.Aggregate) string { return a.StateHash + ".2" }

// snapshot encodes f.
func (f *folded) snapshot() (es.Snapshot, error) {
	state, err := es.Marshal(f.state)
	if err != nil {
		return es.Snapshot{}, fmt.Errorf("snapshot of %s: %w", f.stream, err)
	}
	data, err := es.Marshal(savedState{State: state, Position: f.revision.Position, Time: f.time, Recent: f.recent})
	if err != nil {
		return es.Snapshot{}, fmt.Errorf("snapshot of %s: %w", f.stream, err)
	}
	return es.Snapshot{
		Stream: f.stream, Version: f.revision.Version, Schema: snapshotSchema(f.aggregate), State: data, Time: f.time,
	}, nil
}

// restore makes f what the snapshot holds.
func (f *folded) restore(s es.Snapshot) error {
	var saved savedState
	if err := es.Unmarshal(s.State, &saved); err != nil {
		return fmt.Errorf("snapshot of %s: %w", s.Stream, err)
	}
	state, err := f.aggregate.DecodeState(saved.State)
	if err != nil {
		return fmt.Errorf("snapshot of %s: %w", s.Stream, err)
	}
	f.state, f.time, f.recent = state, saved.Time, saved.Recent
	f.revision = es.Revision{Version: s.Version, Position: saved.Position}
	f.saved, f.unsaved = s.Version, 0
	return nil
}

// worthSaving reports whether a snapshot would spare a cold load anything: a stream of one commit is read
// with its last message anyway.
func (f *folded) worthSaving() bool {
	return f.aggregate.Snapshot.Every >= 0 && f.revision.Version > f.saved && len(f.revision.Previous) > 0
}
