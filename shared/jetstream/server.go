package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// server is the NATS server, or cluster, that a log shares with its bus, its deadlines and their buckets: the
// connection, the configuration, and what all of them do with JetStream.
type server struct {
	config     Config // with defaults
	conn       *nats.Conn
	js         jetstream.JetStream
	inboxes    *inboxes
	failover   *failover
	writer     *nats.Conn // that appends commits; conn, or another user's, in the account of the log
	writes     *failover  // of writer
	partitions int        // of the log; set when the log is opened
}

func newServer(conn *nats.Conn, config Config) (*server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	js, err := jetstream.NewWithAPIPrefix(conn, config.APIPrefix)
	if err != nil {
		return nil, err
	}
	s := &server{config: config, conn: conn, js: js, inboxes: &inboxes{conn: conn}, failover: config.newFailover(conn), writer: config.Writer}
	if s.writer == nil {
		s.writer, s.writes = conn, s.failover
	} else {
		s.writes = config.newFailover(s.writer)
	}
	return s, nil
}

func (c Config) newFailover(conn *nats.Conn) *failover {
	return &failover{conn: conn, after: c.LostAfter, logger: c.Logger}
}

// partitionOf is the partition that holds a stream, and the messages to it.
func (s *server) partitionOf(of core.Stream) int {
	return core.PartitionOf(of.Tenant, of.ID, s.partitions)
}

// streamKey names a stream in subjects: <partition>.<tenant>.<category>.<id>.
func (s *server) streamKey(of core.Stream) string { return streamSubject("", s.partitionOf(of), of) }

// ensureStream opens a stream. Where the stream is missing, create decides whether it is created. A stream that another
// client creates concurrently is accepted with its settings. It returns [port.ErrUnavailable], and [port.ErrNotMigrated] for a
// stream that is missing.
func (s *server) ensureStream(ctx context.Context, config jetstream.StreamConfig, create bool) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.AckTimeout)
	defer cancel()
	stream, err := s.js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) && create {
		stream, err = s.js.CreateStream(ctx, config)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		stream, err = s.js.Stream(ctx, config.Name)
	}
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("%w: there is no stream %s", port.ErrNotMigrated, config.Name)
	case err != nil:
		return nil, unavailable("open stream "+config.Name, err)
	}
	return stream, nil
}

// ensureBucket does the same for a bucket of keys and values.
func (s *server) ensureBucket(ctx context.Context, config jetstream.KeyValueConfig, create bool) error {
	_, err := s.js.KeyValue(ctx, config.Bucket)
	if create && errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = s.js.CreateKeyValue(ctx, config)
	}
	if errors.Is(err, jetstream.ErrBucketExists) {
		_, err = s.js.KeyValue(ctx, config.Bucket)
	}
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound):
		return fmt.Errorf("%w: there is no bucket %s", port.ErrNotMigrated, config.Bucket)
	case err != nil:
		return unavailable("open bucket "+config.Bucket, err)
	}
	return nil
}
