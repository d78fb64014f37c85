package porttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// other is a second view of the suite, whose documents are written from all partitions.
var other = core.ViewSpec{Name: "others-by-name", Version: 1, Shared: true, Fields: core.Fields{{Name: "name", Kind: core.Text}}}

// nextUpdate moves a worker by one sequence, and writes a document, or removes it where data is empty.
func (w *worker) nextUpdate(key, data string) port.ProjectionUpdate {
	next := core.Position{Partition: w.at.Partition, Sequence: w.at.Sequence + 1}
	k := port.DocumentKey{Tenant: core.DefaultTenant, Key: key}
	return port.ProjectionUpdate{
		View: w.view, Update: port.Update{Lease: w.lease, From: w.at, To: next, CaughtUp: time.Now(), Keys: []port.DocumentKey{k}},
		Fold: func(port.FoldInput) (port.FoldResult, error) {
			write := port.DocumentWrite{DocumentKey: k, Position: next}
			if data != "" {
				write.Data = json.RawMessage(data)
			}
			return port.FoldResult{Writes: []port.DocumentWrite{write}}, nil
		},
	}
}

func viewTogether(t *testing.T, store port.ViewStore) {
	first, second := prepare(t, store, things, 2), prepare(t, store, other, 2)
	want := func(position core.Position, data string) {
		t.Helper()
		for _, w := range []*worker{first, second} {
			got, err := store.Get(t.Context(), w.view.Name, core.DefaultTenant, "a")
			if err != nil || string(got.Data) != data || got.Position != position {
				t.Errorf("%s: the document is %s at %s, %v, not %s at %s", w.view.Name, got.Data, got.Position, err, data, position)
			}
			c, err := store.Checkpoints(t.Context(), w.view.Name)
			if err != nil || len(c) != 1 || c[0].Position != position || c[0].CaughtUp.IsZero() {
				t.Errorf("%s: the checkpoints are %+v, %v", w.view.Name, c, err)
			}
		}
	}
	both := func(data string) []port.ProjectionUpdate {
		return []port.ProjectionUpdate{second.nextUpdate("a", data), first.nextUpdate("a", data)}
	}
	if err := store.ApplyTogether(t.Context(), both(`{"n":1}`)); err != nil {
		t.Fatalf("ApplyTogether: %v", err)
	}
	first.at.Sequence, second.at.Sequence = 1, 1
	want(core.Position{Partition: 2, Sequence: 1}, `{"n":1}`)

	fenced := both(`{"n":2}`)
	fenced[0].Update.From.Sequence = 7
	wantErr(t, "ApplyTogether with a checkpoint that has moved", store.ApplyTogether(t.Context(), fenced), port.ErrFenced)
	broken, cause := both(`{"n":3}`), errors.New("can't fold")
	broken[1].Fold = func(port.FoldInput) (port.FoldResult, error) { return port.FoldResult{}, cause }
	wantErr(t, "ApplyTogether with a fold that fails", store.ApplyTogether(t.Context(), broken), cause)
	want(core.Position{Partition: 2, Sequence: 1}, `{"n":1}`)

	// Each view has lanes of its own.
	first.park(stuckLane, failed("one"))
	all := both(`{"n":4}`)
	for i := range all {
		fold := all[i].Fold
		all[i].Update.Lanes = lanes(stuckLane)
		all[i].Fold = func(c port.FoldInput) (port.FoldResult, error) {
			if c.Waiting[stuckLane] != (all[i].View.Name == things.Name) {
				t.Errorf("%s: the lanes %v are taken", all[i].View.Name, c.Waiting)
			}
			return fold(c)
		}
	}
	if err := store.ApplyTogether(t.Context(), all); err != nil {
		t.Errorf("ApplyTogether: %v", err)
	}
}

