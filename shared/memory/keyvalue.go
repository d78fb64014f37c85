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
	values   map[string]*value // by key
}

type value struct {
	port.KVEntry
	expires time.Time // zero: never
}

var _ port.KeyValue = (*KeyValue)(nil)

// NewKeyValue returns an empty store.
func NewKeyValue() *KeyValue {
	return &KeyValue{values: map[string]*value{}}
}

// expire deletes the values whose time to live is over. The caller holds the lock.
func (k *KeyValue) expire() {
	now := time.Now()
	maps.DeleteFunc(k.values, func(_ string, v *value) bool { return !v.expires.IsZero() && !v.expires.After(now) })
}

// setValue gives a key a value and returns the new revision. The caller holds the lock.
func (k *KeyValue) setValue(key string, data []byte, ttl time.Duration) uint64 {
	k.revision++
	v := &value{KVEntry: port.KVEntry{Key: key, Value: bytes.Clone(data), Revision: k.revision}}
	if ttl > 0 {
		v.expires = time.Now().Add(ttl)
	}
	k.values[key] = v
	return k.revision
}

// revisionOf returns the revision of a key, 0 where it has no value.
func (k *KeyValue) revisionOf(key string) uint64 {
	if v := k.values[key]; v != nil {
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
	return k.setValue(key, data, ttl), nil
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
	return k.setValue(key, data, ttl), nil
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
	delete(k.values, key)
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
		for key := range k.values {
			if port.UnderPrefix(key, prefix) {
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
