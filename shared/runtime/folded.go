package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// snapshotSchema changes with the aggregate's state, with the form of [folded.snapshot], and with the log: what was folded
// from another one is of no use, whatever its versions and positions say.
func snapshotSchema(a *es.Aggregate, created time.Time) string {
	return a.StateHash + ".4@" + strconv.FormatInt(created.UnixNano(), 36)
}

// snapshot encodes f, of a log that was created then: a line that says the position, the time, the back-pointers and how
// many bytes the state has, the state as JSON, and the recent commands as they are. A cold load reads it, and should not
// spend its time on finding out where what ends.
func (f *folded) snapshot(created time.Time) (es.Snapshot, error) {
	state, err := es.Marshal(f.state)
	if err != nil {
		return es.Snapshot{}, fmt.Errorf("snapshot of %s: %w", f.stream, err)
	}
	data := make([]byte, 0, len(state)+len(f.recent.entries)+64)
	data = append(data, f.revision.Position.String()...)
	data = append(data, ' ')
	data = f.time.AppendFormat(data, time.RFC3339Nano)
	data = append(data, ' ')
	for i, sequence := range f.revision.Previous {
		if i > 0 {
			data = append(data, ',')
		}
		data = strconv.AppendUint(data, sequence, 10)
	}
	data = append(data, ' ')
	data = strconv.AppendInt(data, int64(len(state)), 10)
	data = append(data, '\n')
	data = append(append(data, state...), f.recent.entries...)
	return es.Snapshot{
		Stream: f.stream, Version: f.revision.Version, Schema: snapshotSchema(f.aggregate, created), State: data, Time: f.time,
	}, nil
}

// restore makes f what the snapshot holds. Where it fails, also by a panic of the domain, f is unchanged.
func (f *folded) restore(s es.Snapshot) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("snapshot of %s: decoding its state panicked: %v", s.Stream, p)
		}
	}()
	if err := f.decode(s); err != nil {
		return fmt.Errorf("snapshot of %s: %w", s.Stream, err)
	}
	return nil
}

var errSnapshotForm = errors.New("it does not begin with a position, a time, back-pointers and a length")

func (f *folded) decode(s es.Snapshot) error {
	head, rest, _ := bytes.Cut(s.State, []byte("\n"))
	words := strings.Split(string(head), " ")
	if len(words) != 4 {
		return errSnapshotForm
	}
	position, errPosition := es.ParsePosition(words[0])
	at, errTime := time.Parse(time.RFC3339Nano, words[1])
	previous, errPrevious := parsePrevious(words[2])
	length, errLength := strconv.ParseUint(words[3], 10, 31)
	if errPosition != nil || errTime != nil || errPrevious != nil || errLength != nil || int(length) > len(rest) {
		return errSnapshotForm
	}
	state, err := f.aggregate.DecodeState(rest[:length])
	if err != nil {
		return err
	}
	recent, err := decodeRecent(bytes.Clone(rest[length:])) // the state need not stay for them
	if err != nil {
		return err
	}
	f.state, f.time, f.recent = state, at, recent
	f.revision = es.Revision{Version: s.Version, Position: position, Previous: previous}
	f.saved, f.unsaved = s.Version, 0
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

// worthSaving reports whether a snapshot would spare a cold load anything: a stream of one commit is read
// with its last message anyway.
func (f *folded) worthSaving() bool {
	return f.aggregate.Snapshot.Every >= 0 && f.revision.Version > f.saved && len(f.revision.Previous) > 0
}
