package runtime

import (
	"fmt"

	"orchestrix/shared/es"
)

// wholeCommit is the event index of a step for a commit that can't be read.
const wholeCommit = -1

// step is one event as one view folds it.
type step struct {
	commit *es.Commit
	event  es.Event
	index  int // of the event in its commit, or wholeCommit
	name   string
	meta   es.Meta
	keys   []es.DocumentKey
	err    error // why keys are unknown
}

// appendSteps appends the events of a commit that the view folds, and those that can't be read and that it may have to fold.
func appendSteps(steps []step, view *es.ViewType, c *DecodedCommit) []step {
	if c.Err != nil {
		return append(steps, step{commit: &c.Commit, index: wholeCommit, err: c.Err})
	}
	for i, recorded := range c.Events {
		if !mayFold(view, c, i) {
			continue
		}
		s := step{commit: &c.Commit, index: i, event: c.Decoded[i], name: recorded.Type}
		if s.err = c.DecodeError(i); s.err == nil {
			s.meta = c.Meta(i)
			s.keys, s.err = s.findKeys(view)
		}
		steps = append(steps, s)
	}
	return steps
}

// mayFold reports whether the view folds an event. This program can't tell for a type that it does not know: the version that
// wrote the event may fold it into a view that folds other events of such streams.
func mayFold(view *es.ViewType, c *DecodedCommit, i int) bool {
	return view.Folds(c.Events[i].Type) || !c.IsKnown(i) && view.FoldsFrom(c.Stream)
}

// findKeys turns a panic of a key function into an error.
func (s *step) findKeys(view *es.ViewType) (keys []es.DocumentKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the key function of %s panicked: %v", s.name, p)
		}
	}()
	texts, err := view.Keys(s.name, s.event, s.meta)
	if err != nil {
		return nil, err
	}
	keys = make([]es.DocumentKey, len(texts))
	for i, text := range texts {
		keys[i] = es.DocumentKey{Tenant: s.commit.Stream.Tenant, Key: text}
	}
	return keys, nil
}

func (s *step) streamLane() es.Lane { return es.StreamLane(s.commit.Stream) }

// parking puts the event into a lane; a nil failure waits for the events before it.
func (s *step) parking(lane es.Lane, failure *es.Failure) es.Parking {
	return es.Parking{
		Lane: lane, Stream: s.commit.Stream, Position: s.commit.Position, Event: s.index, Type: printable(s.name), Failure: failure,
	}
}
