package porttest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

var ada = core.Action{Who: "ada", Reason: "a test"}

// statusOf returns a build of the suite's view, or nil.
func statusOf(t testing.TB, store port.ViewStore, number string) *port.BuildStatus {
	t.Helper()
	builds, err := store.Builds(t.Context())
	if err != nil {
		t.Fatalf("Builds: %v", err)
	}
	for i := range builds {
		if builds[i].View == things.Name && builds[i].Number() == number {
			return &builds[i]
		}
	}
	return nil
}

func wantState(t testing.TB, store port.ViewStore, number string, want port.BuildState) {
	t.Helper()
	if got := statusOf(t, store, number); got == nil || got.State != want {
		t.Errorf("build %s is %+v, not %s", number, got, want)
	}
}

func lastAction(t testing.TB, store port.ViewStore, did string) core.Action {
	t.Helper()
	actions, err := store.Actions(t.Context(), things.Name, 1)
	if err != nil || len(actions) != 1 || actions[0].Did != did || actions[0].Who != "ada" || actions[0].View != things.Name || actions[0].At.IsZero() {
		t.Errorf("the last action is %+v, %v; not ada's %s", actions, err, did)
		return core.Action{}
	}
	return actions[0]
}

func by(did string) core.Action { a := ada; a.Did = did; return a }

func viewActions(t *testing.T, store port.ViewStore) {
	prepare(t, store, things, 0)
	if err := store.Pause(t.Context(), things.Name, true, by("pause")); err != nil {
		t.Fatal(err)
	}
	letter := by("drop")
	letter.Object = "dead letter 7"
	if err := store.Record(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	lastAction(t, store, "pause")
	all, err := store.Actions(t.Context(), "", 10)
	if err != nil || len(all) != 2 || all[0].At.IsZero() || all[1].Did != "pause" {
		t.Fatalf("all actions are %+v, %v", all, err)
	}
	letter.At = all[0].At
	if all[0] != letter {
		t.Errorf("recorded is %+v, not %+v", all[0], letter)
	}
}

func viewRebuild(t *testing.T, store port.ViewStore) {
	const partitions = 1
	old := prepare(t, store, things, 0)
	old.put(core.DefaultTenant, map[string]string{"a": `{"name":"old"}`})
	next, err := store.Rebuild(t.Context(), things, true, by("rebuild"))
	if err != nil || next.Number() != "1.1" {
		t.Fatalf("Rebuild is %v, %v", next, err)
	}
	if a := lastAction(t, store, "rebuild"); a.Object != "things-by-id v1.1" || a.Reason != ada.Reason {
		t.Errorf("the action is %+v", a)
	}
	_, err = store.Rebuild(t.Context(), things, false, by("rebuild"))
	wantErr(t, "Rebuild while it is rebuilt", err, port.ErrBuilding)
	wantState(t, store, "1", port.Active)
	if s := statusOf(t, store, "1.1"); s == nil || s.State != port.Building || !s.DropOld {
		t.Errorf("the build is %+v", s)
	}
	again := things
	again.Rebuild = 1
	fresh := prepare(t, store, again, 0)
	if active, err := store.Activate(t.Context(), again, partitions); err != nil || active {
		t.Errorf("Activate of a build that is behind is %v, %v", active, err)
	}
	wantDocument(t, store, "a", `{"name":"old"}`, core.Position{Sequence: 1})
	fresh.put(core.DefaultTenant, map[string]string{"a": `{"name":"new"}`})
	if active, err := store.Activate(t.Context(), again, partitions); err != nil || !active {
		t.Errorf("Activate is %v, %v", active, err)
	}
	wantDocument(t, store, "a", `{"name":"new"}`, core.Position{Sequence: 1})
	wantState(t, store, "1", port.Retired)
	wantState(t, store, "1.1", port.Active)
	err = old.apply(nil, func(map[port.DocumentKey]json.RawMessage) ([]port.DocumentWrite, error) { return nil, nil })
	if !errors.Is(err, port.ErrFenced) && !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("Apply to a retired build: %v", err)
	}

	if dropped, err := store.Drop(t.Context(), things.Name, time.Now().Add(-time.Hour), by("drop")); err != nil || len(dropped) != 0 {
		t.Errorf("Drop of older ones is %v, %v", dropped, err)
	}
	dropped, err := store.Drop(t.Context(), "", time.Now().Add(time.Hour), by("drop"))
	if err != nil || len(dropped) != 1 || dropped[0] != things.Build() {
		t.Errorf("Drop is %v, %v", dropped, err)
	}
	lastAction(t, store, "drop")
	if s := statusOf(t, store, "1"); s != nil {
		t.Errorf("the dropped build is %+v", s)
	}
	wantDocument(t, store, "a", `{"name":"new"}`, core.Position{Sequence: 1})
	if next, err = store.Rebuild(t.Context(), things, false, by("rebuild")); err != nil || next.Number() != "1.2" {
		t.Errorf("the next Rebuild is %v, %v", next, err)
	}
}

