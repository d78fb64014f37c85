package porttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Views tests an implementation of [port.ViewStore]. open returns an empty store for one test.
func Views(t *testing.T, open func(t testing.TB) port.ViewStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.ViewStore){
		"a view that is not built":                  viewNotBuilt,
		"what goes in comes out":                    viewRoundTrip,
		"what did not change keeps its position":    viewUnchanged,
		"removing documents":                        viewRemove,
		"a fold that fails writes nothing":          viewFoldFails,
		"tenants are kept apart":                    viewTenants,
		"lists by key":                              viewListByKey,
		"lists by field":                            viewListByField,
		"lists of large documents":                  viewListOfLargeDocuments,
		"lists of odd values":                       viewListOdd,
		"lists while they change":                   viewListMoves,
		"lists that are refused":                    viewListRefused,
		"one owner at a time":                       viewLeases,
		"a lease that ran out":                      viewLeaseEnds,
		"renewing and releasing":                    viewRenew,
		"a fenced worker writes nothing":            viewFenced,
		"several views in one transaction":          viewTogether,
		"partitions of a view in one transaction":   viewTogetherPartitions,
		"concurrent transactions of several views":  viewTogetherRace,
		"partitions that share documents":           viewShared,
		"new keys from all partitions concurrently": viewSharedNewKeys,
		"the newer version is seen when it is due":  viewActivate,
		"a commit that only the old build has":      viewActivateReleased,
		"fields that are declared later":            viewNewField,
		"preparing by many concurrently":            viewPrepareRace,
		"building again beside the old one":         viewRebuild,
		"what people have done":                     viewActions,
		"calling a build off":                       viewCancel,
		"pausing and resuming":                      viewPause,
		"how many workers live":                     viewWorkers,
		"the mark of the log":                       viewMark,
		"events that are parked":                    viewParked,
		"applying what waits":                       viewRetryLane,
		"skipping an event":                         viewSkip,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// things is the view of the suite: text and numbers to list by.
var things = core.ViewSpec{Name: "things-by-id", Version: 1, Fields: core.Fields{
	{Name: "name", Kind: core.Text}, {Name: "price", Kind: core.Number}, {Name: "it's", Kind: core.Text},
}}

const longLease = time.Hour

// documentFold is a fold that parks nothing.
type documentFold func(map[port.DocumentKey]json.RawMessage) ([]port.DocumentWrite, error)

func (f documentFold) result(c port.FoldInput) (port.FoldResult, error) {
	writes, err := f(c.Documents)
	return port.FoldResult{Writes: writes}, err
}

// worker writes one view from one partition.
type worker struct {
	t     testing.TB
	store port.ViewStore
	view  core.ViewSpec
	lease port.Lease
	at    core.Position
}

// prepare makes the view and claims a partition of it.
func prepare(t testing.TB, store port.ViewStore, view core.ViewSpec, partition int) *worker {
	t.Helper()
	if err := store.Prepare(t.Context(), view); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return claim(t, store, view, partition, fmt.Sprint("worker-", partition))
}

func claim(t testing.TB, store port.ViewStore, view core.ViewSpec, partition int, owner string) *worker {
	t.Helper()
	c, err := store.Claim(t.Context(), view, partition, owner, longLease)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return &worker{t: t, store: store, view: view, lease: c.Lease, at: c.Position}
}

// apply folds once, and moves the checkpoint by one sequence.
func (w *worker) apply(keys []port.DocumentKey, fold documentFold) error {
	next := w.at
	next.Sequence++
	err := w.store.Apply(w.t.Context(), w.view, port.Update{Lease: w.lease, From: w.at, To: next, Keys: keys}, fold.result)
	if err == nil {
		w.at = next
	}
	return err
}

// put writes documents, by key.
func (w *worker) put(tenant string, documents map[string]string) {
	w.t.Helper()
	var keys []port.DocumentKey
	for _, key := range sortedKeys(documents) {
		keys = append(keys, port.DocumentKey{Tenant: tenant, Key: key})
	}
	err := w.apply(keys, func(map[port.DocumentKey]json.RawMessage) (writes []port.DocumentWrite, err error) {
		for _, key := range keys {
			write := port.DocumentWrite{DocumentKey: key, Position: core.Position{Partition: w.at.Partition, Sequence: w.at.Sequence + 1}}
			if data := documents[key.Key]; data != "" {
				write.Data = json.RawMessage(data)
			}
			writes = append(writes, write)
		}
		return writes, nil
	})
	if err != nil {
		w.t.Fatalf("Apply: %v", err)
	}
}

func wantDocument(t testing.TB, store port.ViewReader, key, data string, position core.Position) {
	t.Helper()
	got, err := store.Get(t.Context(), things.Name, core.DefaultTenant, key)
	if err != nil || got.Key != key || string(got.Data) != data || got.Position != position {
		t.Errorf("Get(%q) is %+v (%s), %v\nnot %s at %s", key, got, got.Data, err, data, position)
	}
}

func wantNone(t testing.TB, store port.ViewReader, tenant, key string) {
	t.Helper()
	_, err := store.Get(t.Context(), things.Name, tenant, key)
	wantErr(t, fmt.Sprintf("Get(%q)", key), err, core.ErrNotFound)
}

func viewNotBuilt(t *testing.T, store port.ViewStore) {
	wantNotBuilt := func(what string, err error) {
		t.Helper()
		var notBuilt *port.NotBuiltError
		if !errors.As(err, &notBuilt) || notBuilt.View != "none" || !errors.Is(err, port.ErrUnavailable) {
			t.Errorf("%s: %v, want a NotBuiltError of the view that is an ErrUnavailable", what, err)
		}
	}
	_, err := store.Get(t.Context(), "none", core.DefaultTenant, "a")
	wantNotBuilt("Get", err)
	_, err = store.List(t.Context(), "none", core.DefaultTenant, core.ListQuery{Limit: 1})
	wantNotBuilt("List", err)
	_, err = store.Checkpoints(t.Context(), "none")
	wantNotBuilt("Checkpoints", err)
	_, err = store.Claim(t.Context(), core.ViewSpec{Name: "none", Version: 1}, 0, "me", longLease)
	if err == nil {
		err = store.Apply(t.Context(), core.ViewSpec{Name: "none", Version: 1}, port.Update{
			Lease: port.Lease{Build: core.Build{View: "none", Version: 1}, Owner: "me", Epoch: 1},
			To:    core.Position{Sequence: 1}, Keys: []port.DocumentKey{{Tenant: "t", Key: "k"}},
		}, func(port.FoldInput) (port.FoldResult, error) { return port.FoldResult{}, nil })
	}
	wantErr(t, "Claim or Apply", err, port.ErrUnavailable)
}

func viewRoundTrip(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 3)
	wantNone(t, store, core.DefaultTenant, "a")
	const odd = "a b/c%?'\"ü😀"
	documents := map[string]string{"a": `{ "name":"x",  "price":"1.50" }`, odd: `{"z":1,"a":[2,null]}`, "plain": `"text"`}
	w.put(core.DefaultTenant, documents)
	for key, data := range documents {
		wantDocument(t, store, key, data, core.Position{Partition: 3, Sequence: 1})
	}
	checkpoints, err := store.Checkpoints(t.Context(), things.Name)
	if err != nil || len(checkpoints) != 1 {
		t.Fatalf("Checkpoints are %+v, %v", checkpoints, err)
	}
	if c := checkpoints[0]; c.View != things.Name || c.Version != 1 || c.Position != w.at || c.Lease.Owner != "worker-3" || !c.CaughtUp.IsZero() {
		t.Errorf("the checkpoint is %+v", c)
	}
}

