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

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// KeyValue keeps values in memory.
type KeyValue struct {
	mu       sync.Mutex
	revision uint64
	entries  map[string]*value // deleted ones too
	changed  chan struct{}     // closed when something changes
}

type value struct {
	port.KVEntry
	expires time.Time // zero is never
}

var _ port.KeyValue = (*KeyValue)(nil)

// NewKeyValue returns an empty store.
func NewKeyValue() *KeyValue {
	return &KeyValue{entries: map[string]*value{}, changed: make(chan struct{})}
}

// expire marks what has reached its end as deleted. The caller holds the lock.
func (k *KeyValue) expire() {
	now := time.Now()
	for _, v := range k.entries {
		if !v.Deleted && !v.expires.IsZero() && !v.expires.After(now) {
			k.put(v.Key, nil, true, 0)
		}
	}
}

// put changes an entry. The caller holds the lock.
func (k *KeyValue) put(key string, data []byte, deleted bool, ttl time.Duration) uint64 {
	k.revision++
	v := &value{KVEntry: port.KVEntry{Key: key, Value: bytes.Clone(data), Revision: k.revision, Deleted: deleted}}
	if ttl > 0 {
		v.expires = time.Now().Add(ttl)
	}
	k.entries[key] = v
	close(k.changed)
	k.changed = make(chan struct{})
	return k.revision
}

func (k *KeyValue) current(key string) uint64 {
	if v := k.entries[key]; v != nil && !v.Deleted {
		return v.Revision
	}
	return 0
}

// Get implements [port.KeyValue].
func (k *KeyValue) Get(ctx context.Context, key string) (port.KVEntry, error) {
	if err := check(ctx, port.CheckKVKey(key)); err != nil {
		return port.KVEntry{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	if k.current(key) == 0 {
		return port.KVEntry{}, fmt.Errorf("%w: key %s", core.ErrNotFound, key)
	}
	return k.entries[key].KVEntry, nil
}

func check(ctx context.Context, err error) error {
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", port.ErrUnavailable, ctx.Err())
	}
	return err
}

// Set implements [port.KeyValue].
func (k *KeyValue) Set(ctx context.Context, key string, data []byte, ttl time.Duration) (uint64, error) {
	if err := check(ctx, port.CheckKVEntry(key, data)); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	return k.put(key, data, false, ttl), nil
}

// Update implements [port.KeyValue].
func (k *KeyValue) Update(ctx context.Context, key string, data []byte, expected uint64, ttl time.Duration) (uint64, error) {
	if err := check(ctx, port.CheckKVEntry(key, data)); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	if now := k.current(key); now != expected {
		return 0, fmt.Errorf("%w: key %s has revision %d, not %d", port.ErrConflict, key, now, expected)
	}
	return k.put(key, data, false, ttl), nil
}

// Delete implements [port.KeyValue].
func (k *KeyValue) Delete(ctx context.Context, key string, expected uint64) error {
	if err := check(ctx, port.CheckKVKey(key)); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	now := k.current(key)
	if expected != 0 && now != expected {
		return fmt.Errorf("%w: key %s has revision %d, not %d", port.ErrConflict, key, now, expected)
	}
	if now != 0 {
		k.put(key, nil, true, 0)
	}
	return nil
}

// Keys implements [port.KeyValue].
func (k *KeyValue) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := check(ctx, nil); err != nil {
			yield("", err)
			return
		}
		k.mu.Lock()
		k.expire()
		var keys []string
		for key, v := range k.entries {
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
			news, changed := k.since(after, prefix)
			for _, e := range news {
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

// since is what has changed after a revision, in order, and a channel that is closed when there is more.
func (k *KeyValue) since(after uint64, prefix string) ([]port.KVEntry, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	var news []port.KVEntry
	for v := range maps.Values(k.entries) {
		if v.Revision > after && port.UnderPrefix(v.Key, prefix) {
			news = append(news, v.KVEntry)
		}
	}
	slices.SortFunc(news, func(a, b port.KVEntry) int { return int(a.Revision) - int(b.Revision) })
	return news, k.changed
}
