package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"orchestrix/shared/es"
)

// Log is an event log in JetStream.
type Log struct {
	config     Config
	conn       *nats.Conn
	js         jetstream.JetStream
	inboxes    *inboxes
	asking     *semaphore.Weighted // for messages, by reads of many
	steer      *steer
	subjects   string // what those of events begin with
	partitions int
	created    []time.Time               // by partition
	maxMessage int64                     // bytes that the streams take, 0 for any
	failures   []atomic.Pointer[failure] // by partition; nil after an append that worked
}

var _ es.Log = (*Log)(nil)

// ErrPartitions says that the log has another number of partitions than the configuration.
var ErrPartitions = errors.New("the log has another number of partitions")

// Open opens the log, and creates what is missing of it. Several services may do so at once. It returns
// [ErrPartitions] where the log has another number of partitions than configured, since streams would be
// looked for in the wrong place, and [es.ErrUnavailable] where JetStream does not answer: try again.
func Open(ctx context.Context, conn *nats.Conn, config Config) (*Log, error) {
	return open(ctx, conn, config, true)
}

// OpenExisting opens the log as it is. It returns [es.ErrUnavailable] where there is none.
func OpenExisting(ctx context.Context, conn *nats.Conn, config Config) (*Log, error) {
	return open(ctx, conn, config, false)
}

func open(ctx context.Context, conn *nats.Conn, config Config, create bool) (*Log, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	l := &Log{config: config.withDefaults(), conn: conn, js: js, inboxes: &inboxes{conn: conn}, asking: semaphore.NewWeighted(askedAtOnce)}
	if err := l.config.check(); err != nil {
		return nil, err
	}
	l.subjects = strings.ToLower(l.config.Prefix) + ".evt."
	l.steer = &steer{conn: conn, after: l.config.LostAfter, logger: l.config.Logger}
	if l.partitions, err = l.storedPartitions(ctx, create); err != nil {
		return nil, err
	}
	if config.Partitions != 0 && config.Partitions != l.partitions {
		return nil, fmt.Errorf("%w: it was created with %d, the configuration says %d; set ORCHESTRIX_PARTITIONS=%d",
			ErrPartitions, l.partitions, config.Partitions, l.partitions)
	}
	l.failures = make([]atomic.Pointer[failure], l.partitions)
	l.created = make([]time.Time, l.partitions)
	for i := range l.partitions {
		stream, err := l.ensure(ctx, l.partitionConfig(i, l.partitions), create)
		if err != nil {
			return nil, err
		}
		info := stream.CachedInfo()
		if err := l.accept(info.Config); err != nil {
			return nil, err
		}
		l.created[i] = info.Created
	}
	if create {
		if _, err := l.ensure(ctx, l.readyConfig(), true); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// storedPartitions reads how many partitions the log has from its first one, which it creates where it may.
// The first to create it decides.
func (l *Log) storedPartitions(ctx context.Context, create bool) (int, error) {
	wanted := l.config.Partitions
	if wanted == 0 {
		wanted = defaultPartitions
	}
	stream, err := l.ensure(ctx, l.partitionConfig(0, wanted), create)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, fmt.Errorf("there is no log on this NATS server; 'orchestrix migrate' creates it, and so does a service that may: %w", err)
	}
	if err != nil {
		return 0, err
	}
	metadata := stream.CachedInfo().Config.Metadata
	if metadata[metaFormat] != format {
		return 0, fmt.Errorf("stream %s has format %q, this program knows %q: upgrade it", l.streamName(0), metadata[metaFormat], format)
	}
	partitions, err := strconv.Atoi(metadata[metaPartitions])
	if err != nil || partitions < 1 || partitions > maxPartitions {
		return 0, fmt.Errorf("stream %s says that the log has %q partitions: it was not created by Orchestrix", l.streamName(0), metadata[metaPartitions])
	}
	return partitions, nil
}

// ensure returns a stream, created where it is missing and may be. What another has created in the meantime,
// perhaps with other settings, is taken as it is.
func (l *Log) ensure(ctx context.Context, config jetstream.StreamConfig, create bool) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) && create {
		stream, err = l.js.CreateStream(ctx, config)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		stream, err = l.js.Stream(ctx, config.Name)
	}
	if err != nil {
		return nil, unavailable("open stream "+config.Name, err)
	}
	return stream, nil
}

func (l *Log) partitionConfig(partition, partitions int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        l.streamName(partition),
		Description: "Orchestrix event log, partition " + strconv.Itoa(partition),
		Subjects:    []string{l.subjects + strconv.Itoa(partition) + ".*.*.*"},
		Storage:     jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Replicas: l.config.Replicas, Duplicates: l.config.DuplicateWindow,
		DenyDelete: true, DenyPurge: true, AllowDirect: true, AllowAtomicPublish: true,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Metadata: map[string]string{metaPartitions: strconv.Itoa(partitions), metaFormat: format},
	}
}

// accept refuses a partition whose settings let it lose events, and takes over how large its messages may be.
func (l *Log) accept(c jetstream.StreamConfig) error {
	forgets := c.Retention != jetstream.LimitsPolicy || c.Discard != jetstream.DiscardNew ||
		c.MaxAge != 0 || c.MaxMsgsPerSubject > 0 || c.AllowRollup
	if forgets {
		return fmt.Errorf("stream %s would lose events (retention %v, discard %v, max age %v, max messages per subject %d, rollup %v): "+
			"set limits retention, discard new, no maximum age, no maximum per subject and no rollup",
			c.Name, c.Retention, c.Discard, c.MaxAge, c.MaxMsgsPerSubject, c.AllowRollup)
	}
	if limit := int64(c.MaxMsgSize); limit > 0 && (l.maxMessage == 0 || limit < l.maxMessage) {
		l.maxMessage = limit
	}
	return nil
}

// Partitions implements [es.Feed].
func (l *Log) Partitions() int { return l.partitions }

// Created implements [es.Reader].
func (l *Log) Created(s es.Stream) time.Time { return l.created[l.partitionOf(s)] }

func (l *Log) checkPartition(partition int) error {
	if partition < 0 || partition >= l.partitions {
		return fmt.Errorf("%w: partition %d, the log has 0 to %d", es.ErrBadPosition, partition, l.partitions-1)
	}
	return nil
}

// Head implements [es.Feed]. The partition's leader answers.
func (l *Log) Head(ctx context.Context, partition int) (es.Head, error) {
	if err := l.checkPartition(partition); err != nil {
		return es.Head{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, l.streamName(partition))
	if err == nil && leaderless(stream.CachedInfo()) {
		err = errLeaderless
	}
	if err != nil {
		l.steer.failed(ctx, err)
		return es.Head{}, unavailable("partition "+l.streamName(partition), err)
	}
	info := stream.CachedInfo()
	head := es.Head{Position: es.Position{Partition: partition, Sequence: info.State.LastSeq}, Created: info.Created}
	if info.State.LastSeq > 0 {
		head.Time = info.State.LastTime
	}
	return head, nil
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", es.ErrUnavailable, what, err)
}