func viewCancel(t *testing.T, store port.ViewStore) {
	_, err := store.Rebuild(t.Context(), things, false, by("rebuild"))
	wantErr(t, "Rebuild of what is not built", err, core.ErrNotFound)
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{"a": `{}`})
	_, err = store.Cancel(t.Context(), things.Name, by("cancel"))
	wantErr(t, "Cancel of nothing", err, core.ErrNotFound)
	if _, err := store.Rebuild(t.Context(), things, false, by("rebuild")); err != nil {
		t.Fatal(err)
	}
	again := things
	again.Rebuild = 1
	fresh := prepare(t, store, again, 0)
	cancelled, err := store.Cancel(t.Context(), things.Name, by("cancel"))
	if err != nil || cancelled.Number() != "1.1" {
		t.Errorf("Cancel is %v, %v", cancelled, err)
	}
	lastAction(t, store, "cancel")
	wantState(t, store, "1.1", port.Cancelled)
	err = fresh.apply(nil, func(map[port.DocumentKey]json.RawMessage) ([]port.DocumentWrite, error) { return nil, nil })
	if !errors.Is(err, port.ErrFenced) && !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("Apply to a cancelled build: %v", err)
	}
	if active, err := store.Activate(t.Context(), again, 1); err != nil || active {
		t.Errorf("Activate of a cancelled build is %v, %v", active, err)
	}
	wantDocument(t, store, "a", `{}`, core.Position{Sequence: 1})
	viewDropCancelled(t, store, cancelled)
}

// viewDropCancelled drops a cancelled build that is the newest. The build is not started again, and its number is not reused.
func viewDropCancelled(t *testing.T, store port.ViewStore, cancelled core.Build) {
	for _, want := range []int{1, 0} {
		dropped, err := store.Drop(t.Context(), "", time.Now().Add(time.Hour), by("drop"))
		if err != nil || len(dropped) != want || want == 1 && dropped[0] != cancelled {
			t.Errorf("Drop is %v, %v", dropped, err)
		}
		wantState(t, store, cancelled.Number(), port.Cancelled)
		if s := statusOf(t, store, cancelled.Number()); s != nil && len(s.Checkpoints) != 0 {
			t.Errorf("the dropped build has %+v", s)
		}
	}
	next, err := store.Rebuild(t.Context(), things, false, by("rebuild"))
	if err != nil || next.Rebuild != cancelled.Rebuild+1 {
		t.Errorf("the next Rebuild is %v, %v", next, err)
	}
	if dropped, err := store.Drop(t.Context(), "", time.Now().Add(time.Hour), by("drop")); err != nil || len(dropped) != 0 {
		t.Errorf("Drop is %v, %v", dropped, err)
	}
	if s := statusOf(t, store, cancelled.Number()); s != nil {
		t.Errorf("the dropped build is %+v", s)
	}
}

