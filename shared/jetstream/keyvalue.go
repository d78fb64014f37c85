package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

// KeyValue keeps values in a bucket of JetStream. It counts ttls in whole seconds, rounded up.
type KeyValue struct {
	js     jetstream.JetStream
	bucket jetstream.KeyValue
}

var _ es.KeyValue = (*KeyValue)(nil)

// markerTTL is how long a watcher can learn that a key has reached its end.
const markerTTL = time.Hour

// entryTimeout is for one answer of the server: a request that a restart of NATS has lost is never answered.
const entryTimeout = 5 * time.Second

// OpenKeyValue opens a bucket, and creates it where it is missing.
func OpenKeyValue(ctx context.Context, conn *nats.Conn, bucket string, replicas int) (*KeyValue, error) {
	return openKeyValue(ctx, conn, bucket, replicas, true)
}

// OpenExistingKeyValue opens a bucket. It returns [es.ErrUnavailable] where there is none.
func OpenExistingKeyValue(ctx context.Context, conn *nats.Conn, bucket string) (*KeyValue, error) {
	return openKeyValue(ctx, conn, bucket, 0, false)
}

func openKeyValue(ctx context.Context, conn *nats.Conn, bucket string, replicas int, create bool) (*KeyValue, error) {
	if err := es.CheckToken("bucket", bucket); err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	kv, err := js.KeyValue(ctx, bucket)
	if create && errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucket, History: 1, Storage: jetstream.FileStorage, Replicas: max(replicas, 1),
			MaxValueSize: es.MaxEntryValue, LimitMarkerTTL: markerTTL,
		})
	}
	if errors.Is(err, jetstream.ErrBucketExists) { // another has just created it
		kv, err = js.KeyValue(ctx, bucket)
	}
	if err != nil {
		return nil, unavailable("open bucket "+bucket, err)
	}
	return &KeyValue{js: js, bucket: kv}, nil
}

// Get implements [es.KeyValue]. The leader answers: the client's own Get asks any replica, and one that lags does not know
// what has just been set.
func (k *KeyValue) Get(ctx context.Context, key string) (es.Entry, error) {
	if err := es.CheckEntryKey(key); err != nil {
		return es.Entry{}, err
	}
	m, err := requester{k.js.Conn(), entryTimeout}.fromLeader(ctx, "KV_"+k.bucket.Bucket(), leaderRequest{LastFor: "$KV." + k.bucket.Bucket() + "." + key})
	removed := m.header.Get("KV-Operation") != "" || m.header.Get(jetstream.MarkerReasonHeader) != ""
	if errors.Is(err, errNoMessage) || err == nil && removed {
		return es.Entry{}, fmt.Errorf("%w: key %s", es.ErrNotFound, key)
	}
	if err != nil {
		return es.Entry{}, unavailable("get key "+key, err)
	}
	return es.Entry{Key: key, Value: m.body, Revision: m.sequence}, nil
}

func entryOf(e jetstream.KeyValueEntry) es.Entry {
	entry := es.Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
	if entry.Deleted {
		entry.Value = nil
	}
	return entry
}

// Set implements [es.KeyValue].
func (k *KeyValue) Set(ctx context.Context, key string, data []byte, ttl time.Duration) (uint64, error) {
	if err := es.CheckEntry(key, data); err != nil {
		return 0, err
	}
	return k.publish(ctx, key, data, ttl)
}

func (k *KeyValue) publish(ctx context.Context, key string, data []byte, ttl time.Duration, options ...jetstream.PublishOpt) (uint64, error) {
	if ttl > 0 {
		options = append(options, jetstream.WithMsgTTL(wholeSeconds(ttl)))
	}
	ctx, cancel := context.WithTimeout(ctx, entryTimeout)
	defer cancel()
	ack, err := k.js.PublishMsg(ctx, &nats.Msg{Subject: "$KV." + k.bucket.Bucket() + "." + key, Data: data}, options...)
	if err != nil {
		return 0, refusedEntry("set", key, err)
	}
	return ack.Sequence, nil
}

