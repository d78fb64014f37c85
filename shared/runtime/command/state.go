package command

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// State is an aggregate, folded from its commits.
type State struct {
	aggregate *core.Aggregate
	stream    core.Stream
	Value     any           // the domain's own state
	Revision  core.Revision // of the newest commit; zero if the stream has no events
	time      time.Time     // of the newest commit
	recent    recentCommands
	saved     core.Version // of the newest snapshot that is stored or queued
	unsaved   int          // commits after it
	measured  int          // bytes of Value as JSON when it was measured last
	grown     int          // bytes of the events since
}

func newState(a *core.Aggregate, stream core.Stream) State {
	return State{aggregate: a, stream: stream, Value: a.Initial}
}

// apply folds the next commit of the stream. An error leaves s unchanged.
func (s *State) apply(c *core.Commit) error {
	if c.First() != s.Revision.Version+1 {
		return fmt.Errorf("%w: %s: version %d at %s follows version %d", core.ErrCorrupt, s.stream, c.First(), c.Position, s.Revision.Version)
	}
	value, err := Fold(s.aggregate, s.Value, c)
	if err != nil {
		return err
	}
	s.advance(value, c)
	return nil
}

// advance moves s past a commit whose events are already folded into value.
func (s *State) advance(value any, c *core.Commit) {
	s.Value, s.Revision, s.time = value, c.Revision(), c.Time
	s.recent = s.recent.add(c)
	s.unsaved++
	for i := range c.Events {
		s.grown += len(c.Events[i].Data)
	}
	if s.grown > max(measureAfter, s.measured) {
		s.measure()
	}
}

const (
	measureAfter  = 64 << 10 // bytes of events
	emptyBytes    = 384      // of memory for an aggregate with an empty state
	bytesOfAState = 2        // of memory for a byte of the state as JSON
)

// measure finds out how large the state is. It costs as much as a snapshot, and happens when the events since the last time might
// have doubled the state.
func (s *State) measure() {
	s.grown = 0
	if value, err := core.Marshal(s.Value); err == nil {
		s.measured = len(value)
	}
}

// bytes estimates the memory of the state.
func (s *State) bytes() int {
	return emptyBytes + bytesOfAState*(s.measured+s.grown) + len(s.recent.encoded)
}

// Fold returns the aggregate's state after the events of a commit. A panic of the domain becomes an error, so that it fails this
// stream alone.
func Fold(a *core.Aggregate, value any, c *core.Commit) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("evolve of %q panicked on %s at %s: %v", a.Category, c.Stream, c.Position, p)
		}
	}()
	return a.Fold(value, c, 0)
}

// snapshotSchema identifies the form of a snapshot. It changes with the type of the aggregate's state, with the encoding of
// [State.snapshot], and with the log: a snapshot of another log is useless at any version and position.
func snapshotSchema(a *core.Aggregate, created time.Time) string {
	return a.StateHash + ".4@" + strconv.FormatInt(created.UnixNano(), 36)
}

// snapshot encodes s, of a log created at that time: one line with the position, the time, the back-pointers and the length
// of the state in bytes; then the state as JSON; then the recent commands as they are in memory. The length lets a load find
// the parts without parsing.
func (s *State) snapshot(created time.Time) (port.Snapshot, error) {
	value, err := core.Marshal(s.Value)
	if err != nil {
		return port.Snapshot{}, fmt.Errorf("snapshot of %s: %w", s.stream, err)
	}
	data := make([]byte, 0, len(value)+len(s.recent.encoded)+64)
	data = append(data, s.Revision.Position.String()...)
	data = append(data, ' ')
	data = s.time.AppendFormat(data, time.RFC3339Nano)
	data = append(data, ' ')
	for i, sequence := range s.Revision.Previous {
		if i > 0 {
			data = append(data, ',')
		}
		data = strconv.AppendUint(data, sequence, 10)
	}
	data = append(data, ' ')
	data = strconv.AppendInt(data, int64(len(value)), 10)
	data = append(data, '\n')
	data = append(append(data, value...), s.recent.encoded...)
	return port.Snapshot{
		Stream: s.stream, Version: s.Revision.Version, Schema: snapshotSchema(s.aggregate, created), State: data, Time: s.time,
	}, nil
}

// restore sets s to the content of a snapshot. An error, also from a panic of the domain, leaves s unchanged.
func (s *State) restore(snapshot port.Snapshot) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("snapshot of %s: decoding its state panicked: %v", snapshot.Stream, p)
		}
	}()
	if err := s.decode(snapshot); err != nil {
		return fmt.Errorf("snapshot of %s: %w", snapshot.Stream, err)
	}
	return nil
}

var errSnapshotForm = errors.New("it does not start with a position, a time, back-pointers and a length")

func (s *State) decode(snapshot port.Snapshot) error {
	head, rest, _ := bytes.Cut(snapshot.State, []byte("\n"))
	words := strings.Split(string(head), " ")
	if len(words) != 4 {
		return errSnapshotForm
	}
	position, errPosition := core.ParsePosition(words[0])
	at, errTime := time.Parse(time.RFC3339Nano, words[1])
	previous, errPrevious := parsePrevious(words[2])
	length, errLength := strconv.ParseUint(words[3], 10, 31)
	if errPosition != nil || errTime != nil || errPrevious != nil || errLength != nil || int(length) > len(rest) {
		return errSnapshotForm
	}
	value, err := s.aggregate.DecodeState(rest[:length])
	if err != nil {
		return err
	}
	recent, err := decodeRecent(bytes.Clone(rest[length:])) // a copy, so that the encoded state can be freed
	if err != nil {
		return err
	}
	s.Value, s.time, s.recent = value, at, recent
	s.Revision = core.Revision{Version: snapshot.Version, Position: position, Previous: previous}
	s.saved, s.unsaved = snapshot.Version, 0
	s.measured, s.grown = int(length), 0
	return nil
}

func parsePrevious(word string) (previous []uint64, err error) {
	for rest := word; rest != ""; {
		var number string
		number, rest, _ = strings.Cut(rest, ",")
		sequence, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, err
		}
		previous = append(previous, sequence)
	}
	return previous, nil
}

// needsSnapshot reports whether a snapshot would save a later load any work. A stream of one commit is read with its last
// message anyway.
func (s *State) needsSnapshot() bool {
	return s.aggregate.Snapshot.Every >= 0 && s.Revision.Version > s.saved && len(s.Revision.Previous) > 0
}