// Partitions of one view in one transaction see the writes of those before them.
func viewTogetherPartitions(t *testing.T, store port.ViewStore) {
	key := port.DocumentKey{Tenant: core.DefaultTenant, Key: "a"}
	first, second, third := prepare(t, store, other, 0), prepare(t, store, other, 1), prepare(t, store, other, 2)
	apply := func(all ...port.ProjectionUpdate) {
		t.Helper()
		if err := store.ApplyTogether(t.Context(), all); err != nil {
			t.Fatalf("ApplyTogether: %v", err)
		}
		for _, w := range []*worker{first, second, third} {
			w.at.Sequence++
		}
	}
	parks, waits, removes := first.nextUpdate("a", `{"n":1}`), second.nextUpdate("a", ""), third.nextUpdate("b", "")
	inner := parks.Fold
	parks.Fold = func(c port.FoldInput) (port.FoldResult, error) {
		result, err := inner(c)
		result.Parked = []port.Parking{parking(stuckLane, 1, failed("one"))}
		return result, err
	}
	waits.Fold = func(c port.FoldInput) (port.FoldResult, error) {
		if !c.Waiting[stuckLane] || string(c.Documents[key]) != `{"n":1}` {
			t.Errorf("the second partition finds %s, and the lanes %v are taken", c.Documents[key], c.Waiting)
		}
		return port.FoldResult{}, nil
	}
	apply(removes, waits, parks)
	got, err := store.Get(t.Context(), other.Name, core.DefaultTenant, "a")
	if err != nil || string(got.Data) != `{"n":1}` || got.Position != (core.Position{Sequence: 1}) {
		t.Errorf("the document is %s at %s, %v", got.Data, got.Position, err)
	}
	// The first projection writes the document, the next leaves it unchanged, and the last removes it.
	apply(first.nextUpdate("b", `{"n":2}`), second.nextUpdate("b", `{"n":2}`), third.nextUpdate("a", ""))
	got, err = store.Get(t.Context(), other.Name, core.DefaultTenant, "b")
	if err != nil || string(got.Data) != `{"n":2}` || got.Position != (core.Position{Sequence: 2}) {
		t.Errorf("the document is %s at %s, %v", got.Data, got.Position, err)
	}
	_, err = store.Get(t.Context(), other.Name, core.DefaultTenant, "a")
	wantErr(t, "Get of what was removed", err, core.ErrNotFound)
	apply(first.nextUpdate("c", `{"n":3}`), second.nextUpdate("c", ""), third.nextUpdate("c", `{"n":4}`))
	got, err = store.Get(t.Context(), other.Name, core.DefaultTenant, "c")
	if err != nil || string(got.Data) != `{"n":4}` || got.Position != (core.Position{Partition: 2, Sequence: 3}) {
		t.Errorf("the document is %s at %s, %v", got.Data, got.Position, err)
	}
}

// Concurrent transactions of several views and partitions are serializable, also during renewals of leases.
func viewTogetherRace(t *testing.T, store port.ViewStore) {
	const partitions, rounds = 4, 30
	another := other
	another.Name = "another"
	var leases []port.Lease
	var working, renewing sync.WaitGroup
	for p := 0; p < partitions; p += 2 {
		var workers []*worker
		for _, view := range []core.ViewSpec{other, another} {
			workers = append(workers, prepare(t, store, view, p), prepare(t, store, view, p+1))
		}
		for _, w := range workers {
			leases = append(leases, w.lease)
		}
		working.Go(func() {
			for n := range rounds {
				var all []port.ProjectionUpdate
				for _, w := range workers {
					key := port.DocumentKey{Tenant: core.DefaultTenant, Key: fmt.Sprint("k", n%3)}
					a := w.nextUpdate(key.Key, "")
					a.Fold = count([]port.DocumentKey{key}, w.at).result
					all = append(all, a)
				}
				if n%2 == 1 {
					slices.Reverse(all)
				}
				if err := store.ApplyTogether(t.Context(), all); err != nil {
					t.Errorf("ApplyTogether: %v", err)
					return
				}
				for _, w := range workers {
					w.at.Sequence++
				}
			}
		})
	}
	done := make(chan struct{})
	renewing.Go(func() {
		for {
			if held, err := store.Renew(t.Context(), leases, make([]time.Time, len(leases)), longLease); err != nil || len(held) != len(leases) {
				t.Errorf("Renew: %d leases, %v", len(held), err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	working.Wait()
	close(done)
	renewing.Wait()
	want := fmt.Sprintf(`{"price":%d}`, partitions*rounds/3)
	for _, view := range []string{other.Name, another.Name} {
		for _, key := range []string{"k0", "k1", "k2"} {
			if d, err := store.Get(t.Context(), view, core.DefaultTenant, key); err != nil || string(d.Data) != want {
				t.Errorf("%s: document %s is %s, %v, not %s", view, key, d.Data, err, want)
			}
		}
	}
}
