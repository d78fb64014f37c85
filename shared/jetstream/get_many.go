package jetstream

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
)

// getMany reads messages that are known to exist, all over one subscription and without waiting between them: a single
// request costs the client several times as much as its answer. Messages that do not arrive this way are read one by one
// with get, which handles lagging replicas and errors.
func (l *Log) getMany(ctx context.Context, partition int, sequences []uint64) ([]stored, error) {
	messages := make([]stored, len(sequences))
	l.getConcurrently(ctx, partition, sequences, messages)
	for i := range messages {
		if messages[i].sequence != 0 {
			continue
		}
		m, err := l.get(ctx, partition, getRequest{Sequence: sequences[i]})
		if err != nil {
			return nil, err
		}
		messages[i] = m
	}
	return messages, nil
}

// maxConcurrentGets is how many messages all reads together request from the server concurrently. A message that is in no
// cache of the server costs it a whole block, up to 8 MB: with more, the last answers would come too late.
const maxConcurrentGets = 8 * fetchWindow

// getConcurrently fills in the messages that arrive in time and without error. Each answer names its sequence.
func (l *Log) getConcurrently(ctx context.Context, partition int, sequences []uint64, messages []stored) {
	if len(sequences) < 2 {
		return
	}
	if l.gets.Acquire(ctx, int64(len(sequences))) != nil {
		return
	}
	defer l.gets.Release(int64(len(sequences)))
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	in, err := l.inboxes.acquire()
	if err != nil {
		return
	}
	defer l.inboxes.release(in)
	subject := l.config.api("DIRECT.GET." + l.streamName(partition))
	for _, sequence := range sequences {
		request := strconv.AppendUint([]byte(`{"seq":`), sequence, 10)
		if err := in.sendRequest(subject, append(request, '}')); err != nil {
			return
		}
	}
	for in.pending > 0 {
		answer, err := in.awaitAnswer(ctx)
		if errors.Is(err, nats.ErrNoResponders) {
			continue
		}
		if err != nil {
			return
		}
		m, err := parseDirectGet(answer)
		if err != nil {
			continue
		}
		if i := slices.Index(sequences, m.sequence); i >= 0 {
			messages[i] = m
		}
	}
}