func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// refusedEntry finds out whether the key has another revision.
func refusedEntry(what, key string, err error) error {
	var api *jetstream.APIError
	moved := errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) && (api.ErrorCode == 10071 || api.ErrorCode == 10164)
	if moved {
		return fmt.Errorf("%w: %s key %s: it has another revision: %w", es.ErrConflict, what, key, err)
	}
	return unavailable(what+" key "+key, err)
}

// Update implements [es.KeyValue].
func (k *KeyValue) Update(ctx context.Context, key string, data []byte, expected uint64, ttl time.Duration) (uint64, error) {
	if err := es.CheckEntry(key, data); err != nil {
		return 0, err
	}
	if expected > 0 {
		return k.publish(ctx, key, data, ttl, jetstream.WithExpectLastSequencePerSubject(expected))
	}
	var options []jetstream.KVCreateOpt
	if ttl > 0 {
		options = append(options, jetstream.KeyTTL(wholeSeconds(ttl)))
	}
	ctx, cancel := context.WithTimeout(ctx, entryTimeout)
	defer cancel()
	revision, err := k.bucket.Create(ctx, key, data, options...)
	if err != nil {
		return 0, refusedEntry("create", key, err)
	}
	return revision, nil
}

// Delete implements [es.KeyValue].
func (k *KeyValue) Delete(ctx context.Context, key string, expected uint64) error {
	if err := es.CheckEntryKey(key); err != nil {
		return err
	}
	e, err := k.Get(ctx, key)
	switch {
	case errors.Is(err, es.ErrNotFound) && expected == 0:
		return nil
	case errors.Is(err, es.ErrNotFound):
		return fmt.Errorf("%w: key %s is not there", es.ErrConflict, key)
	case err != nil:
		return err
	case expected != 0 && e.Revision != expected:
		return fmt.Errorf("%w: key %s has revision %d, not %d", es.ErrConflict, key, e.Revision, expected)
	}
	var options []jetstream.KVDeleteOpt
	if expected != 0 {
		options = append(options, jetstream.LastRevision(expected))
	}
	ctx, cancel := context.WithTimeout(ctx, entryTimeout)
	defer cancel()
	if err := k.bucket.Delete(ctx, key, options...); err != nil {
		return refusedEntry("delete", key, err)
	}
	return nil
}

func filters(prefix string) []string {
	if prefix == "" {
		return []string{">"}
	}
	return []string{prefix, prefix + ".>"}
}

// Size is how much the bucket takes, in bytes, as its leader knows it. It returns [es.ErrUnavailable].
func (k *KeyValue) Size(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, entryTimeout)
	defer cancel()
	stream, err := k.js.Stream(ctx, "KV_"+k.bucket.Bucket())
	if err != nil {
		return 0, unavailable("size of bucket "+k.bucket.Bucket(), err)
	}
	return stream.CachedInfo().State.Bytes, nil
}

// Keys implements [es.KeyValue].
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

// Watch implements [es.KeyValue].
func (k *KeyValue) Watch(ctx context.Context, prefix string) iter.Seq2[es.Entry, error] {
	return func(yield func(es.Entry, error) bool) {
		watcher, err := k.bucket.WatchFiltered(ctx, filters(prefix))
		if err != nil {
			if ctx.Err() == nil {
				yield(es.Entry{}, unavailable("watch keys", err))
			}
			return
		}
		defer watcher.Stop() //nolint:errcheck // its subscription ends with the connection at the latest
		first := true
		for {
			var entry es.Entry
			select {
			case e, open := <-watcher.Updates():
				switch {
				case !open && ctx.Err() == nil:
					yield(es.Entry{}, unavailable("watch keys", errors.New("the watch has ended")))
					return
				case !open:
					return
				case e == nil:
					entry, first = es.Entry{Current: true}, false
				default:
					entry = entryOf(e)
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
