package porttest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Snapshots tests an implementation of [port.Snapshots]. open returns an empty store for one test.
func Snapshots(t *testing.T, open func(t testing.TB) port.Snapshots) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.Snapshots){
		"what goes in comes out":                      snapshotRoundTrip,
		"the newest stays":                            snapshotNewest,
		"another schema replaces":                     snapshotSchema,
		"streams are kept apart":                      snapshotStreams,
		"many concurrent writers, some of one stream": snapshotMany,
		"savers that write the same streams":          snapshotRace,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func snapshot(id string, version core.Version, schema string) port.Snapshot {
	return port.Snapshot{
		Stream: stream(id), Version: version, Schema: schema,
		State: json.RawMessage(fmt.Sprintf(`{"id": %q, "n":%d, "text":"<ü\u0000>"}`, id, version)),
		Time:  time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC),
	}
}

func saveOK(t testing.TB, store port.Snapshots, snapshots ...port.Snapshot) {
	t.Helper()
	if err := store.Save(t.Context(), snapshots); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

func wantSnapshot(t testing.TB, store port.Snapshots, want port.Snapshot) {
	t.Helper()
	got, err := store.Load(t.Context(), want.Stream, want.Schema)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Load is %+v, %v\nnot %+v", got, err, want)
	}
}

func snapshotRoundTrip(t *testing.T, store port.Snapshots) {
	_, err := store.Load(t.Context(), stream("a"), "s1")
	wantErr(t, "Load of nothing", err, core.ErrNotFound)
	saveOK(t, store)
	saveOK(t, store, snapshot("a", 3, "s1"))
	wantSnapshot(t, store, snapshot("a", 3, "s1"))
}

func snapshotNewest(t *testing.T, store port.Snapshots) {
	saveOK(t, store, snapshot("a", 3, "s1"))
	other := snapshot("a", 3, "s1")
	other.State = json.RawMessage(`"other"`)
	saveOK(t, store, other)
	saveOK(t, store, snapshot("a", 2, "s1"))
	wantSnapshot(t, store, snapshot("a", 3, "s1"))
	saveOK(t, store, snapshot("a", 40, "s1"))
	wantSnapshot(t, store, snapshot("a", 40, "s1"))
}

func snapshotSchema(t *testing.T, store port.Snapshots) {
	saveOK(t, store, snapshot("a", 3, "s1"))
	_, err := store.Load(t.Context(), stream("a"), "s2")
	wantErr(t, "Load of another schema", err, core.ErrNotFound)
	saveOK(t, store, snapshot("a", 2, "s2"))
	wantSnapshot(t, store, snapshot("a", 2, "s2"))
	_, err = store.Load(t.Context(), stream("a"), "s1")
	wantErr(t, "Load of the replaced schema", err, core.ErrNotFound)
}

func snapshotStreams(t *testing.T, store port.Snapshots) {
	here, there, elsewhere := snapshot("a", 1, "s"), snapshot("a", 2, "s"), snapshot("a", 3, "s")
	there.Stream.Category, elsewhere.Stream.Tenant = "other", "tenant-2"
	saveOK(t, store, here, there, elsewhere)
	for _, s := range []port.Snapshot{here, there, elsewhere} {
		wantSnapshot(t, store, s)
	}
}

func snapshotMany(t *testing.T, store port.Snapshots) {
	var all []port.Snapshot
	for i := range 500 {
		all = append(all, snapshot(fmt.Sprint(i%100), core.Version(1+(i*7)%500), "s"))
	}
	saveOK(t, store, all...)
	for i := range 100 {
		newest := core.Version(0)
		for j := i; j < 500; j += 100 {
			newest = max(newest, all[j].Version)
		}
		wantSnapshot(t, store, snapshot(fmt.Sprint(i), newest, "s"))
	}
}

func snapshotRace(t *testing.T, store port.Snapshots) {
	const savers, streams = 8, 50
	var saving sync.WaitGroup
	for saver := range savers {
		saving.Go(func() {
			for round := range 5 {
				var batch []port.Snapshot
				for i := range streams {
					batch = append(batch, snapshot(fmt.Sprint((i*(2*saver+1))%streams), core.Version(1+round*savers+saver), "s"))
				}
				if err := store.Save(t.Context(), batch); err != nil {
					t.Errorf("Save: %v", err)
				}
			}
		})
	}
	saving.Wait()
	for i := range streams {
		got, err := store.Load(t.Context(), stream(fmt.Sprint(i)), "s")
		if err != nil || got.Version < 5*savers-savers+1 {
			t.Errorf("stream %d has version %d, %v", i, got.Version, err)
		}
	}
}
