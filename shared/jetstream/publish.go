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

// publishOnce stores a message. It does what PublishMsg of the client library does without retries, with the same errors,
// but reads the usual answer without encoding/json.
func (s *server) publishOnce(ctx context.Context, m *nats.Msg) (jetstream.PubAck, error) {
	answer, err := s.conn.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return jetstream.PubAck{}, jetstream.ErrNoStreamResponse
	case err != nil:
		return jetstream.PubAck{}, err
	}
	if sequence, ok := scanAck(answer.Data); ok {
		return jetstream.PubAck{Sequence: sequence}, nil
	}
	return decodeAck(answer.Data)
}

// scanAck reads the sequence of an acknowledgement that holds nothing else: {"stream":"ORX_EVENTS_0","seq":17}.
func scanAck(answer []byte) (sequence uint64, ok bool) {
	rest, opened := bytes.CutPrefix(answer, []byte(`{"stream":"`))
	rest, closed := bytes.CutSuffix(rest, []byte(`}`))
	stream, digits, named := bytes.Cut(rest, []byte(`","seq":`))
	if !opened || !closed || !named || len(stream) == 0 || bytes.ContainsFunc(stream, isEscaped) || bytes.HasPrefix(digits, []byte(`0`)) {
		return 0, false
	}
	sequence, err := strconv.ParseUint(string(digits), 10, 64)
	return sequence, err == nil
}

// isEscaped reports whether a character has to be escaped in a JSON string.
func isEscaped(r rune) bool { return r < ' ' || r == '"' || r == '\\' }

// decodeAck reads any answer to a publish.
func decodeAck(answer []byte) (jetstream.PubAck, error) {
	var body struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	err := json.Unmarshal(answer, &body)
	switch {
	case err == nil && body.Error != nil:
		return jetstream.PubAck{}, fmt.Errorf("nats: %w", body.Error)
	case err != nil || body.Stream == "":
		return jetstream.PubAck{}, jetstream.ErrInvalidJSAck
	}
	return body.PubAck, nil
}
