package jetstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publishOnce stores a message. It is what the client library's PublishMsg does without retries, errors included, but knows
// the usual answer at sight.
func (l *Log) publishOnce(ctx context.Context, m *nats.Msg) (jetstream.PubAck, error) {
	answer, err := l.conn.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return jetstream.PubAck{}, jetstream.ErrNoStreamResponse
	case err != nil:
		return jetstream.PubAck{}, err
	}
	if sequence, ok := scanAck(answer.Data); ok {
		return jetstream.PubAck{Sequence: sequence}, nil
	}
	return readAck(answer.Data)
}

// scanAck reads the sequence in an answer that says nothing else, as the server writes it: {"stream":"ORX_EVENTS_0","seq":17}.
func scanAck(answer []byte) (sequence uint64, ok bool) {
	rest, opened := bytes.CutPrefix(answer, []byte(`{"stream":"`))
	rest, closed := bytes.CutSuffix(rest, []byte(`}`))
	stream, digits, named := bytes.Cut(rest, []byte(`","seq":`))
	if !opened || !closed || !named || len(stream) == 0 || bytes.ContainsFunc(stream, escaped) || bytes.HasPrefix(digits, []byte(`0`)) {
		return 0, false
	}
	sequence, err := strconv.ParseUint(string(digits), 10, 64)
	return sequence, err == nil
}

// escaped reports whether a character does not stand for itself in a JSON string.
func escaped(r rune) bool { return r < ' ' || r == '"' || r == '\\' }

// readAck reads any answer.
func readAck(answer []byte) (jetstream.PubAck, error) {
	var read struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	err := json.Unmarshal(answer, &read)
	switch {
	case err == nil && read.Error != nil:
		return jetstream.PubAck{}, fmt.Errorf("nats: %w", read.Error)
	case err != nil || read.Stream == "":
		return jetstream.PubAck{}, jetstream.ErrInvalidJSAck
	}
	return read.PubAck, nil
}
