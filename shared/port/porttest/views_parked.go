package porttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

var (
	stuckKey  = port.DocumentKey{Tenant: core.DefaultTenant, Key: "stuck"}
	stuckLane = port.DocumentLane(stuckKey)
)

func parking(lane port.Lane, sequence uint64, failure *port.Failure) port.Parking {
	return port.Parking{
		Lane: lane, Stream: core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: "1"},
		Position: core.Position{Sequence: sequence}, Event: 0, Type: "suite.Happened", Failure: failure,
	}
}

func failed(message string) *port.Failure {
	return &port.Failure{Message: message, Causes: []string{message, "the cause"}, Group: "group-of-" + message}
}

func lanes(all ...port.Lane) func() []port.Lane { return func() []port.Lane { return all } }

// park parks events of one lane, each at another position.
func (w *worker) park(lane port.Lane, failures ...*port.Failure) {
	w.t.Helper()
	for _, failure := range failures {
		next := w.at
		next.Sequence++
		u := port.Update{Lease: w.lease, From: w.at, To: next, Lanes: lanes(lane)}
		err := w.store.Apply(w.t.Context(), w.view, u, func(port.FoldInput) (port.FoldResult, error) {
			return port.FoldResult{Parked: []port.Parking{parking(lane, next.Sequence, failure)}}, nil
		})
		if err != nil {
			w.t.Fatalf("Apply: %v", err)
		}
		w.at = next
	}
}

func waitingIDs(t testing.TB, store port.ViewStore, lane port.Lane) (ids []int64) {
	t.Helper()
	waiting, err := store.Waiting(t.Context(), things.Build(), lane, 100)
	if err != nil {
		t.Fatalf("Waiting: %v", err)
	}
	for _, p := range waiting {
		ids = append(ids, p.ID)
	}
	return ids
}

