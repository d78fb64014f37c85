package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"orchestrix/shared/es"
)

const (
	// suspicion is for how long a partition that left an append without answer is not ready, unless an append
	// works before. Then one is let through to find out: nothing but a write into it can tell.
	suspicion = 15 * time.Second
	// probeSize is more than a file system gives at once, so that every probe needs room on the disk; in bytes.
	probeSize = 8 << 10
)

// failure is an append that got no answer.
type failure struct {
	at         time.Time
	reconnects uint64 // of the connection before it: afterwards another server, or one started anew, is asked
}

// readyConfig is the stream that [Log.Ping] writes to: the log itself can't be probed, since it keeps everything.
func (l *Log) readyConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        l.config.Prefix + "_READY",
		Description: "Orchestrix probes here whether JetStream takes writes; it holds nothing of value",
		Subjects:    []string{l.readySubject()},
		Storage:     jetstream.FileStorage, Replicas: l.config.Replicas,
		MaxMsgs: 1, Discard: jetstream.DiscardOld,
		MaxBytes: 4 * probeSize, // makes its files small: the server keeps a file until it has reached its size
	}
}

func (l *Log) readySubject() string { return strings.ToLower(l.config.Prefix) + ".ready" }

// Ping returns nil where the log takes commits: every partition has a leader that answers, JetStream writes
// and keeps a probe, and no partition has just left an append without answer. It returns [es.ErrUnavailable]
// otherwise.
//
// The probe is there because a NATS server whose disk is full goes on answering everything but writes. On one
// replica a stream that has met a full disk takes no write until NATS is started anew, and so does the probe's:
// room alone does not make the log ready again.
func (l *Log) Ping(ctx context.Context) error {
	for partition := range l.failures {
		failed := l.failures[partition].Load()
		if failed != nil && time.Since(failed.at) < suspicion && failed.reconnects == l.conn.Stats().Reconnects {
			return fmt.Errorf("%w: partition %d left an append without answer %s ago", es.ErrUnavailable,
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
	pings.Go(func() error { return l.probe(ctx) })
	return pings.Wait()
}

// probe writes a message and waits until it is kept.
func (l *Log) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	_, err := l.js.Publish(ctx, l.readySubject(), make([]byte, probeSize), jetstream.WithRetryAttempts(0))
	if errors.Is(err, context.DeadlineExceeded) {
		return unavailable("JetStream answers but writes nothing: is its disk full? Make room and start NATS anew", err)
	}
	if err != nil {
		return unavailable("JetStream takes no writes", err)
	}
	return nil
}

// note remembers whether a partition answers appends. An append that its own caller cut short says nothing.
func (l *Log) note(caller context.Context, partition int, err error) {
	switch {
	case !errors.Is(err, es.ErrUnavailable):
		l.failures[partition].Store(nil)
	case caller.Err() == nil:
		l.failures[partition].Store(&failure{at: time.Now(), reconnects: l.conn.Stats().Reconnects})
	}
}
