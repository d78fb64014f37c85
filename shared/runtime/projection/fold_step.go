package projection

import (
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// wholeCommit is the event index of a step for a commit that can't be read.
const wholeCommit = -1

// Step is one event, with the documents of one view into which it is folded.
type Step struct {
	commit *core.Commit
	event  core.Event
	index  int // of the event in its commit, or wholeCommit
	name   string
	meta   core.Meta
	Keys   []port.DocumentKey // the documents
	Err    error              // why Keys are unknown: the event can't be decoded, or the key function has failed
}

// AppendSteps appends the events of a commit that the view folds, and those that can't be read and that it may have to fold.
func AppendSteps(steps []Step, view *core.ViewType, c *follower.DecodedCommit) []Step {
	if c.IsNoise() {
		return steps
	}
	if c.Err != nil {
		return append(steps, Step{commit: &c.Commit, index: wholeCommit, Err: c.Err})
	}
	for i, recorded := range c.Events {
		if !mayFold(view, c, i) {
			continue
		}
		s := Step{commit: &c.Commit, index: i, event: c.Decoded[i], name: recorded.Type}
		if s.Err = c.DecodeError(i); s.Err == nil {
			s.meta = c.Meta(i)
			s.Keys, s.Err = s.findKeys(view)
		}
		steps = append(steps, s)
	}
	return steps
}

// mayFold reports whether the view folds an event. This program can't tell for a type that it does not know: the version that
// wrote the event may fold it into a view that folds other events of such streams.
func mayFold(view *core.ViewType, c *follower.DecodedCommit, i int) bool {
	return view.Folds(c.Events[i].Type) || !c.IsKnown(i) && view.FoldsFrom(c.Stream)
}

// findKeys turns a panic of a key function into an error.
func (s *Step) findKeys(view *core.ViewType) (keys []port.DocumentKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the key function of %s panicked: %v", s.name, p)
		}
	}()
	texts, err := view.Keys(s.name, s.event, s.meta)
	if err != nil {
		return nil, err
	}
	keys = make([]port.DocumentKey, len(texts))
	for i, text := range texts {
		keys[i] = port.DocumentKey{Tenant: s.commit.Stream.Tenant, Key: text}
	}
	return keys, nil
}

// StreamLane returns the lane of the event's stream. Events wait there behind one of which the documents are unknown.
func (s *Step) StreamLane() port.Lane { return port.StreamLane(s.commit.Stream) }

// parking puts the event into a lane; a nil failure waits for the events before it.
func (s *Step) parking(lane port.Lane, failure *port.Failure) port.Parking {
	return port.Parking{
		Lane: lane, Stream: s.commit.Stream, Position: s.commit.Position, Event: s.index, Type: printable(s.name), Failure: failure,
	}
}
