package core_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

func TestCommitOfSeveralEvents(t *testing.T) {
	t.Parallel()
	c := core.Commit{
		Version: 7, Position: core.Position{Partition: 1, Sequence: 90}, Previous: []uint64{80, 70},
		Events: []core.Recorded{{Type: "ordering.OrderPlaced"}, {Type: "OrderShipped"}, {Type: "a.b.Closed"}},
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
	var r core.Revision
	if next := r.Next(); next != nil {
		t.Errorf("a first commit points back to %v", next)
	}
	for sequence := uint64(10); sequence <= 400; sequence += 10 {
		previous := r.Next()
		if want := int(min(sequence/10-1, core.MaxPrevious)); len(previous) != want {
			t.Fatalf("commit %d has %d back-pointers, not %d", sequence, len(previous), want)
		}
		for i, p := range previous {
			if want := sequence - 10*uint64(i+1); p != want {
				t.Fatalf("commit %d has back-pointers %v", sequence, previous)
			}
		}
		r = core.Revision{Version: r.Version + 1, Position: core.Position{Sequence: sequence}, Previous: previous}
	}
}

// Digests are stored in checkpoints: that of a commit without origin is the same as before there were origins.
func TestDigestsOfOldCommitsStay(t *testing.T) {
	t.Parallel()
	c := orderCommit()
	before := c.Digest()
	if got := hex.EncodeToString(before); got != "5761915835607d76f649fd4bb611148f78e1b1120d5738846837e0d46560da36" {
		t.Errorf("the digest is %s", got)
	}
	seen := map[string]bool{string(before): true}
	for _, o := range []core.Origin{{Sender: "x"}, {Principal: "x"}, {Actor: "x"}, {Via: "x"}, {KeyID: "x"}} {
		c.Origin = o
		seen[string(c.Digest())] = true
	}
	if len(seen) != 6 {
		t.Errorf("6 origins have %d digests", len(seen))
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
		change func(*core.Commit)
		is     error
	}{
		"a bad stream":       {func(c *core.Commit) { c.Stream.ID = "a.b" }, core.ErrBadToken},
		"a bad command id":   {func(c *core.Commit) { c.Command.ID = "a b" }, core.ErrBadToken},
		"a long via":         {func(c *core.Commit) { c.Origin.Via = strings.Repeat("x", core.MaxOriginPart+1) }, core.ErrBadToken},
		"a bell":             {func(c *core.Commit) { c.Origin.Actor = "a\ab" }, core.ErrBadToken},
		"no UTF-8":           {func(c *core.Commit) { c.Origin.Principal = "\xff" }, core.ErrBadToken},
		"space around it":    {func(c *core.Commit) { c.Origin.KeyID = " k" }, core.ErrBadToken},
		"no event":           {func(c *core.Commit) { c.Events = nil }, core.ErrBadPayload},
		"no type":            {func(c *core.Commit) { c.Events[1].Type = "" }, core.ErrBadPayload},
		"no schema version":  {func(c *core.Commit) { c.Events[1].Schema = 0 }, core.ErrBadPayload},
		"no data":            {func(c *core.Commit) { c.Events[1].Data = nil }, core.ErrBadPayload},
		"data that is other": {func(c *core.Commit) { c.Events[1].Data = []byte("{") }, core.ErrBadPayload},
	} {
		bad := orderCommit()
		c.change(&bad)
		if err := bad.Check(); !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
