package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// KeyValue keeps values in a bucket of JetStream. It counts TTLs in whole seconds, rounded up.
type KeyValue struct {
	*server
	bucket jetstream.KeyValue
}

var _ port.KeyValue = (*KeyValue)(nil)

// markerTTL is how long a watcher can learn that a key has expired.
const markerTTL = time.Minute

// OpenKeyValue opens a bucket, and creates it if it is missing. It returns [port.ErrUnavailable].
func OpenKeyValue(ctx context.Context, conn *nats.Conn, bucket string, replicas int) (*KeyValue, error) {
	return openOwnKeyValue(ctx, conn, bucket, replicas, true)
}

// OpenExistingKeyValue opens a bucket. It returns [port.ErrUnavailable] if it is missing.
func OpenExistingKeyValue(ctx context.Context, conn *nats.Conn, bucket string) (*KeyValue, error) {
	return openOwnKeyValue(ctx, conn, bucket, 1, false)
}

// openOwnKeyValue opens a bucket that belongs to no log.
func openOwnKeyValue(ctx context.Context, conn *nats.Conn, bucket string, replicas int, create bool) (*KeyValue, error) {
	s, err := newServer(conn, Config{Replicas: max(replicas, 1)})
	if err != nil {
		return nil, err
	}
	return openKeyValue(ctx, s, bucket, create)
}

func openKeyValue(ctx context.Context, s *server, bucket string, create bool) (*KeyValue, error) {
	if err := core.CheckToken("bucket", bucket); err != nil {
		return nil, err
	}
	kv, err := s.ensureBucket(ctx, jetstream.KeyValueConfig{
		Bucket: bucket, History: 1, Storage: jetstream.FileStorage, Replicas: s.config.Replicas,
		MaxValueSize: port.MaxKVValue, LimitMarkerTTL: markerTTL,
	}, create)
	if err != nil {
		return nil, err
	}
	return &KeyValue{server: s, bucket: kv}, nil
}

func (k *KeyValue) streamName() string { return "KV_" + k.bucket.Bucket() }

func (k *KeyValue) keySubject(key string) string { return "$KV." + k.bucket.Bucket() + "." + key }

// Get implements [port.KeyValue]. The leader answers: Get of the client library asks any replica, and a lagging replica does
// not know the newest value.
func (k *KeyValue) Get(ctx context.Context, key string) (port.KVEntry, error) {
	if err := port.CheckKVKey(key); err != nil {
		return port.KVEntry{}, err
	}
	m, err := k.leaderGet(ctx, k.streamName(), getRequest{LastFor: k.keySubject(key)})
	removed := m.header.Get("KV-Operation") != "" || m.header.Get(jetstream.MarkerReasonHeader) != ""
	if errors.Is(err, errNoMessage) || err == nil && removed {
		return port.KVEntry{}, fmt.Errorf("%w: key %s", core.ErrNotFound, key)
	}
	if err != nil {
		return port.KVEntry{}, unavailable("get key "+key, err)
	}
	return port.KVEntry{Key: key, Value: m.body, Revision: m.sequence}, nil
}

func newKVEntry(from jetstream.KeyValueEntry) port.KVEntry {
	entry := port.KVEntry{Key: from.Key(), Value: from.Value(), Revision: from.Revision(), Deleted: from.Operation() != jetstream.KeyValuePut}
	if entry.Deleted {
		entry.Value = nil
	}
	return entry
}

// Set implements [port.KeyValue].
func (k *KeyValue) Set(ctx context.Context, key string, data []byte, ttl time.Duration) (uint64, error) {
	if err := port.CheckKVEntry(key, data); err != nil {
		return 0, err
	}
	return k.publishValue(ctx, key, data, ttl)
}

func (k *KeyValue) publishValue(ctx context.Context, key string, data []byte, ttl time.Duration, options ...jetstream.PublishOpt) (uint64, error) {
	if ttl > 0 {
		options = append(options, jetstream.WithMsgTTL(wholeSeconds(ttl)))
	}
	ctx, cancel := context.WithTimeout(ctx, k.config.AckTimeout)
	defer cancel()
	ack, err := k.js.PublishMsg(ctx, &nats.Msg{Subject: k.keySubject(key), Data: data}, options...)
	if err != nil {
		return 0, writeError("set", key, err)
	}
	return ack.Sequence, nil
}

