package porttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const shortLease = 50 * time.Millisecond

// awaitClaim claims until the previous lease has expired.
func awaitClaim(t testing.TB, store port.ViewStore, owner string, ttl time.Duration) port.Checkpoint {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		c, err := store.Claim(ctx, things, 0, owner, ttl)
		if err == nil {
			return c
		}
		if !errors.Is(err, port.ErrLeased) {
			t.Fatalf("Claim: %v", err)
		}
	}
}

func viewLeases(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	_, err := store.Claim(t.Context(), things, 0, "other", longLease)
	wantErr(t, "Claim of what is taken", err, port.ErrLeased)
	claim(t, store, things, 1, "other")
	newer := things
	newer.Version = 2
	if err := store.Prepare(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	claim(t, store, newer, 0, "other")

	w.put(core.DefaultTenant, map[string]string{"a": `{}`})
	again := claim(t, store, things, 0, w.lease.Owner)
	if again.at != w.at || again.lease.Epoch <= w.lease.Epoch {
		t.Errorf("claimed again at %s with epoch %d, not at %s after epoch %d", again.at, again.lease.Epoch, w.at, w.lease.Epoch)
	}
	var owners sync.WaitGroup
	var mu sync.Mutex
	var won []string
	for i := range 8 {
		owners.Go(func() {
			owner := fmt.Sprint("racer-", i)
			_, err := store.Claim(t.Context(), things, 2, owner, longLease)
			if err != nil && !errors.Is(err, port.ErrLeased) {
				t.Errorf("Claim: %v", err)
			}
			if err == nil {
				mu.Lock()
				won = append(won, owner)
				mu.Unlock()
			}
		})
	}
	owners.Wait()
	if len(won) > 1 {
		t.Errorf("%q won the same lease", won)
	}
	if len(won) == 0 { // concurrent claims may have rejected each other
		claim(t, store, things, 2, "later")
	}
}

func viewLeaseEnds(t *testing.T, store port.ViewStore) {
	if err := store.Prepare(t.Context(), things); err != nil {
		t.Fatal(err)
	}
	first := awaitClaim(t, store, "first", shortLease)
	second := awaitClaim(t, store, "second", longLease)
	if second.Lease.Epoch <= first.Lease.Epoch || second.Lease.Owner != "second" {
		t.Errorf("the second lease is %+v after %+v", second.Lease, first.Lease)
	}
	held, err := store.Renew(t.Context(), []port.Lease{first.Lease}, make([]time.Time, 1), longLease)
	if err != nil || len(held) != 0 {
		t.Errorf("the first renewed %+v, %v", held, err)
	}
	if err := store.Release(t.Context(), []port.Lease{first.Lease}); err != nil {
		t.Error(err)
	}
	_, err = store.Claim(t.Context(), things, 0, "third", longLease)
	wantErr(t, "Claim after the former owner's release", err, port.ErrLeased)
}

func viewRenew(t *testing.T, store port.ViewStore) {
	one, two := prepare(t, store, things, 0), prepare(t, store, things, 1)
	held, err := store.Renew(t.Context(), []port.Lease{one.lease, two.lease}, []time.Time{time.Now(), {}}, 2*longLease)
	if err != nil || len(held) != 2 || !held[0].Until.After(one.lease.Until) {
		t.Fatalf("renewed %+v, %v", held, err)
	}
	checkpoints, err := store.Checkpoints(t.Context(), things.Name)
	if err != nil || len(checkpoints) != 2 || checkpoints[0].CaughtUp.IsZero() || !checkpoints[1].CaughtUp.IsZero() {
		t.Errorf("Checkpoints are %+v, %v", checkpoints, err)
	}
	one.put(core.DefaultTenant, map[string]string{"a": `{}`}) // a renewed lease is the same lease
	if err := store.Release(t.Context(), []port.Lease{one.lease}); err != nil {
		t.Fatal(err)
	}
	next := claim(t, store, things, 0, "next")
	if next.at != one.at {
		t.Errorf("the next owner continues at %s, not %s", next.at, one.at)
	}
	held, err = store.Renew(t.Context(), nil, nil, longLease)
	if err != nil || len(held) != 0 {
		t.Errorf("renewed nothing as %+v, %v", held, err)
	}
}

func viewFenced(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{"a": `{"name":"1"}`})
	overwrite := documentFold(func(map[port.DocumentKey]json.RawMessage) ([]port.DocumentWrite, error) {
		return []port.DocumentWrite{{DocumentKey: port.DocumentKey{Tenant: core.DefaultTenant, Key: "a"}, Data: json.RawMessage(`"fenced"`)}}, nil
	})
	keys := []port.DocumentKey{{Tenant: core.DefaultTenant, Key: "a"}}
	refused := func(what string, u port.Update) {
		t.Helper()
		u.To, u.Keys = core.Position{Sequence: u.From.Sequence + 1}, keys
		wantErr(t, what, store.Apply(t.Context(), things, u, overwrite.result), port.ErrFenced)
		wantDocument(t, store, "a", `{"name":"1"}`, core.Position{Sequence: 1})
	}
	refused("a checkpoint that has moved on", port.Update{Lease: w.lease, From: core.Position{}})
	refused("a checkpoint from the future", port.Update{Lease: w.lease, From: core.Position{Sequence: 7}})
	if err := store.Release(t.Context(), []port.Lease{w.lease}); err != nil {
		t.Fatal(err)
	}
	refused("a released lease", port.Update{Lease: w.lease, From: w.at})
	claim(t, store, things, 0, "other")
	refused("a lease that another took", port.Update{Lease: w.lease, From: w.at})
	if err := store.Release(t.Context(), []port.Lease{{Build: things.Build(), Owner: "other", Epoch: w.lease.Epoch + 1}}); err != nil {
		t.Fatal(err)
	}
	again := claim(t, store, things, 0, w.lease.Owner)
	refused("an older lease of the same owner", port.Update{Lease: w.lease, From: w.at})
	again.put(core.DefaultTenant, map[string]string{"a": `{"name":"2"}`})
	never := port.Update{Lease: port.Lease{Build: things.Build(), Partition: 9, Owner: "me"}, To: core.Position{Partition: 9, Sequence: 1}, Keys: keys}
	if err := store.Apply(t.Context(), things, never, overwrite.result); !errors.Is(err, port.ErrFenced) {
		t.Errorf("Apply without a claim: %v", err)
	}
}

