package jetstream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/retry"
)

// The client library's own reads can't be used: it asks any replica, and never the leader, of a stream that
// allows direct get.

// errNoMessage says that the log has no such message, as far as the server that answered knows.
var errNoMessage = errors.New("no such message")

// leaderRequest says which message is wanted: that of a sequence, the last of a subject, or the first of a
// subject from a sequence on.
type leaderRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
}

// getLast reads the last message of a subject from any replica.
func (l *Log) getLast(ctx context.Context, partition int, subject string) (stored, error) {
	return l.direct(ctx, "$JS.API.DIRECT.GET."+l.streamName(partition)+"."+subject, nil)
}

// get reads a message that is known to be there: from any replica, and from the leader where that one lags.
func (l *Log) get(ctx context.Context, partition int, wanted leaderRequest) (stored, error) {
	request, err := json.Marshal(wanted)
	if err != nil {
		return stored{}, err
	}
	m, err := l.direct(ctx, "$JS.API.DIRECT.GET."+l.streamName(partition), request)
	if errors.Is(err, errNoMessage) {
		return l.getFromLeader(ctx, partition, wanted)
	}
	return m, err
}

// direct asks by direct get: the answer is the message itself, its place in headers
// (https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md).
func (l *Log) direct(ctx context.Context, subject string, request []byte) (stored, error) {
	answer, err := untilAnswered(ctx, l.config.AckTimeout, func(ctx context.Context) (*nats.Msg, error) {
		in, err := l.inboxes.take()
		if err != nil {
			return nil, err
		}
		defer l.inboxes.give(in)
		if err := in.ask(subject, request); err != nil {
			return nil, err
		}
		return in.answer(ctx)
	})
	if err != nil {
		return stored{}, err
	}
	return storedMessage(answer)
}

// storedMessage reads the answer to a direct get.
func storedMessage(answer *nats.Msg) (stored, error) {
	if status := answer.Header.Get("Status"); status != "" && len(answer.Data) == 0 {
		if status == "404" {
			return stored{}, errNoMessage
		}
		return stored{}, fmt.Errorf("direct get: status %s: %s", status, answer.Header.Get("Description"))
	}
	sequence, err := strconv.ParseUint(answer.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return stored{}, fmt.Errorf("direct get: the answer names no sequence: %w", err)
	}
	return stored{subject: answer.Header.Get(jetstream.SubjectHeader), sequence: sequence, header: answer.Header, body: answer.Data}, nil
}

// getFromLeader asks the partition's leader, which knows every message that was acknowledged.
func (l *Log) getFromLeader(ctx context.Context, partition int, wanted leaderRequest) (stored, error) {
	m, err := requester{l.conn, l.config.AckTimeout}.fromLeader(ctx, l.streamName(partition), wanted)
	if err != nil && !errors.Is(err, errNoMessage) {
		l.steer.failed(ctx, err)
	}
	return m, err
}

// requester sends requests, each of which must be answered within a time.
type requester struct {
	conn    *nats.Conn
	timeout time.Duration
}

// fromLeader asks the leader of a stream.
func (r requester) fromLeader(ctx context.Context, stream string, wanted leaderRequest) (stored, error) {
	request, err := json.Marshal(wanted)
	if err != nil {
		return stored{}, err
	}
	answer, err := r.request(ctx, "$JS.API.STREAM.MSG.GET."+stream, request)
	if err != nil {
		return stored{}, err
	}
	var body struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject  string `json:"subject"`
			Sequence uint64 `json:"seq"`
			Header   string `json:"hdrs"`
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &body); err != nil {
		return stored{}, fmt.Errorf("message get: %w", err)
	}
	switch {
	case body.Error != nil && body.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return stored{}, errNoMessage
	case body.Error != nil:
		return stored{}, fmt.Errorf("message get: %w", body.Error)
	case body.Message == nil:
		return stored{}, errors.New("message get: the answer holds neither a message nor an error")
	}
	m := stored{subject: body.Message.Subject, sequence: body.Message.Sequence, body: body.Message.Data}
	m.header, err = decodeHeader(body.Message.Header)
	return m, err
}

func decodeHeader(text string) (nats.Header, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("message get: headers: %w", err)
	}
	return nats.DecodeHeadersMsg(raw)
}

// awayPause is between two tries of a read that reached no server: an election or a reconnect is short.
const awayPause = 50 * time.Millisecond

// request sends a request that must be answered within ctx, and within the time for one answer.
func (r requester) request(ctx context.Context, subject string, body []byte) (*nats.Msg, error) {
	return untilAnswered(ctx, r.timeout, func(ctx context.Context) (*nats.Msg, error) {
		return r.conn.RequestWithContext(ctx, subject, body)
	})
}

// untilAnswered makes a request that only reads. Where nobody is there to answer, it is made again within the timeout.
func untilAnswered(ctx context.Context, timeout time.Duration, request func(context.Context) (*nats.Msg, error)) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		answer, err := request(ctx)
		away := errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrDisconnected)
		if !away || !retry.Sleep(ctx, awayPause) {
			return answer, err
		}
	}
}
