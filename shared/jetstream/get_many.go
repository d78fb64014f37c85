package jetstream

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
)

// getMany reads messages that are known to be there, all with one subscription and without waiting between them: a
// request by itself costs the client several times of what the answer does. What does not come like this is read
// by get, which knows what to do about it.
func (l *Log) getMany(ctx context.Context, partition int, sequences []uint64) ([]stored, error) {
	messages := make([]stored, len(sequences))
	l.askAtOnce(ctx, partition, sequences, messages)
	for i := range messages {
		if messages[i].sequence != 0 {
			continue
		}
		m, err := l.get(ctx, partition, leaderRequest{Sequence: sequences[i]})
		if err != nil {
			return nil, err
		}
		messages[i] = m
	}
	return messages, nil
}

// askedAtOnce is how many messages the server is asked for at the same time by reads of many. One that is in no cache of
// the server costs it a whole block, up to 8 MB: were all asked for at once, the last would be answered too late.
const askedAtOnce = 8 * fetchWindow

// askAtOnce fills in what is answered in time, and well. An answer says itself which message it is.
func (l *Log) askAtOnce(ctx context.Context, partition int, sequences []uint64, messages []stored) {
	if len(sequences) < 2 {
		return
	}
	if l.asking.Acquire(ctx, int64(len(sequences))) != nil {
		return
	}
	defer l.asking.Release(int64(len(sequences)))
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	in, err := l.inboxes.take()
	if err != nil {
		return
	}
	defer l.inboxes.give(in)
	subject := "$JS.API.DIRECT.GET." + l.streamName(partition)
	for _, sequence := range sequences {
		request := strconv.AppendUint([]byte(`{"seq":`), sequence, 10)
		if err := in.ask(subject, append(request, '}')); err != nil {
			return
		}
	}
	for in.due > 0 {
		answer, err := in.answer(ctx)
		if errors.Is(err, nats.ErrNoResponders) {
			continue
		}
		if err != nil {
			return
		}
		m, err := storedMessage(answer)
		if err != nil {
			continue
		}
		if i := slices.Index(sequences, m.sequence); i >= 0 {
			messages[i] = m
		}
	}
}
