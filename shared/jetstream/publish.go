package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publishOnce stores a message over the connection of all but appends.
func (s *server) publishOnce(ctx context.Context, m *nats.Msg) (jetstream.PubAck, error) {
	return publishOver(ctx, s.conn, m)
}

// publishOver stores a message. It does what PublishMsg of the client library does without retries, with the same errors,
// but decodes the answer with fewer allocations: see decision 0029.
func publishOver(ctx context.Context, conn *nats.Conn, m *nats.Msg) (jetstream.PubAck, error) {
	answer, err := conn.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return jetstream.PubAck{}, jetstream.ErrNoStreamResponse
	case err != nil:
		return jetstream.PubAck{}, err
	}
	return decodeAck(answer.Data)
}

// decodeAck reads the answer to a publish.
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