func viewUnchanged(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{"a": `{"name":"x"}`, "b": `{"name":"y"}`})
	w.put(core.DefaultTenant, map[string]string{"a": `{"name":"x"}`, "b": `{"name":"z"}`})
	wantDocument(t, store, "a", `{"name":"x"}`, core.Position{Sequence: 1})
	wantDocument(t, store, "b", `{"name":"z"}`, core.Position{Sequence: 2})
}

func viewRemove(t *testing.T, store port.ViewStore) {
	for _, shared := range []bool{false, true} {
		view := things
		view.Shared = shared
		w := prepare(t, store, view, 0)
		w.put(core.DefaultTenant, map[string]string{"a": `{"name":"x"}`, "b": `{"name":"y"}`})
		w.put(core.DefaultTenant, map[string]string{"a": "", "never": ""})
		wantNone(t, store, core.DefaultTenant, "a")
		wantNone(t, store, core.DefaultTenant, "never")
		page, err := store.List(t.Context(), things.Name, core.DefaultTenant, core.ListQuery{Limit: 10})
		if err != nil || len(page.Items) != 1 || page.Items[0].Key != "b" {
			t.Errorf("List is %+v, %v", page, err)
		}
		w.put(core.DefaultTenant, map[string]string{"a": `{"name":"back"}`})
		wantDocument(t, store, "a", `{"name":"back"}`, w.at)
	}
}

