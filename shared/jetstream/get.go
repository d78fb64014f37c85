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

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// The reads of the client library are not used: if a stream allows direct get, they ask any replica and never the
// leader.

// errNoMessage: the stream has no such message, as far as the server that answered knows.
var errNoMessage = errors.New("no such message")

// getRequest names a message: that of a sequence, the last of a subject, or the first of a subject from a sequence on.
type getRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
}

// stored is a message as a stream holds it.
type stored struct {
	subject  string
	sequence uint64
	header   nats.Header
	body     []byte
}

// directGet asks any replica: the answer is the message itself, its subject and sequence in headers
// (https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md).
func (s *server) directGet(ctx context.Context, subject string, request []byte) (stored, error) {
	answer, err := untilAnswered(ctx, s.config.AckTimeout, func(ctx context.Context) (*nats.Msg, error) {
		in, err := s.inboxes.acquire()
		if err != nil {
			return nil, err
		}
		defer s.inboxes.release(in)
		if err := in.sendRequest(subject, request); err != nil {
			return nil, err
		}
		return in.awaitAnswer(ctx)
	})
	if err != nil {
		return stored{}, err
	}
	return parseDirectGet(answer)
}

// parseDirectGet reads the answer to a direct get.
func parseDirectGet(answer *nats.Msg) (stored, error) {
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

// leaderGet asks the leader of a stream, which knows every acknowledged message.
func (s *server) leaderGet(ctx context.Context, stream string, wanted getRequest) (stored, error) {
	request, err := json.Marshal(wanted)
	if err != nil {
		return stored{}, err
	}
	answer, err := untilAnswered(ctx, s.config.AckTimeout, func(ctx context.Context) (*nats.Msg, error) {
		return s.conn.RequestWithContext(ctx, s.config.api("STREAM.MSG.GET."+stream), request)
	})
	if err != nil {
		return stored{}, err
	}
	return parseLeaderGet(answer)
}

// parseLeaderGet reads the answer of a leader.
func parseLeaderGet(answer *nats.Msg) (stored, error) {
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
	header, err := decodeHeader(body.Message.Header)
	return stored{subject: body.Message.Subject, sequence: body.Message.Sequence, header: header, body: body.Message.Data}, err
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

// untilAnswered makes a request that only reads. Where no server is there to answer, it repeats the request within the
// timeout.
func untilAnswered(ctx context.Context, timeout time.Duration, request func(context.Context) (*nats.Msg, error)) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		answer, err := request(ctx)
		noServer := errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrDisconnected)
		if !noServer || !retry.Sleep(ctx, readPause) {
			return answer, err
		}
	}
}

// getLast reads the last message of a stream of events from any replica.
func (l *Log) getLast(ctx context.Context, at location) (stored, error) {
	return l.directGet(ctx, l.config.api("DIRECT.GET."+l.streamName(at.partition)+"."+at.subject), nil)
}

// getLastConfirmed reads it from the leader.
func (l *Log) getLastConfirmed(ctx context.Context, at location) (stored, error) {
	return l.getFromLeader(ctx, at.partition, getRequest{LastFor: at.subject})
}

// get reads a message that is known to exist: from any replica, or from the leader where that replica lags.
func (l *Log) get(ctx context.Context, partition int, wanted getRequest) (stored, error) {
	request, err := json.Marshal(wanted)
	if err != nil {
		return stored{}, err
	}
	m, err := l.directGet(ctx, l.config.api("DIRECT.GET."+l.streamName(partition)), request)
	if errors.Is(err, errNoMessage) {
		return l.getFromLeader(ctx, partition, wanted)
	}
	return m, err
}

// getFromLeader asks the leader of a partition.
func (l *Log) getFromLeader(ctx context.Context, partition int, wanted getRequest) (stored, error) {
	m, err := l.leaderGet(ctx, l.streamName(partition), wanted)
	if err != nil && !errors.Is(err, errNoMessage) {
		l.failover.failed(ctx, err)
	}
	return m, err
}
