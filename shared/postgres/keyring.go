package postgres

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// minKey is the minimum length of a key in bytes: that of the hash.
const minKey = sha256.Size

// Keyring holds the keys that authenticate snapshots. They are in a file and not in Postgres, so that a role which may write
// the table can't make a snapshot that a service accepts. It is safe for concurrent use.
type Keyring struct {
	path string
	keys atomic.Pointer[snapshotKeys]
}

// snapshotKeys are the keys by their ids.
type snapshotKeys struct {
	newest string // the id of the key for new snapshots
	byID   map[string][]byte
}

// ReadKeyring reads a file with a line ID:KEY for each key, KEY in hexadecimal. The first key authenticates new snapshots,
// each of them is accepted. Errors name the line, and never show a key.
func ReadKeyring(path string) (*Keyring, error) {
	k := &Keyring{path: path}
	return k, k.Reload()
}

// Reload reads the file again. After an error the keys stay as they are.
func (k *Keyring) Reload() error {
	content, err := os.ReadFile(k.path)
	if err != nil {
		return fmt.Errorf("the keys of snapshots: %w", err)
	}
	keys, err := parseKeys(string(content))
	if err != nil {
		return fmt.Errorf("the keys of snapshots: %s: %w", k.path, err)
	}
	k.keys.Store(keys)
	return nil
}

func parseKeys(content string) (*snapshotKeys, error) {
	keys := &snapshotKeys{byID: map[string][]byte{}}
	for i, line := range strings.Split(content, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, text, _ := strings.Cut(line, ":")
		key, err := hex.DecodeString(text)
		if err != nil || core.CheckToken("key", id) != nil || len(key) < minKey {
			return nil, fmt.Errorf("line %d is not ID:KEY with a key of %d hexadecimal digits or more", i+1, 2*minKey)
		}
		if keys.byID[id] != nil {
			return nil, fmt.Errorf("line %d repeats the id %s", i+1, id)
		}
		if keys.newest == "" {
			keys.newest = id
		}
		keys.byID[id] = key
	}
	if keys.newest == "" {
		return nil, errors.New("it holds no key")
	}
	return keys, nil
}

// unkeyed is the key id of snapshots with a plain checksum. They are accepted only where no keys are configured.
const unkeyed = ""

// sum returns the id of the newest key and the code of a snapshot under it; the checksum without keys.
func (k *Keyring) sum(stream core.Stream, version core.Version, schema string, state []byte) (id string, code []byte) {
	if k == nil {
		return unkeyed, codeOf(nil, stream, version, schema, state)
	}
	keys := k.keys.Load()
	return keys.newest, codeOf(keys.byID[keys.newest], stream, version, schema, state)
}

// check returns an error unless the code of a snapshot was made with the key of this id. Where the snapshot was changed or
// forged, it wraps [core.ErrCorrupt].
func (k *Keyring) check(id string, code []byte, stream core.Stream, version core.Version, schema string, state []byte) error {
	var key []byte
	if k != nil {
		key = k.keys.Load().byID[id]
	}
	if (k == nil) != (id == unkeyed) || k != nil && key == nil {
		return fmt.Errorf("its key %q is not in use here", id)
	}
	if !hmac.Equal(code, codeOf(key, stream, version, schema, state)) {
		return fmt.Errorf("%w: it was changed, or written without the key", core.ErrCorrupt)
	}
	return nil
}

// codeOf covers the state and all that is needed to interpret it: the stream, the version and the schema.
func codeOf(key []byte, stream core.Stream, version core.Version, schema string, state []byte) []byte {
	code := sha256.New()
	if key != nil {
		code = hmac.New(sha256.New, key)
	}
	fmt.Fprintf(code, "%s\n%d\n%q\n", stream.Path(), version, schema)
	code.Write(state)
	return code.Sum(nil)
}
