package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

// Config describes the log. Zero values take the defaults.
type Config struct {
	Partitions      int           // fixed when the log is created; 0 takes what there is, or 4 for a new log
	Replicas        int           // of a new log; 1
	AppendBudget    time.Duration // for one append, retries included; 15 s
	AckTimeout      time.Duration // for one answer of the server, before its outcome is looked up; 5 s
	DuplicateWindow time.Duration // of a new log; 2 min
	Logger          *slog.Logger  // slog.Default()
}

const (
	defaultPartitions = 4
	maxPartitions     = 256
	streamPrefix      = "ORX_EVENTS_"
	subjectPrefix     = "orx.evt."
	metaPartitions    = "orchestrix-partitions"
	metaFormat        = "orchestrix-format"
	format            = "1"
)

func (c Config) withDefaults() Config {
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.AppendBudget == 0 {
		c.AppendBudget = 15 * time.Second
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = 5 * time.Second
	}
	if c.DuplicateWindow == 0 {
		c.DuplicateWindow = 2 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Log is an event log in JetStream.
type Log struct {
	config     Config
	conn       *nats.Conn
	js         jetstream.JetStream
	partitions int
	failedAt   atomic.Int64 // unix nanoseconds of an append without answer, 0 after one that worked
}

var _ es.Log = (*Log)(nil)

// Open opens the log, and creates what is missing of it. Several services may do so at once. The error says
// so where the log has another number of partitions than configured: streams would be looked for in the
// wrong place.
func Open(ctx context.Context, conn *nats.Conn, config Config) (*Log, error) {
	return open(ctx, conn, config, true)
}

// OpenExisting opens the log as it is. It returns [es.ErrUnavailable] where there is none.
func OpenExisting(ctx context.Context, conn *nats.Conn, config Config) (*Log, error) {
	return open(ctx, conn, config, false)
}

// ErrPartitions says that the log has another number of partitions than the configuration.
var ErrPartitions = errors.New("the log has another number of partitions")

func open(ctx context.Context, conn *nats.Conn, config Config, create bool) (*Log, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	l := &Log{config: config.withDefaults(), conn: conn, js: js}
	if l.partitions, err = l.storedPartitions(ctx, create); err != nil {
		return nil, err
	}
	if config.Partitions != 0 && config.Partitions != l.partitions {
		return nil, fmt.Errorf("%w: it was created with %d, the configuration says %d; set ORCHESTRIX_PARTITIONS=%d",
			ErrPartitions, l.partitions, config.Partitions, l.partitions)
	}
	for i := range l.partitions {
		if err := l.ensure(ctx, i, l.partitions, create); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// storedPartitions reads how many partitions the log has from its first one, which it creates where it may.
// The first to create it decides.
func (l *Log) storedPartitions(ctx context.Context, create bool) (int, error) {
	stream, err := l.js.Stream(ctx, streamName(0))
	if errors.Is(err, jetstream.ErrStreamNotFound) && create {
		wanted := l.config.Partitions
		if wanted == 0 {
			wanted = defaultPartitions
		}
		if err := l.ensure(ctx, 0, wanted, true); err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return 0, err
		}
		stream, err = l.js.Stream(ctx, streamName(0))
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, fmt.Errorf("%w: there is no log on this NATS server; a service or 'orchestrix dev' creates it: %w", es.ErrUnavailable, err)
	}
	if err != nil {
		return 0, unavailable("open the log", err)
	}
	metadata := stream.CachedInfo().Config.Metadata
	if metadata[metaFormat] != format {
		return 0, fmt.Errorf("stream %s has format %q, this program knows %q", streamName(0), metadata[metaFormat], format)
	}
	partitions, err := strconv.Atoi(metadata[metaPartitions])
	if err != nil || partitions < 1 || partitions > maxPartitions {
		return 0, fmt.Errorf("stream %s says that the log has %q partitions: it was not created by Orchestrix", streamName(0), metadata[metaPartitions])
	}
	return partitions, nil
}

// ensure makes sure that a partition is there. Two who create it at once agree.
func (l *Log) ensure(ctx context.Context, partition, partitions int, create bool) error {
	_, err := l.js.Stream(ctx, streamName(partition))
	if errors.Is(err, jetstream.ErrStreamNotFound) && create {
		_, err = l.js.CreateStream(ctx, l.streamConfig(partition, partitions))
	}
	if err != nil {
		return unavailable("partition "+streamName(partition), err)
	}
	return nil
}

func (l *Log) streamConfig(partition, partitions int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        streamName(partition),
		Description: "Orchestrix event log, partition " + strconv.Itoa(partition),
		Subjects:    []string{subjectPrefix + strconv.Itoa(partition) + ".*.*.*"},
		Storage:     jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Replicas: l.config.Replicas, Duplicates: l.config.DuplicateWindow,
		DenyDelete: true, DenyPurge: true, AllowDirect: true, AllowAtomicPublish: true,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Metadata: map[string]string{metaPartitions: strconv.Itoa(partitions), metaFormat: format},
	}
}

func streamName(partition int) string { return streamPrefix + strconv.Itoa(partition) }

// Partitions implements [es.Feed].
func (l *Log) Partitions() int { return l.partitions }

func (l *Log) partitionOf(s es.Stream) int { return es.PartitionOf(s.Tenant, s.ID, l.partitions) }

func (l *Log) subjectOf(s es.Stream) string {
	return subjectPrefix + strconv.Itoa(l.partitionOf(s)) + "." + s.Tenant + "." + s.Category + "." + s.ID
}

// streamOf reads a subject. Its error says that no commit belongs there.
func (l *Log) streamOf(subject string) (es.Stream, error) {
	parts := strings.Split(strings.TrimPrefix(subject, subjectPrefix), ".")
	if len(parts) != 4 || !strings.HasPrefix(subject, subjectPrefix) {
		return es.Stream{}, fmt.Errorf("%w: subject %q is not %s<partition>.<tenant>.<category>.<id>", es.ErrCorrupt, subject, subjectPrefix)
	}
	s := es.Stream{Tenant: parts[1], Category: parts[2], ID: parts[3]}
	if err := s.Check(); err != nil {
		return es.Stream{}, fmt.Errorf("%w: subject %q: %w", es.ErrCorrupt, subject, err)
	}
	if strconv.Itoa(l.partitionOf(s)) != parts[0] {
		return s, fmt.Errorf("%w: %s is in partition %s, it belongs into %d", es.ErrCorrupt, s, parts[0], l.partitionOf(s))
	}
	return s, nil
}

// Ping returns nil where every partition has a leader that answers, and the last append got an answer.
func (l *Log) Ping(ctx context.Context) error {
	errs := make([]error, l.partitions)
	var pings sync.WaitGroup
	for i := range l.partitions {
		pings.Go(func() { _, errs[i] = l.Head(ctx, i) })
	}
	pings.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if failed := l.failedAt.Load(); failed != 0 && time.Since(time.Unix(0, failed)) < failureMemory {
		return fmt.Errorf("%w: the last append, %s ago, got no answer: is the disk of NATS full?",
			es.ErrUnavailable, time.Since(time.Unix(0, failed)).Round(time.Second))
	}
	return nil
}

// failureMemory is for how long an append without answer keeps a service from being ready, unless one works
// before.
const failureMemory = 10 * time.Second

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", es.ErrUnavailable, what, err)
}
