package port

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// KeyValue stores small values by key, with revisions: configuration, locks, results of commands. Its methods return
// [core.ErrBadToken] for a key that [CheckKVKey] rejects, and [ErrUnavailable].
type KeyValue interface {
	// Get returns the value of a key, or [core.ErrNotFound].
	Get(ctx context.Context, key string) (KVEntry, error)

	// Set stores the value of a key unconditionally and returns the new revision. A ttl above zero removes the key after
	// that time; some stores round to seconds. It returns [ErrTooLarge].
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) (revision uint64, err error)

	// Update stores the value of a key that has the expected revision; 0 means that the key must not exist. It returns
	// [ErrConflict] and [ErrTooLarge].
	Update(ctx context.Context, key string, value []byte, expected uint64, ttl time.Duration) (revision uint64, err error)

	// Delete removes a key that has the expected revision; 0 removes any revision, and accepts a missing key. It returns
	// [ErrConflict].
	Delete(ctx context.Context, key string, expected uint64) error

	// Keys yields the keys under a prefix, see [UnderPrefix], in no defined order.
	Keys(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// KVEntry is a key with its value.
type KVEntry struct {
	Key      string
	Value    []byte
	Revision uint64 // rises with each change of the key, also over deletions
}

// Limits of keys and values.
const (
	MaxKVKey   = 256       // bytes
	MaxKVValue = 512 << 10 // bytes
)

var entryKey = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// CheckKVKey returns an error that wraps [core.ErrBadToken] unless key consists of letters, digits, '_' and '-', in parts
// separated by dots, of at most 256 bytes.
func CheckKVKey(key string) error {
	if len(key) > MaxKVKey || !entryKey.MatchString(key) {
		return fmt.Errorf("%w: key %.300q must be tokens of letters, digits, '_' and '-' with dots between them, %d bytes at most", core.ErrBadToken, key, MaxKVKey)
	}
	return nil
}

// CheckKVEntry checks a key, as [CheckKVKey] does, and the size of its value. It returns [ErrTooLarge].
func CheckKVEntry(key string, value []byte) error {
	if err := CheckKVKey(key); err != nil {
		return err
	}
	if len(value) > MaxKVValue {
		return fmt.Errorf("%w: the value of %s has %d bytes, at most %d are kept", ErrTooLarge, key, len(value), MaxKVValue)
	}
	return nil
}

// UnderPrefix reports whether key equals prefix or starts with prefix and a dot. All keys are under the empty prefix.
func UnderPrefix(key, prefix string) bool {
	return prefix == "" || key == prefix || len(key) > len(prefix) && key[:len(prefix)] == prefix && key[len(prefix)] == '.'
}
