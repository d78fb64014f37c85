package port

import (
	"context"
	"fmt"
	"iter"
	"orchestrix/shared/core"
	"regexp"
	"time"
)

// KeyValue keeps small values by key, with revisions: configuration, locks, what a process has to remember. Its methods
// return [core.ErrBadToken] for a key that [CheckKVKey] refuses, and [ErrUnavailable].
type KeyValue interface {
	// Get returns the value of a key, or [core.ErrNotFound].
	Get(ctx context.Context, key string) (KVEntry, error)

	// Set gives a key a value, whatever it has, and returns its new revision. A ttl above zero removes it after
	// that time; some stores count in whole seconds. It returns [ErrTooLarge].
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) (revision uint64, err error)

	// Update gives a key a value if its revision is expected; 0 means that it has none. It returns [ErrConflict]
	// otherwise, and [ErrTooLarge].
	Update(ctx context.Context, key string, value []byte, expected uint64, ttl time.Duration) (revision uint64, err error)

	// Delete removes a key, if its revision is expected; 0 is any, and none. It returns [ErrConflict] otherwise.
	Delete(ctx context.Context, key string, expected uint64) error

	// Keys are the keys that are prefix, or that go on with a dot after it; an empty prefix is all. Their order
	// is not defined.
	Keys(ctx context.Context, prefix string) iter.Seq2[string, error]

	// Watch yields what is there under a prefix, then an entry that says [KVEntry.Current], and then every change,
	// in order, also deletions and the ends of ttls. Changes that come faster than they are read may be skipped
	// where a newer one of the same key follows. It ends when ctx does, without an error.
	Watch(ctx context.Context, prefix string) iter.Seq2[KVEntry, error]
}

// Entry is a key with its value.
type KVEntry struct {
	Key      string
	Value    []byte
	Revision uint64 // rises with each change of the key, also over deletions
	Deleted  bool   // the key is gone; Value is nil
	Current  bool   // no key: all that was there has been yielded
}

// Limits of keys and values.
const (
	MaxKVKey   = 256       // bytes
	MaxKVValue = 512 << 10 // bytes
)

var entryKey = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// CheckEntryKey returns an error that wraps [core.ErrBadToken] unless key is tokens of letters, digits, '_' and '-' with dots
// between them, of at most 256 bytes.
func CheckKVKey(key string) error {
	if len(key) > MaxKVKey || !entryKey.MatchString(key) {
		return fmt.Errorf("%w: key %.300q must be tokens of letters, digits, '_' and '-' with dots between them, %d bytes at most", core.ErrBadToken, key, MaxKVKey)
	}
	return nil
}

// CheckEntry checks a key and a value that is to be kept.
func CheckKVEntry(key string, value []byte) error {
	if err := CheckKVKey(key); err != nil {
		return err
	}
	if len(value) > MaxKVValue {
		return fmt.Errorf("%w: the value of %s has %d bytes, at most %d are kept", ErrTooLarge, key, len(value), MaxKVValue)
	}
	return nil
}

// UnderPrefix reports whether a key is prefix, or goes on with a dot after it.
func UnderPrefix(key, prefix string) bool {
	return prefix == "" || key == prefix || len(key) > len(prefix) && key[:len(prefix)] == prefix && key[len(prefix)] == '.'
}