func viewFoldFails(t *testing.T, store port.ViewStore) {
	view := things
	view.Shared = true
	w := prepare(t, store, view, 0)
	w.put(core.DefaultTenant, map[string]string{"a": `{"name":"x"}`})
	wanted := errors.New("can't fold")
	keys := []port.DocumentKey{{Tenant: core.DefaultTenant, Key: "a"}, {Tenant: core.DefaultTenant, Key: "new"}}
	err := w.apply(keys, func(current map[port.DocumentKey]json.RawMessage) ([]port.DocumentWrite, error) {
		if len(current) != 1 || string(current[keys[0]]) != `{"name":"x"}` {
			t.Errorf("fold got %s", current)
		}
		return nil, wanted
	})
	wantErr(t, "Apply", err, wanted)
	wantNone(t, store, core.DefaultTenant, "new")
	w.put(core.DefaultTenant, map[string]string{"a": `{"name":"y"}`}) // the checkpoint has not moved
	wantDocument(t, store, "a", `{"name":"y"}`, core.Position{Sequence: 2})
}

func viewTenants(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put("one", map[string]string{"a": `{"name":"1"}`})
	w.put("two", map[string]string{"a": `{"name":"2"}`, "b": `{"name":"2"}`})
	wantNone(t, store, "one", "b")
	for tenant, want := range map[string]string{"one": `{"name":"1"}`, "two": `{"name":"2"}`} {
		got, err := store.Get(t.Context(), things.Name, tenant, "a")
		if err != nil || string(got.Data) != want {
			t.Errorf("tenant %s has %s, %v", tenant, got.Data, err)
		}
	}
	page, err := store.List(t.Context(), things.Name, "one", core.ListQuery{Limit: 10})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("List is %+v, %v", page, err)
	}
}

func viewActivate(t *testing.T, store port.ViewStore) {
	const partitions = 2
	newer := things
	newer.Version = 2
	newer.Fields = core.Fields{{Name: "size", Kind: core.Number}}
	oldOne, oldTwo := prepare(t, store, things, 0), prepare(t, store, things, 1)
	oldOne.put(core.DefaultTenant, map[string]string{"a": `{"name":"old"}`})
	oldTwo.put(core.DefaultTenant, map[string]string{"b": `{"name":"old"}`})
	newOne := prepare(t, store, newer, 0)
	newOne.put(core.DefaultTenant, map[string]string{"a": `{"size":1}`})
	activate := func(want bool) {
		t.Helper()
		if active, err := store.Activate(t.Context(), newer, partitions); err != nil || active != want {
			t.Errorf("Activate is %v, %v", active, err)
		}
	}
	activate(false) // the other partition is not claimed yet
	newTwo := claim(t, store, newer, 1, "worker")
	activate(false) // and it is behind
	wantDocument(t, store, "a", `{"name":"old"}`, core.Position{Sequence: 1})
	_, err := store.List(t.Context(), things.Name, core.DefaultTenant, core.ListQuery{Limit: 10, Sort: "size"})
	wantErr(t, "List by a field of the version to come", err, core.ErrBadQuery)

	newTwo.put(core.DefaultTenant, map[string]string{"b": `{"size":2}`})
	activate(true)
	activate(true)
	wantDocument(t, store, "a", `{"size":1}`, core.Position{Sequence: 1})
	page, err := store.List(t.Context(), things.Name, core.DefaultTenant, core.ListQuery{Limit: 10, Sort: "size", Desc: true})
	if err != nil || len(page.Items) != 2 || page.Items[0].Key != "b" {
		t.Errorf("List is %+v, %v", page, err)
	}
	if active, err := store.Activate(t.Context(), things, partitions); err != nil || !active {
		t.Errorf("Activate of the older version is %v, %v", active, err)
	}
	wantDocument(t, store, "a", `{"size":1}`, core.Position{Sequence: 1})
	checkpoints, err := store.Checkpoints(t.Context(), things.Name)
	if err != nil || len(checkpoints) != 2 || checkpoints[0].Version != 2 {
		t.Errorf("Checkpoints are %+v, %v", checkpoints, err)
	}
}

func viewNewField(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{"a": `{"color":"red"}`, "b": `{"color":"blue"}`})
	byColor := core.ListQuery{Limit: 10, Filter: []core.FieldValue{{Field: "color", Value: "red"}}}
	_, err := store.List(t.Context(), things.Name, core.DefaultTenant, byColor)
	wantErr(t, "List by an undeclared field", err, core.ErrBadQuery)
	more := things
	more.Fields = append(core.Fields{{Name: "color"}}, things.Fields...)
	if err := store.Prepare(t.Context(), more); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	page, err := store.List(t.Context(), things.Name, core.DefaultTenant, byColor)
	if err != nil || len(page.Items) != 1 || page.Items[0].Key != "a" {
		t.Errorf("List is %+v, %v", page, err)
	}
}

func viewPrepareRace(t *testing.T, store port.ViewStore) {
	errs := make(chan error)
	const many = 8
	for range many {
		go func() { errs <- store.Prepare(t.Context(), things) }()
	}
	for range many {
		if err := <-errs; err != nil {
			t.Errorf("Prepare: %v", err)
		}
	}
}