func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// writeError is [port.ErrConflict] if the key has another revision, and otherwise [port.ErrUnavailable].
func writeError(what, key string, err error) error {
	var api *jetstream.APIError
	conflict := errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
	if conflict {
		return fmt.Errorf("%w: %s key %s: it has another revision: %w", port.ErrConflict, what, key, err)
	}
	return unavailable(what+" key "+key, err)
}

// Update implements [port.KeyValue].
func (k *KeyValue) Update(ctx context.Context, key string, data []byte, expected uint64, ttl time.Duration) (uint64, error) {
	if err := port.CheckKVEntry(key, data); err != nil {
		return 0, err
	}
	if expected > 0 {
		return k.publishValue(ctx, key, data, ttl, jetstream.WithExpectLastSequencePerSubject(expected))
	}
	var options []jetstream.KVCreateOpt
	if ttl > 0 {
		options = append(options, jetstream.KeyTTL(wholeSeconds(ttl)))
	}
	ctx, cancel := context.WithTimeout(ctx, k.config.AckTimeout)
	defer cancel()
	revision, err := k.bucket.Create(ctx, key, data, options...)
	if err != nil {
		return 0, writeError("create", key, err)
	}
	return revision, nil
}

// Delete implements [port.KeyValue].
func (k *KeyValue) Delete(ctx context.Context, key string, expected uint64) error {
	if err := port.CheckKVKey(key); err != nil {
		return err
	}
	e, err := k.Get(ctx, key)
	switch {
	case errors.Is(err, core.ErrNotFound) && expected == 0:
		return nil
	case errors.Is(err, core.ErrNotFound):
		return fmt.Errorf("%w: key %s does not exist", port.ErrConflict, key)
	case err != nil:
		return err
	case expected != 0 && e.Revision != expected:
		return fmt.Errorf("%w: key %s has revision %d, not %d", port.ErrConflict, key, e.Revision, expected)
	}
	var options []jetstream.KVDeleteOpt
	if expected != 0 {
		options = append(options, jetstream.LastRevision(expected))
	}
	ctx, cancel := context.WithTimeout(ctx, k.config.AckTimeout)
	defer cancel()
	if err := k.bucket.Delete(ctx, key, options...); err != nil {
		return writeError("delete", key, err)
	}
	return nil
}

func filters(prefix string) []string {
	if prefix == "" {
		return []string{">"}
	}
	return []string{prefix, prefix + ".>"}
}

// Size is the stored size of the bucket in bytes, as its leader knows it. It returns [port.ErrUnavailable].
func (k *KeyValue) Size(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, k.config.AckTimeout)
	defer cancel()
	stream, err := k.js.Stream(ctx, k.streamName())
	if err != nil {
		return 0, unavailable("size of bucket "+k.bucket.Bucket(), err)
	}
	return stream.CachedInfo().State.Bytes, nil
}

// Keys implements [port.KeyValue].
func (k *KeyValue) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		lister, err := k.bucket.ListKeysFiltered(ctx, filters(prefix)...)
		if err != nil {
			yield("", unavailable("list keys", err))
			return
		}
		defer lister.Stop() //nolint:errcheck // its subscription ends with the connection at the latest
		for key := range lister.Keys() {
			if !yield(key, nil) {
				return
			}
		}
		if ctx.Err() != nil {
			yield("", unavailable("list keys", ctx.Err()))
		}
	}
}

// Watch implements [port.KeyValue].
func (k *KeyValue) Watch(ctx context.Context, prefix string) iter.Seq2[port.KVEntry, error] {
	return func(yield func(port.KVEntry, error) bool) {
		watcher, err := k.bucket.WatchFiltered(ctx, filters(prefix))
		if err != nil {
			if ctx.Err() == nil {
				yield(port.KVEntry{}, unavailable("watch keys", err))
			}
			return
		}
		defer watcher.Stop() //nolint:errcheck // its subscription ends with the connection at the latest
		first := true
		for {
			var entry port.KVEntry
			select {
			case e, open := <-watcher.Updates():
				switch {
				case !open && ctx.Err() == nil:
					yield(port.KVEntry{}, unavailable("watch keys", errors.New("the watch has ended")))
					return
				case !open:
					return
				case e == nil:
					entry, first = port.KVEntry{Current: true}, false
				default:
					entry = newKVEntry(e)
				}
			case <-ctx.Done():
				return
			}
			if first && entry.Deleted {
				continue
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}
