package runtime

import (
	"fmt"

	"orchestrix/shared/es"
)

// entry is a commit of the log with its events decoded, once for all views. Folds share the events and change none.
type entry struct {
	es.Commit
	registry *es.Registry
	events   []es.Event // nil where errs says why
	errs     []error    // by event; nil where all could be decoded
}

func newEntry(registry *es.Registry, c es.Commit) entry {
	e := entry{Commit: c, registry: registry}
	if c.Err != nil {
		return e
	}
	e.events = make([]es.Event, len(c.Events))
	for i, recorded := range c.Events {
		event, err := decodeSafely(registry, recorded)
		if err != nil {
			if e.errs == nil {
				e.errs = make([]error, len(c.Events))
			}
			e.errs[i] = err
		}
		e.events[i] = event
	}
	return e
}

func decodeSafely(registry *es.Registry, recorded es.Recorded) (event es.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an upcaster of %s panicked: %v", recorded.Type, p)
		}
	}()
	return registry.Decode(recorded)
}

// wholeCommit is the index of the event where the commit as a whole can't be read.
const wholeCommit = -1

// step is one event as one view sees it.
type step struct {
	commit *es.Commit
	event  es.Event
	index  int // of the event in its commit, or wholeCommit
	name   string
	meta   es.Meta
	keys   []es.DocumentKey
	err    error // why its documents are not known
}

// appendSteps adds the events that the view has to do with: those that it folds, and those that can't be read and that it
// may have to fold.
func (e *entry) appendSteps(steps []step, view *es.ViewType) []step {
	if e.Err != nil {
		return append(steps, step{commit: &e.Commit, index: wholeCommit, err: e.Err})
	}
	for i, recorded := range e.Events {
		s := step{commit: &e.Commit, index: i, event: e.events[i], name: recorded.Type}
		switch {
		case !e.concerns(view, i):
			continue
		case e.errs != nil && e.errs[i] != nil:
			s.err = e.errs[i]
		default:
			s.meta = es.Meta{Stream: e.Stream, Version: e.First() + es.Version(i), Position: e.Position, Time: e.Time}
			s.keys, s.err = s.findKeys(view)
		}
		steps = append(steps, s)
	}
	return steps
}

// concerns reports whether the view is about an event. Of a kind that this program does not know, a view may be that folds
// others of such streams: the version of the program that has written it may fold it there.
func (e *entry) concerns(view *es.ViewType, i int) bool {
	name := e.Events[i].Type
	return view.Folds(name) || !e.registry.Knows(name) && view.FoldsFrom(e.Stream)
}

func (s *step) findKeys(view *es.ViewType) (keys []es.DocumentKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("finding the keys of %s panicked: %v", s.name, p)
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

func (s *step) parking(lane es.Lane, failure *es.Failure) es.Parking {
	return es.Parking{
		Lane: lane, Stream: s.commit.Stream, Position: s.commit.Position, Event: s.index, Type: printable(s.name), Failure: failure,
	}
}
