package es_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// The event Moved in three versions: a name, then a first and last name, then with a country too.
type (
	movedV1 struct {
		Name string `json:"name"`
	}
	movedV2 struct {
		First string `json:"first"`
		Last  string `json:"last"`
	}
	moved struct {
		First   string `json:"first"`
		Last    string `json:"last"`
		Country string `json:"country"`
	}
	resident struct{ Moves []moved }
)

func (r resident) moved(e moved) resident {
	return resident{Moves: append(r.Moves[:len(r.Moves):len(r.Moves)], e)}
}

func splitName(old movedV1) movedV2 {
	first, last, _ := strings.Cut(old.Name, " ")
	return movedV2{First: first, Last: last}
}

func addCountry(old movedV2) moved {
	return moved{First: old.First, Last: old.Last, Country: "unknown"}
}

func residents(options ...es.EventOption) es.Decider[resident] {
	return es.Decider[resident]{
		Category: "resident",
		Evolve:   es.Events[resident]{es.Apply("Moved", resident.moved, options...)},
	}
}

func recordedMove(schema int, data string) core.Recorded {
	return core.Recorded{Type: "house.Moved", Schema: schema, Data: json.RawMessage(data)}
}

// A log with three versions of one event folds to today's.
func TestUpcasts(t *testing.T) {
	t.Parallel()
	a := aggregate(t, residents(es.From(1, splitName), es.From(2, addCountry)), "resident")
	today, err := a.Encode(moved{First: "Ada", Last: "King", Country: "UK"})
	if err != nil || today.Schema != 3 || a.Events()[0].Schema != 3 {
		t.Fatalf("today's event is %+v, %v", today, err)
	}
	commit := &core.Commit{Stream: orderStream, Version: 3, Events: []core.Recorded{
		recordedMove(1, `{"name":"Ada Byron","age":12}`), recordedMove(2, `{"first":"Ada","last":"Byron"}`), today,
	}}
	state, err := a.Fold(a.Initial, commit, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []moved{{"Ada", "Byron", "unknown"}, {"Ada", "Byron", "unknown"}, {"Ada", "King", "UK"}}
	if moves := state.(resident).Moves; len(moves) != 3 || [3]moved(moves) != [3]moved(want) {
		t.Errorf("state is %+v, not %+v", moves, want)
	}
}

// An event is never skipped: what this program doesn't know is an error that names it.
func TestUnknownEvents(t *testing.T) {
	t.Parallel()
	decider := residents(es.From(2, addCountry))
	a := aggregate(t, decider, "resident")
	registry := register(t, es.Module{Name: "house", Deciders: []es.DeciderDef{decider}})
	for _, c := range []struct {
		recorded core.Recorded
		is       error
		says     []string
	}{
		{recordedMove(1, `{}`), core.ErrUnknownEvent, []string{"house.Moved", "schema version 1", "2 to 3"}},
		{recordedMove(4, `{}`), core.ErrUnknownEvent, []string{"house.Moved", "schema version 4", "2 to 3"}},
		{recordedMove(0, `{}`), core.ErrUnknownEvent, []string{"house.Moved", "schema version 0"}},
		{core.Recorded{Type: "house.Left", Schema: 1, Data: json.RawMessage(`{}`)}, core.ErrUnknownEvent, []string{"house.Left"}},
		{core.Recorded{Type: "Moved", Schema: 3, Data: json.RawMessage(`{}`)}, core.ErrUnknownEvent, []string{"Moved"}},
		{recordedMove(3, `{"first":1}`), core.ErrBadPayload, []string{"house.Moved", "schema version 3", "first"}},
		{recordedMove(2, `[]`), core.ErrBadPayload, []string{"house.Moved", "schema version 2"}},
	} {
		_, err := a.Decode(c.recorded)
		_, errRegistry := registry.Decode(c.recorded)
		commit := &core.Commit{Stream: orderStream, Version: 7, Position: core.Position{Partition: 2, Sequence: 9}, Events: []core.Recorded{c.recorded}}
		_, errFold := a.Fold(a.Initial, commit, 7)
		for _, err := range []error{err, errRegistry, errFold} {
			if !errors.Is(err, c.is) {
				t.Errorf("%+v: %v", c.recorded, err)
				continue
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is missing in: %v", part, err)
				}
			}
		}
		for _, place := range []string{"order-10248", "version 7", "2-9"} {
			if !strings.Contains(errFold.Error(), place) {
				t.Errorf("%q is missing in: %v", place, errFold)
			}
		}
	}
	if _, err := a.Encode(opened{}); !errors.Is(err, core.ErrUnknownEvent) || !strings.Contains(err.Error(), "es_test.opened") {
		t.Errorf("an event of another decider: %v", err)
	}
}

func TestUpcastsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		upcasts []es.EventOption
		says    string
	}{
		"a gap":                {[]es.EventOption{es.From(1, splitName), es.From(3, addCountry)}, "number 2 starts from 3"},
		"the wrong order":      {[]es.EventOption{es.From(2, addCountry), es.From(1, splitName)}, "makes a es_test.moved"},
		"version zero":         {[]es.EventOption{es.From(0, splitName), es.From(1, addCountry)}, "starts from 0"},
		"types that don't fit": {[]es.EventOption{es.From(1, splitName), es.From(2, splitName)}, "makes a es_test.movedV2"},
		"not today's type":     {[]es.EventOption{es.From(1, splitName)}, "the next step takes a es_test.moved"},
	} {
		err := es.Check(es.Module{Name: "house", Deciders: []es.DeciderDef{residents(c.upcasts...)}})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "Moved") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