func viewShared(t *testing.T, store port.ViewStore) {
	keys := []string{"a", "b", "c", "d", "e"}
	sharedCounts(t, store, 60, func(*rand.Rand) []string { return keys[:1+rand.IntN(len(keys))] })
}

func viewSharedNewKeys(t *testing.T, store port.ViewStore) {
	sharedCounts(t, store, 40, func(r *rand.Rand) []string {
		var keys []string
		for range 6 {
			keys = append(keys, fmt.Sprintf("k%03d", r.IntN(200)))
		}
		return keys
	})
}

// sharedCounts lets all partitions count documents concurrently, and compares with the number of calls.
func sharedCounts(t *testing.T, store port.ViewStore, rounds int, pick func(*rand.Rand) []string) {
	const partitions = 4
	view := things
	view.Shared = true
	var counting sync.WaitGroup
	var mu sync.Mutex
	want := map[string]int{}
	for p := range partitions {
		w := prepare(t, store, view, p)
		seed := rand.Uint64()
		counting.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range rounds {
				picked := pick(r)
				slices.Sort(picked)
				var keys []port.DocumentKey
				for _, key := range slices.Compact(picked) {
					keys = append(keys, port.DocumentKey{Tenant: core.DefaultTenant, Key: key})
				}
				if err := w.apply(keys, count(keys, w.at)); err != nil {
					t.Errorf("Apply (seed %d): %v", seed, err)
					return
				}
				mu.Lock()
				for _, key := range keys {
					want[key.Key]++
				}
				mu.Unlock()
			}
		})
	}
	counting.Wait()
	for key, n := range want {
		d, err := store.Get(t.Context(), things.Name, core.DefaultTenant, key)
		if err != nil || string(d.Data) != fmt.Sprintf(`{"price":%d}`, n) {
			t.Errorf("%s was counted %d times, the document is %s, %v", key, n, d.Data, err)
		}
	}
}