func viewParked(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	other := port.StreamLane(core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: "2"})
	w.park(stuckLane, failed("one"), nil, nil)
	w.park(other, failed("two"))
	all, err := store.Parked(t.Context(), port.ParkedQuery{Limit: 10})
	if err != nil || len(all) != 2 {
		t.Fatalf("Parked is %+v, %v", all, err)
	}
	first := all[0]
	want := parking(stuckLane, 1, failed("one"))
	if first.Lane != want.Lane || first.Stream != want.Stream || first.Position != want.Position || first.Type != want.Type ||
		first.Failure.Message != "one" || len(first.Failure.Causes) != 2 || first.Failure.Group != want.Failure.Group ||
		first.Attempts != 1 || first.Behind != 2 || first.At.IsZero() || first.Attempted.IsZero() || first.Build != things.Build() {
		t.Errorf("the first is %+v, %+v", first, first.Failure)
	}
	if got, err := store.ParkedEvent(t.Context(), first.ID); err != nil || got.ID != first.ID || got.Behind != 2 {
		t.Errorf("ParkedEvent is %+v, %v", got, err)
	}
	_, err = store.ParkedEvent(t.Context(), first.ID+1000)
	wantErr(t, "ParkedEvent", err, core.ErrNotFound)
	for name, q := range map[string]port.ParkedQuery{
		"by group": {Group: "group-of-two", Limit: 10}, "after": {After: first.ID, Limit: 10}, "by view": {View: things.Name, After: first.ID, Limit: 1},
	} {
		if got, err := store.Parked(t.Context(), q); err != nil || len(got) != 1 || got[0].Lane != other {
			t.Errorf("Parked %s is %+v, %v", name, got, err)
		}
	}
	if got, err := store.Parked(t.Context(), port.ParkedQuery{View: "another", Limit: 10}); err != nil || len(got) != 0 {
		t.Errorf("Parked of another view is %+v, %v", got, err)
	}
	if s := statusOf(t, store, "1"); s == nil || s.Parked != 2 {
		t.Errorf("the build is %+v", s)
	}
	ids := waitingIDs(t, store, stuckLane)
	if len(ids) != 3 || !slices.IsSorted(ids) || ids[0] != first.ID {
		t.Errorf("in the lane wait %v", ids)
	}
	// The next transaction sees the lanes with parked events.
	u := port.Update{Lease: w.lease, From: w.at, To: core.Position{Sequence: w.at.Sequence + 1}, Keys: []port.DocumentKey{stuckKey}}
	u.Lanes = lanes(stuckLane, port.DocumentLane(port.DocumentKey{Tenant: core.DefaultTenant, Key: "free"}), other)
	err = store.Apply(t.Context(), things, u, func(c port.FoldInput) (port.FoldResult, error) {
		if len(c.Waiting) != 2 || !c.Waiting[stuckLane] || !c.Waiting[other] {
			t.Errorf("the lanes %v are taken", c.Waiting)
		}
		return port.FoldResult{}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func viewRetryLane(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{stuckKey.Key: `{"n":0}`})
	w.park(stuckLane, failed("one"), nil, nil)
	ids := waitingIDs(t, store, stuckLane)
	retryLane := func(ids []int64, by *core.Action, done int, failure *port.Failure, err error) error {
		return store.RetryLane(t.Context(), things, port.LaneRetry{Lane: stuckLane, IDs: ids, Keys: []port.DocumentKey{stuckKey}, By: by},
			func(c port.FoldInput) (port.FoldResult, int, *port.Failure, error) {
				write := port.DocumentWrite{DocumentKey: stuckKey, Position: core.Position{Sequence: 2}, Data: json.RawMessage(fmt.Sprintf(`{"done":%d}`, done))}
				if len(c.Documents) != 1 {
					t.Errorf("the documents are %v", c.Documents)
				}
				return port.FoldResult{Writes: []port.DocumentWrite{write}}, done, failure, err
			})
	}
	refused := errors.New("refused")
	wantErr(t, "RetryLane", retryLane(ids, nil, 1, nil, refused), refused)
	wantErr(t, "RetryLane", retryLane(ids[1:], nil, 1, nil, nil), port.ErrMoved)
	wantErr(t, "RetryLane", retryLane(append(ids, 99), nil, 1, nil, nil), port.ErrMoved)
	wantDocument(t, store, stuckKey.Key, `{"n":0}`, core.Position{Sequence: 1})

	retry := by("retry")
	if err := retryLane(ids, &retry, 1, failed("again"), nil); err != nil {
		t.Fatal(err)
	}
	lastAction(t, store, "retry")
	wantDocument(t, store, stuckKey.Key, `{"done":1}`, core.Position{Sequence: 2})
	if p, err := store.ParkedEvent(t.Context(), ids[1]); err != nil || p.Failure == nil || p.Failure.Message != "again" || p.Attempts != 1 || p.Behind != 1 {
		t.Errorf("what failed now is %+v, %v", p, err)
	}
	if err := retryLane(ids[1:], nil, 0, failed("yet again"), nil); err != nil {
		t.Fatal(err)
	}
	if p, err := store.ParkedEvent(t.Context(), ids[1]); err != nil || p.Failure.Message != "yet again" || p.Attempts != 2 {
		t.Errorf("after another attempt it is %+v, %v", p, err)
	}
	if err := retryLane(ids[1:], nil, 2, nil, nil); err != nil {
		t.Fatal(err)
	}
	if left := waitingIDs(t, store, stuckLane); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func viewSkip(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.park(stuckLane, failed("one"), nil)
	ids := waitingIDs(t, store, stuckLane)
	wantErr(t, "Skip out of order", store.Skip(t.Context(), ids[1], by("skip")), port.ErrMoved)
	wantErr(t, "Skip of nothing", store.Skip(t.Context(), ids[1]+1000, by("skip")), core.ErrNotFound)
	if err := store.Skip(t.Context(), ids[0], by("skip")); err != nil {
		t.Fatal(err)
	}
	if a := lastAction(t, store, "skip"); a.Reason != ada.Reason || a.Object == "" {
		t.Errorf("the action is %+v", a)
	}
	if left := waitingIDs(t, store, stuckLane); len(left) != 1 || left[0] != ids[1] {
		t.Errorf("%v are left", left)
	}
}