func viewPause(t *testing.T, store port.ViewStore) {
	wantErr(t, "Pause of what is not built", store.Pause(t.Context(), things.Name, true, by("pause")), core.ErrNotFound)
	w := prepare(t, store, things, 0)
	if err := store.Pause(t.Context(), things.Name, true, by("pause")); err != nil {
		t.Fatal(err)
	}
	lastAction(t, store, "pause")
	if s := statusOf(t, store, "1"); s == nil || !s.Paused {
		t.Errorf("the build is %+v", s)
	}
	if err := store.Release(t.Context(), []port.Lease{w.lease}); err != nil {
		t.Fatal(err)
	}
	_, err := store.Claim(t.Context(), things, 0, "other", longLease)
	wantErr(t, "Claim of a paused view", err, port.ErrLeased)
	if err := store.Pause(t.Context(), things.Name, false, by("resume")); err != nil {
		t.Fatal(err)
	}
	claim(t, store, things, 0, "other")
}

func viewWorkers(t *testing.T, store port.ViewStore) {
	for i, owner := range []string{"one", "two", "one"} {
		n, err := store.Join(t.Context(), port.ProjectionWorker, owner, longLease)
		if want := min(i+1, 2); err != nil || n != want {
			t.Errorf("after %s joined, %d live, %v; not %d", owner, n, err, want)
		}
	}
	if n, err := store.Join(t.Context(), port.ProcessWorker, "three", longLease); err != nil || n != 1 {
		t.Errorf("of another kind, %d live, %v", n, err)
	}
	if _, err := store.Join(t.Context(), port.ProjectionWorker, "brief", -time.Second); err != nil {
		t.Error(err)
	}
	if n, err := store.Join(t.Context(), port.ProjectionWorker, "one", longLease); err != nil || n != 2 {
		t.Errorf("with one that did not live on, %d live, %v", n, err)
	}
	if err := store.Leave(t.Context(), "two"); err != nil {
		t.Error(err)
	}
	if n, err := store.Join(t.Context(), port.ProjectionWorker, "one", longLease); err != nil || n != 1 {
		t.Errorf("after one has left, %d live, %v", n, err)
	}
}

// The mark of the log is stored with the checkpoint.
func viewMark(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	mark := port.LogMark{Created: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Commit: []byte{1, 2, 3}}
	err := store.Apply(t.Context(), things, port.Update{Lease: w.lease, To: core.Position{Sequence: 1}, Mark: mark},
		func(port.FoldInput) (port.FoldResult, error) { return port.FoldResult{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	c, err := store.Claim(t.Context(), things, 0, w.lease.Owner, longLease)
	if err != nil || !c.Mark.Created.Equal(mark.Created) || string(c.Mark.Commit) != string(mark.Commit) {
		t.Errorf("claimed %+v, %v", c, err)
	}
	checkpoints, err := store.Checkpoints(t.Context(), things.Name)
	if err != nil || len(checkpoints) != 1 || !checkpoints[0].Mark.Created.Equal(mark.Created) {
		t.Errorf("the checkpoints are %+v, %v", checkpoints, err)
	}
}

// viewActivateReleased tests a partition that was empty when the new build read it, while the old build has a later commit,
// which readers would lose.
func viewActivateReleased(t *testing.T, store port.ViewStore) {
	newer := things
	newer.Version = 2
	old, fresh := prepare(t, store, things, 0), prepare(t, store, newer, 0)
	if _, err := store.Renew(t.Context(), []port.Lease{fresh.lease}, []time.Time{time.Now()}, longLease); err != nil {
		t.Fatal(err)
	}
	old.put(core.DefaultTenant, map[string]string{"a": `{}`})
	if err := store.Release(t.Context(), []port.Lease{old.lease}); err != nil {
		t.Fatal(err)
	}
	if active, err := store.Activate(t.Context(), newer, 1); err != nil || active {
		t.Errorf("Activate of a build that is behind is %v, %v", active, err)
	}
	// A worker that finds the partition empty now follows another log.
	if _, err := store.Renew(t.Context(), []port.Lease{fresh.lease}, []time.Time{time.Now()}, longLease); err != nil {
		t.Fatal(err)
	}
	if active, err := store.Activate(t.Context(), newer, 1); err != nil || !active {
		t.Errorf("Activate of a build on another log is %v, %v", active, err)
	}
}
