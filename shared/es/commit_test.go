package es_test

import (
	"errors"
	"slices"
	"testing"

	"orchestrix/shared/es"
)

func TestCommitOfSeveralEvents(t *testing.T) {
	t.Parallel()
	c := es.Commit{
		Version: 7, Position: es.Position{Partition: 1, Sequence: 90}, Previous: []uint64{80, 70},
		Events: []es.Recorded{{Type: "ordering.OrderPlaced"}, {Type: "OrderShipped"}, {Type: "a.b.Closed"}},
	}
	if c.First() != 5 {
		t.Errorf("its first event has version %d", c.First())
	}
	if kinds := c.Kinds(); !slices.Equal(kinds, []string{"OrderPlaced", "OrderShipped", "Closed"}) {
		t.Errorf("kinds are %q", kinds)
	}
	if r := c.Revision(); r.Version != 7 || r.Position != c.Position || !slices.Equal(r.Next(), []uint64{90, 80, 70}) {
		t.Errorf("revision is %+v, next %v", r, r.Next())
	}
}

// The back-pointers are those of the newest sixteen commits, however long the stream is.
func TestBackPointers(t *testing.T) {
	t.Parallel()
	var r es.Revision
	if next := r.Next(); next != nil {
		t.Errorf("a first commit points back to %v", next)
	}
	for sequence := uint64(10); sequence <= 400; sequence += 10 {
		previous := r.Next()
		if want := int(min(sequence/10-1, es.MaxPrevious)); len(previous) != want {
			t.Fatalf("commit %d has %d back-pointers, not %d", sequence, len(previous), want)
		}
		for i, p := range previous {
			if want := sequence - 10*uint64(i+1); p != want {
				t.Fatalf("commit %d has back-pointers %v", sequence, previous)
			}
		}
		r = es.Revision{Version: r.Version + 1, Position: es.Position{Sequence: sequence}, Previous: previous}
	}
}

// What a log would not be able to give back is refused before it is written.
func TestCommitCheck(t *testing.T) {
	t.Parallel()
	good := orderCommit()
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		change func(*es.Commit)
		is     error
	}{
		"a bad stream":       {func(c *es.Commit) { c.Stream.ID = "a.b" }, es.ErrBadToken},
		"a bad command id":   {func(c *es.Commit) { c.Command.ID = "a b" }, es.ErrBadToken},
		"no event":           {func(c *es.Commit) { c.Events = nil }, es.ErrBadPayload},
		"no type":            {func(c *es.Commit) { c.Events[1].Type = "" }, es.ErrBadPayload},
		"no schema version":  {func(c *es.Commit) { c.Events[1].Schema = 0 }, es.ErrBadPayload},
		"no data":            {func(c *es.Commit) { c.Events[1].Data = nil }, es.ErrBadPayload},
		"data that is other": {func(c *es.Commit) { c.Events[1].Data = []byte("{") }, es.ErrBadPayload},
	} {
		bad := orderCommit()
		c.change(&bad)
		if err := bad.Check(); !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
