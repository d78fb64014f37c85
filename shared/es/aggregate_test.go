package es_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	a := aggregate(t, doors(), "door")
	c, _ := a.Command("open")
	command, err := c.Decode([]byte(`{"By":"Ada"}`))
	if err != nil || command != (open{By: "Ada"}) {
		t.Fatalf("command is %+v, %v", command, err)
	}
	events, err := c.Decide(a.Initial, command)
	if err != nil || len(events) != 1 || events[0] != (opened{By: "Ada"}) {
		t.Errorf("events are %+v, %v", events, err)
	}
	events, err = c.Decide(door{Open: 1}, command)
	var rejection *es.Rejection
	if !errors.As(err, &rejection) || len(events) > 0 || rejection.Code != "door-open" || rejection.Message != "Ada finds the door open" {
		t.Errorf("got %+v, %v", events, err)
	}
	if _, err := c.Decode([]byte(`{"Who":"Ada"}`)); !errors.Is(err, core.ErrBadPayload) || !strings.Contains(err.Error(), "open") {
		t.Errorf("an unknown field: %v", err)
	}
}

// A fold continues from any version within a commit, because a snapshot may have that version.
func TestFold(t *testing.T) {
	t.Parallel()
	a := aggregate(t, doors(), "door")
	in := core.Recorded{Type: "house.Opened", Schema: 1, Data: json.RawMessage(`{}`)}
	out := core.Recorded{Type: "house.Closed", Schema: 1, Data: json.RawMessage(`{}`)}
	commit := &core.Commit{Version: 7, Events: []core.Recorded{in, out, in}}
	for from, want := range map[core.Version]int{0: 11, 5: 11, 6: 10, 7: 11, 8: 10} {
		state, err := a.Fold(door{Open: 10}, commit, from)
		if err != nil || state != (door{Open: want}) {
			t.Errorf("from version %d: %+v, %v", from, state, err)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	a := aggregate(b, doors(), "door")
	commit := &core.Commit{Version: 1, Events: []core.Recorded{{Type: "house.Opened", Schema: 1, Data: json.RawMessage(`{"By":"Ada"}`)}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Fold(door{}, commit, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func TestStateSurvivesSnapshots(t *testing.T) {
	t.Parallel()
	a := aggregate(t, doors(), "door")
	data, err := core.Marshal(door{Open: 3})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := a.DecodeState(data); err != nil || state != (door{Open: 3}) {
		t.Errorf("state is %+v, %v", state, err)
	}
	if _, err := a.DecodeState([]byte(`{"Open":"wide"}`)); !errors.Is(err, core.ErrBadPayload) {
		t.Errorf("a state that is none: %v", err)
	}
}

// Snapshots differ by the form of the state and by the version that the decider gives.
func TestStateHash(t *testing.T) {
	t.Parallel()
	type renamed struct{ Open int }
	type retagged struct {
		Open int `json:"open"`
	}
	type retyped struct{ Open string }
	type more struct {
		Open int
		Shut int
	}
	hash := aggregate(t, doors(), "door").StateHash
	raised := doors()
	raised.Snapshot.Version = 1
	for name, a := range map[string]*core.Aggregate{
		"another version":   aggregate(t, raised, "door"),
		"another JSON name": aggregate(t, es.Decider[retagged]{Category: "door"}, "door"),
		"another type":      aggregate(t, es.Decider[retyped]{Category: "door"}, "door"),
		"one more field":    aggregate(t, es.Decider[more]{Category: "door"}, "door"),
	} {
		if a.StateHash == hash {
			t.Errorf("%s: the hash is the same", name)
		}
	}
	if aggregate(t, es.Decider[renamed]{Category: "door"}, "door").StateHash != hash {
		t.Error("the same form under another name has another hash")
	}
}
