package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	// suspicion is how long a partition that left an append without an answer is not ready, unless an append succeeds
	// before. Afterwards one append is let through: only a write into the partition shows whether it takes writes.
	suspicion = 15 * time.Second
	// probeSize is larger than the block that a file system allocates, so that every probe needs space on the disk; in bytes.
	probeSize = 8 << 10
)

// failure is an append that got no answer.
type failure struct {
	at         time.Time
	reconnects uint64 // of the connection at that time: after a reconnect another server, or a restarted one, answers
}

// probeConfig is the stream that [Log.Ping] writes to: the log can't be probed, since it keeps every message.
func (l *Log) probeConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        l.config.probeStream(),
		Description: "Orchestrix probes here whether JetStream takes writes; it holds nothing of value",
		Subjects:    []string{l.config.probeSubjects()},
		Storage:     jetstream.FileStorage, Replicas: l.config.Replicas,
		MaxMsgs: 1, Discard: jetstream.DiscardOld,
		MaxBytes: 4 * probeSize, // keeps its files small: the server keeps a file until it has reached this size
	}
}

// Ping returns nil if the log takes commits: every partition has a leader that answers, JetStream stores a probe, and no
// partition has just left an append without an answer. Otherwise it returns [port.ErrUnavailable].
//
// The probe is needed because a NATS server whose disk is full answers everything but writes. With one replica, a stream
// that has met a full disk takes no writes until NATS is restarted, and neither does the stream of the probe: free space
// alone does not make the log ready again.
func (l *Log) Ping(ctx context.Context) error {
	if !l.writer.IsConnected() {
		return fmt.Errorf("%w: the connection that appends is lost", port.ErrUnavailable)
	}
	for partition := range l.failures {
		failed := l.failures[partition].Load()
		if failed != nil && time.Since(failed.at) < suspicion && failed.reconnects == l.writer.Stats().Reconnects {
			return fmt.Errorf("%w: partition %d left an append without answer %s ago", port.ErrUnavailable,
				partition, time.Since(failed.at).Round(time.Second))
		}
	}
	pings, ctx := errgroup.WithContext(ctx)
	for partition := range l.partitions {
		pings.Go(func() error {
			_, err := l.Head(ctx, partition)
			return err
		})
	}
	pings.Go(func() error { return l.writeProbe(ctx) })
	return pings.Wait()
}

// writeProbe publishes a message and waits until it is stored.
func (l *Log) writeProbe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	_, err := l.js.Publish(ctx, l.config.probeSubject(), make([]byte, probeSize), jetstream.WithRetryAttempts(0))
	if errors.Is(err, context.DeadlineExceeded) {
		return unavailable("JetStream answers but stores nothing: is its disk full? Free space and restart NATS", err)
	}
	if err != nil {
		return unavailable("JetStream takes no writes", err)
	}
	return nil
}

// recordAppend records whether a partition answers appends. An append that its caller has cancelled is not recorded.
func (l *Log) recordAppend(caller context.Context, partition int, err error) {
	switch {
	case !errors.Is(err, port.ErrUnavailable):
		l.failures[partition].Store(nil)
	case caller.Err() == nil:
		l.failures[partition].Store(&failure{at: time.Now(), reconnects: l.writer.Stats().Reconnects})
	}
}
