package jetstream

import (
	"context"
	"strconv"
	"strings"

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

// askAtOnce fills in what is answered in time, and well.
func (l *Log) askAtOnce(ctx context.Context, partition int, sequences []uint64, messages []stored) {
	if len(sequences) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	inbox := l.conn.NewInbox() + "."
	answers := make(chan *nats.Msg, len(sequences))
	subscription, err := l.conn.ChanSubscribe(inbox+"*", answers)
	if err != nil {
		return
	}
	defer subscription.Unsubscribe() //nolint:errcheck // a connection that is closed has no subscriptions
	subject := "$JS.API.DIRECT.GET." + l.streamName(partition)
	for i, sequence := range sequences {
		request := strconv.AppendUint([]byte(`{"seq":`), sequence, 10)
		if err := l.conn.PublishRequest(subject, inbox+strconv.Itoa(i), append(request, '}')); err != nil {
			return
		}
	}
	for range sequences {
		select {
		case answer := <-answers:
			i, err := strconv.Atoi(strings.TrimPrefix(answer.Subject, inbox))
			if err != nil || i < 0 || i >= len(messages) {
				continue
			}
			if m, err := storedMessage(answer); err == nil && m.sequence == sequences[i] {
				messages[i] = m
			}
		case <-ctx.Done():
			return
		}
	}
}
