package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// KeyValue keeps values in memory.
type KeyValue struct {
	mu       sync.Mutex
	revision uint64
	values   map[string]*value // by key, with the deleted ones
	changed  chan struct{}     // closed and replaced by every change
}

type value struct {
	port.KVEntry
	expires time.Time // zero: never
}

var _ port.KeyValue = (*KeyValue)(nil)

// NewKeyValue returns an empty store.
func NewKeyValue() *KeyValue {
	return &KeyValue{values: map[string]*value{}, changed: make(chan struct{})}
}

// expire deletes the values whose time to live is over. The caller holds the lock.
func (k *KeyValue) expire() {
	now := time.Now()
	for _, v := range k.values {
		if !v.Deleted && !v.expires.IsZero() && !v.expires.After(now) {
			k.setValue(v.Key, nil, true, 0)
		}
	}
}

// setValue gives a key a value, or marks it as deleted, and returns the new revision. The caller holds the lock.
func (k *KeyValue) setValue(key string, data []byte, deleted bool, ttl time.Duration) uint64 {
	k.revision++
	v := &value{KVEntry: port.KVEntry{Key: key, Value: bytes.Clone(data), Revision: k.revision, Deleted: deleted}}
	if ttl > 0 {
		v.expires = time.Now().Add(ttl)
	}
	k.values[key] = v
	close(k.changed)
	k.changed = make(chan struct{})
	return k.revision
}

// revisionOf returns the revision of a key, 0 where it has no value.
func (k *KeyValue) revisionOf(key string) uint64 {
	if v := k.values[key]; v != nil && !v.Deleted {
		return v.Revision
	}
	return 0
}

// Get implements [port.KeyValue].
func (k *KeyValue) Get(ctx context.Context, key string) (port.KVEntry, error) {
	if err := checkCall(ctx, port.CheckKVKey(key)); err != nil {
		return port.KVEntry{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	if k.revisionOf(key) == 0 {
		return port.KVEntry{}, fmt.Errorf("%w: key %s", core.ErrNotFound, key)
	}
	return k.values[key].KVEntry, nil
}

// Set implements [port.KeyValue].
func (k *KeyValue) Set(ctx context.Context, key string, data []byte, ttl time.Duration) (uint64, error) {
	if err := checkCall(ctx, port.CheckKVEntry(key, data)); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	return k.setValue(key, data, false, ttl), nil
}

// Update implements [port.KeyValue].
func (k *KeyValue) Update(ctx context.Context, key string, data []byte, expected uint64, ttl time.Duration) (uint64, error) {
	if err := checkCall(ctx, port.CheckKVEntry(key, data)); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	if actual := k.revisionOf(key); actual != expected {
		return 0, fmt.Errorf("%w: key %s has revision %d, not %d", port.ErrConflict, key, actual, expected)
	}
	return k.setValue(key, data, false, ttl), nil
}

// Delete implements [port.KeyValue].
func (k *KeyValue) Delete(ctx context.Context, key string, expected uint64) error {
	if err := checkCall(ctx, port.CheckKVKey(key)); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	actual := k.revisionOf(key)
	if expected != 0 && actual != expected {
		return fmt.Errorf("%w: key %s has revision %d, not %d", port.ErrConflict, key, actual, expected)
	}
	if actual != 0 {
		k.setValue(key, nil, true, 0)
	}
	return nil
}

// Keys implements [port.KeyValue].
func (k *KeyValue) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := checkCall(ctx, nil); err != nil {
			yield("", err)
			return
		}
		k.mu.Lock()
		k.expire()
		var keys []string
		for key, v := range k.values {
			if !v.Deleted && port.UnderPrefix(key, prefix) {
				keys = append(keys, key)
			}
		}
		k.mu.Unlock()
		slices.SortFunc(keys, strings.Compare)
		for _, key := range keys {
			if !yield(key, nil) {
				return
			}
		}
	}
}

const expiryPoll = 20 * time.Millisecond

// Watch implements [port.KeyValue].
func (k *KeyValue) Watch(ctx context.Context, prefix string) iter.Seq2[port.KVEntry, error] {
	return func(yield func(port.KVEntry, error) bool) {
		after, first := uint64(0), true
		for ctx.Err() == nil {
			changes, changed := k.changesSince(after, prefix)
			for _, e := range changes {
				after = e.Revision
				if first && e.Deleted {
					continue
				}
				if !yield(e, nil) {
					return
				}
			}
			if first && !yield(port.KVEntry{Current: true}, nil) {
				return
			}
			first = false
			select {
			case <-changed:
			case <-time.After(expiryPoll):
			case <-ctx.Done():
			}
		}
	}
}

// changesSince returns the changes after a revision, in order, and a channel that is closed by the next change.
func (k *KeyValue) changesSince(after uint64, prefix string) ([]port.KVEntry, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	var changes []port.KVEntry
	for v := range maps.Values(k.values) {
		if v.Revision > after && port.UnderPrefix(v.Key, prefix) {
			changes = append(changes, v.KVEntry)
		}
	}
	slices.SortFunc(changes, func(a, b port.KVEntry) int { return int(a.Revision) - int(b.Revision) })
	return changes, k.changed
}
