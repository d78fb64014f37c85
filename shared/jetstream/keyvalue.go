package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// KeyValue keeps values in a bucket of JetStream. It counts TTLs in whole seconds, rounded up.
type KeyValue struct {
	*server
	bucket string
}

var _ port.KeyValue = (*KeyValue)(nil)

// markerTTL is how long the marker of an expired key stays: with it, the revision of the key rises.
const markerTTL = time.Minute

// OpenKeyValue opens a bucket, and creates it if it is missing. Only Replicas, APIPrefix, AckTimeout and Logger of the
// configuration are used. It returns [port.ErrUnavailable].
func OpenKeyValue(ctx context.Context, conn *nats.Conn, config Config, bucket string) (*KeyValue, error) {
	return openOwnKeyValue(ctx, conn, config, bucket, true)
}

// OpenExistingKeyValue opens a bucket. It returns [port.ErrUnavailable] if it is missing.
func OpenExistingKeyValue(ctx context.Context, conn *nats.Conn, config Config, bucket string) (*KeyValue, error) {
	return openOwnKeyValue(ctx, conn, config, bucket, false)
}

// openOwnKeyValue opens a bucket that belongs to no log.
func openOwnKeyValue(ctx context.Context, conn *nats.Conn, config Config, bucket string, create bool) (*KeyValue, error) {
	s, err := newServer(conn, config)
	if err != nil {
		return nil, err
	}
	return openKeyValue(ctx, s, bucket, create)
}

func openKeyValue(ctx context.Context, s *server, bucket string, create bool) (*KeyValue, error) {
	if err := core.CheckToken("bucket", bucket); err != nil {
		return nil, err
	}
	err := s.ensureBucket(ctx, jetstream.KeyValueConfig{
		Bucket: bucket, History: 1, Storage: jetstream.FileStorage, Replicas: s.config.Replicas,
		MaxValueSize: port.MaxKVValue, LimitMarkerTTL: markerTTL,
	}, create)
	if err != nil {
		return nil, err
	}
	return &KeyValue{server: s, bucket: bucket}, nil
}

func (k *KeyValue) streamName() string { return "KV_" + k.bucket }

func (k *KeyValue) keySubject(key string) string { return "$KV." + k.bucket + "." + key }

// Get implements [port.KeyValue]. The leader answers: Get of the client library asks any replica, and a lagging replica does
// not know the newest value.
func (k *KeyValue) Get(ctx context.Context, key string) (port.KVEntry, error) {
	if err := port.CheckKVKey(key); err != nil {
		return port.KVEntry{}, err
	}
	m, removed, err := k.last(ctx, key)
	if errors.Is(err, errNoMessage) || removed {
		return port.KVEntry{}, fmt.Errorf("%w: key %s", core.ErrNotFound, key)
	}
	if err != nil {
		return port.KVEntry{}, unavailable("get key "+key, err)
	}
	return port.KVEntry{Key: key, Value: m.body, Revision: m.sequence}, nil
}

// last reads the last message of a key, which may be the marker of its removal.
func (k *KeyValue) last(ctx context.Context, key string) (m stored, removed bool, err error) {
	m, err = k.leaderGet(ctx, k.streamName(), getRequest{LastFor: k.keySubject(key)})
	return m, err == nil && (m.header.Get(headerOperation) != "" || m.header.Get(jetstream.MarkerReasonHeader) != ""), err
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
	revision, err := k.publish(ctx, &nats.Msg{Subject: k.keySubject(key), Data: data}, options...)
	if err != nil {
		return 0, writeError("set", key, err)
	}
	return revision, nil
}

// publish stores a message. The bucket of the client library is not used: with a prefix of the API it publishes elsewhere.
func (k *KeyValue) publish(ctx context.Context, m *nats.Msg, options ...jetstream.PublishOpt) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, k.config.AckTimeout)
	defer cancel()
	ack, err := k.js.PublishMsg(ctx, m, options...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// writeError is [port.ErrConflict] if the key has another revision, and otherwise [port.ErrUnavailable].
func writeError(what, key string, err error) error {
	var api *jetstream.APIError
	conflict := errors.As(err, &api) &&
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
	revision, err := k.publishValue(ctx, key, data, ttl, jetstream.WithExpectLastSequencePerSubject(0))
	if !errors.Is(err, port.ErrConflict) {
		return revision, err
	}
	marker, removed, readErr := k.last(ctx, key)
	switch {
	case readErr != nil && !errors.Is(readErr, errNoMessage):
		return 0, unavailable("create key "+key, readErr)
	case !removed:
		return 0, err
	}
	return k.publishValue(ctx, key, data, ttl, jetstream.WithExpectLastSequencePerSubject(marker.sequence))
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
	var options []jetstream.PublishOpt
	if expected != 0 {
		options = append(options, jetstream.WithExpectLastSequencePerSubject(expected))
	}
	marker := &nats.Msg{Subject: k.keySubject(key), Header: nats.Header{headerOperation: {"DEL"}}}
	if _, err := k.publish(ctx, marker, options...); err != nil {
		return writeError("delete", key, err)
	}
	return nil
}

// headerOperation marks a message that removes its key.
const headerOperation = "KV-Operation"

// filters match the subjects of the keys under a prefix.
func (k *KeyValue) filters(prefix string) []string {
	if prefix == "" {
		return []string{k.keySubject(">")}
	}
	return []string{k.keySubject(prefix), k.keySubject(prefix + ".>")}
}

// Size is the stored size of the bucket in bytes, as its leader knows it. It returns [port.ErrUnavailable].
func (k *KeyValue) Size(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, k.config.AckTimeout)
	defer cancel()
	stream, err := k.js.Stream(ctx, k.streamName())
	if err != nil {
		return 0, unavailable("size of bucket "+k.bucket, err)
	}
	return stream.CachedInfo().State.Bytes, nil
}

// maxKeyReads is how many keys one list reads concurrently.
const maxKeyReads = 16

// Keys implements [port.KeyValue]. It lists the subjects of the stream and reads each key, which may be removed. A watch of the
// client library would need a consumer that pushes, whose subject the server does not check against the rights of its user.
func (k *KeyValue) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		keys, err := k.list(ctx, prefix)
		if err != nil {
			yield("", unavailable("list keys", err))
			return
		}
		for _, key := range keys {
			if key != "" && !yield(key, nil) {
				return
			}
		}
	}
}

// list returns the keys under a prefix, and an empty string for each that is removed.
func (k *KeyValue) list(ctx context.Context, prefix string) (keys []string, err error) {
	stream, err := k.js.Stream(ctx, k.streamName())
	if err != nil {
		return nil, err
	}
	for _, filter := range k.filters(prefix) {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err != nil {
			return nil, err
		}
		for subject := range info.State.Subjects {
			keys = append(keys, strings.TrimPrefix(subject, k.keySubject("")))
		}
	}
	reads, reading := errgroup.WithContext(ctx)
	reads.SetLimit(maxKeyReads)
	for i, key := range keys {
		reads.Go(func() error {
			_, removed, err := k.last(reading, key)
			if removed || errors.Is(err, errNoMessage) {
				keys[i], err = "", nil
			}
			return err
		})
	}
	return keys, reads.Wait()
}
