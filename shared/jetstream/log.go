package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Log is an event log in JetStream.
type Log struct {
	*server
	subjects   string              // prefix of the subjects of events: "orx.evt."
	gets       *semaphore.Weighted // limits concurrent gets
	created    []time.Time         // by partition
	maxMessage int64               // size in bytes that all partitions take; 0: no limit
	noisy      *noisySubjects
	failures   []atomic.Pointer[failure] // by partition; nil after an append that succeeded
	used       []atomic.Bool             // by partition; true where it is known to hold a commit, and not to be restored
	restores   bool                      // appends are those of the restore
}

var _ port.Restorable = (*Log)(nil)

// ErrPartitions is returned for a log that has another number of partitions than the configuration.
var ErrPartitions = errors.New("the log has another number of partitions")

// Open opens the log, and creates what is missing of it. Several services may open it concurrently. It returns
// [ErrPartitions] if the log has another number of partitions than configured, since streams would be looked up in the
// wrong partition, [port.ErrRestoring] while a backup is restored into it, and [port.ErrUnavailable] if JetStream does not answer:
// try again.
func Open(ctx context.Context, conn *nats.Conn, config Config) (*Log, error) {
	return open(ctx, conn, config, true)
}

// OpenExisting opens the log without changing it. It returns [port.ErrUnavailable] if it is missing.
func OpenExisting(ctx context.Context, conn *nats.Conn, config Config) (*Log, error) {
	return open(ctx, conn, config, false)
}

func open(ctx context.Context, conn *nats.Conn, config Config, create bool) (*Log, error) {
	s, err := newServer(conn, config)
	if err != nil {
		return nil, err
	}
	l := &Log{server: s, subjects: s.config.eventPrefix(), noisy: &noisySubjects{}, gets: semaphore.NewWeighted(maxConcurrentGets)}
	if l.partitions, err = l.storedPartitions(ctx, create); err != nil {
		return nil, err
	}
	if config.Partitions != 0 && config.Partitions != l.partitions {
		return nil, fmt.Errorf("%w: it was created with %d, the configuration says %d; set ORCHESTRIX_PARTITIONS=%d",
			ErrPartitions, l.partitions, config.Partitions, l.partitions)
	}
	l.failures = make([]atomic.Pointer[failure], l.partitions)
	l.created = make([]time.Time, l.partitions)
	l.used = make([]atomic.Bool, l.partitions)
	for i := range l.partitions {
		stream, err := l.ensureStream(ctx, l.partitionConfig(i, l.partitions), create)
		if err != nil {
			return nil, err
		}
		info := stream.CachedInfo()
		if err := l.acceptPartition(info.Config); err != nil {
			return nil, err
		}
		l.created[i] = info.Created
		l.used[i].Store(info.State.LastSeq > 0 && info.Config.Metadata[metaRestoring] == "")
	}
	if create {
		if _, err := l.ensureStream(ctx, l.probeConfig(), true); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// storedPartitions reads the number of partitions from the first one, which it creates if create is set. The service
// that creates it decides the number.
func (l *Log) storedPartitions(ctx context.Context, create bool) (int, error) {
	wanted := l.config.Partitions
	if wanted == 0 {
		wanted = defaultPartitions
	}
	stream, err := l.ensureStream(ctx, l.partitionConfig(0, wanted), create)
	if errors.Is(err, port.ErrNotMigrated) {
		return 0, fmt.Errorf("there is no log on this NATS server: %w", err)
	}
	if err != nil {
		return 0, err
	}
	if err := checkFormat(stream.CachedInfo().Config); err != nil {
		return 0, err
	}
	metadata := stream.CachedInfo().Config.Metadata
	if metadata[metaRestoring] != "" && !l.config.Restore {
		return 0, port.ErrRestoring
	}
	partitions, err := strconv.Atoi(metadata[metaPartitions])
	if err != nil || partitions < 1 || partitions > maxPartitions {
		return 0, fmt.Errorf("the metadata of stream %s name %q partitions: it was not created by Orchestrix", l.streamName(0), metadata[metaPartitions])
	}
	return partitions, nil
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
		Metadata: map[string]string{metaPartitions: strconv.Itoa(partitions), metaFormat: Format},
	}
}

// acceptPartition refuses a partition whose settings let it lose events, and takes its maximum message size.
func (l *Log) acceptPartition(c jetstream.StreamConfig) error {
	losesEvents := c.Retention != jetstream.LimitsPolicy || c.Discard != jetstream.DiscardNew ||
		c.MaxAge != 0 || c.MaxMsgsPerSubject > 0 || c.AllowRollup
	if losesEvents {
		return fmt.Errorf("stream %s would lose events (retention %v, discard %v, max age %v, max messages per subject %d, rollup %v): "+
			"set limits retention, discard new, no maximum age, no maximum per subject and no rollup",
			c.Name, c.Retention, c.Discard, c.MaxAge, c.MaxMsgsPerSubject, c.AllowRollup)
	}
	if limit := int64(c.MaxMsgSize); limit > 0 && (l.maxMessage == 0 || limit < l.maxMessage) {
		l.maxMessage = limit
	}
	return nil
}

// Partitions implements [port.Feed].
func (l *Log) Partitions() int { return l.partitions }

// Created implements [port.Reader].
func (l *Log) Created(s core.Stream) time.Time { return l.created[l.partitionOf(s)] }

// Head implements [port.Feed]. The partition's leader answers.
func (l *Log) Head(ctx context.Context, partition int) (port.Head, error) {
	if partition < 0 || partition >= l.partitions {
		return port.Head{}, fmt.Errorf("%w: partition %d, the log has 0 to %d", core.ErrBadPosition, partition, l.partitions-1)
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, l.streamName(partition))
	if err == nil && isLeaderless(stream.CachedInfo()) {
		err = errLeaderless
	}
	if err != nil {
		l.failover.failed(ctx, err)
		return port.Head{}, unavailable("partition "+l.streamName(partition), err)
	}
	info := stream.CachedInfo()
	head := port.Head{Position: core.Position{Partition: partition, Sequence: info.State.LastSeq}, Created: info.Created, Uncertain: isIsolated(info.Cluster)}
	head.Restoring = info.Config.Metadata[metaRestoring] != ""
	if info.State.LastSeq > 0 {
		head.Time = info.State.LastTime
	}
	return head, nil
}
