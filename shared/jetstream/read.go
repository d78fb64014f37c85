package jetstream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"orchestrix/shared/es"
)

// errNoMessage says that the log has no such message, as far as the server that answered knows.
var errNoMessage = errors.New("no such message")

// Last implements [es.Reader]: a direct get, which any replica may answer.
func (l *Log) Last(ctx context.Context, s es.Stream) (es.Commit, error) {
	return l.lastBy(ctx, s, l.getLast)
}

// LastConfirmed implements [es.Reader]: the stream's leader answers.
func (l *Log) LastConfirmed(ctx context.Context, s es.Stream) (es.Commit, error) {
	return l.lastBy(ctx, s, func(ctx context.Context, partition int, subject string) (stored, error) {
		return l.getFromLeader(ctx, partition, leaderRequest{LastFor: subject})
	})
}

func (l *Log) lastBy(ctx context.Context, s es.Stream, get func(context.Context, int, string) (stored, error)) (es.Commit, error) {
	if err := s.Check(); err != nil {
		return es.Commit{}, err
	}
	partition := l.partitionOf(s)
	m, err := get(ctx, partition, l.subjectOf(s))
	if errors.Is(err, errNoMessage) {
		return es.Commit{}, fmt.Errorf("%w: %s", es.ErrNoStream, s)
	}
	if err != nil {
		return es.Commit{}, unavailable("read "+s.String(), err)
	}
	return l.decode(partition, m)
}

// getLast reads the last message of a subject from any replica.
func (l *Log) getLast(ctx context.Context, partition int, subject string) (stored, error) {
	return l.direct(ctx, "$JS.API.DIRECT.GET."+streamName(partition)+"."+subject, nil)
}

// get reads a message by its sequence from any replica, and from the leader where that replica lags.
func (l *Log) get(ctx context.Context, partition int, sequence uint64) (stored, error) {
	request := []byte(`{"seq":` + strconv.FormatUint(sequence, 10) + `}`)
	m, err := l.direct(ctx, "$JS.API.DIRECT.GET."+streamName(partition), request)
	if errors.Is(err, errNoMessage) {
		return l.getFromLeader(ctx, partition, leaderRequest{Sequence: sequence})
	}
	return m, err
}

// direct asks by direct get: the answer is the message itself, its place in headers.
func (l *Log) direct(ctx context.Context, subject string, request []byte) (stored, error) {
	answer, err := l.request(ctx, subject, request)
	if err != nil {
		return stored{}, err
	}
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

type leaderRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"`
}

// getFromLeader asks the stream's leader, which knows every message that was acknowledged.
func (l *Log) getFromLeader(ctx context.Context, partition int, wanted leaderRequest) (stored, error) {
	request, err := json.Marshal(wanted)
	if err != nil {
		return stored{}, err
	}
	answer, err := l.request(ctx, "$JS.API.STREAM.MSG.GET."+streamName(partition), request)
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
	if body.Error != nil {
		if body.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return stored{}, errNoMessage
		}
		return stored{}, fmt.Errorf("message get: %w", body.Error)
	}
	if body.Message == nil {
		return stored{}, errors.New("message get: the answer holds neither a message nor an error")
	}
	m := stored{subject: body.Message.Subject, sequence: body.Message.Sequence, body: body.Message.Data}
	if body.Message.Header == "" {
		return m, nil
	}
	raw, err := base64.StdEncoding.DecodeString(body.Message.Header)
	if err == nil {
		m.header, err = nats.DecodeHeadersMsg(raw)
	}
	if err != nil {
		return stored{}, fmt.Errorf("message get: headers: %w", err)
	}
	return m, nil
}

// request sends a request that must be answered within ctx, or within the budget of an append.
func (l *Log) request(ctx context.Context, subject string, body []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	return l.conn.RequestWithContext(ctx, subject, body)
}

// Since implements [es.Reader]: it follows the back-pointers from last, several at a time. Where they don't
// lead to a contiguous history, because a foreign writer left them out, the whole subject is read instead.
func (l *Log) Since(ctx context.Context, after es.Version, last es.Commit) iter.Seq2[es.Commit, error] {
	return func(yield func(es.Commit, error) bool) {
		commits, err := l.byPointers(ctx, after, last)
		if err != nil {
			if errors.Is(err, es.ErrUnavailable) {
				yield(es.Commit{}, err)
				return
			}
			l.config.Logger.WarnContext(ctx, "back-pointers do not lead to the history, reading the whole subject",
				"stream", last.Stream.String(), "error", err)
			if commits, err = l.bySubject(ctx, after, last); err != nil {
				yield(es.Commit{}, err)
				return
			}
		}
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// byPointers returns the commits after a version, oldest first.
func (l *Log) byPointers(ctx context.Context, after es.Version, last es.Commit) ([]es.Commit, error) {
	commits := []es.Commit{last}
	for oldest := last; oldest.First() > after+1; {
		// No more commits can be missing than events are, and each holds at least one.
		missing := min(es.Version(len(oldest.Previous)), oldest.First()-1-after)
		if missing == 0 {
			return nil, fmt.Errorf("%w: %s: version %d at %s names no commit before it", es.ErrCorrupt, last.Stream, oldest.First(), oldest.Position)
		}
		earlier, err := l.fetch(ctx, last.Stream, last.Position.Partition, oldest.Previous[:missing])
		if err != nil {
			return nil, err
		}
		for _, c := range earlier {
			if c.Version <= after {
				break
			}
			if c.Version+1 != oldest.First() {
				return nil, fmt.Errorf("%w: %s: version %d at %s is followed by %d at %s",
					es.ErrCorrupt, last.Stream, c.Version, c.Position, oldest.First(), oldest.Position)
			}
			commits = append(commits, c)
			oldest = c
		}
		if len(earlier) > 0 && earlier[len(earlier)-1].Version <= after {
			break
		}
	}
	slices.Reverse(commits)
	return commits, nil
}

// fetch reads commits by their sequences, at the same time.
func (l *Log) fetch(ctx context.Context, s es.Stream, partition int, sequences []uint64) ([]es.Commit, error) {
	commits := make([]es.Commit, len(sequences))
	fetches, ctx := errgroup.WithContext(ctx)
	for i, sequence := range sequences {
		fetches.Go(func() error {
			m, err := l.get(ctx, partition, sequence)
			if errors.Is(err, errNoMessage) {
				return fmt.Errorf("%w: %s: there is no message at %d-%d", es.ErrCorrupt, s, partition, sequence)
			}
			if err != nil {
				return unavailable("read "+s.String(), err)
			}
			c, err := l.decode(partition, m)
			if err == nil && c.Stream != s {
				err = fmt.Errorf("%w: %s: the message at %s is of %s", es.ErrCorrupt, s, c.Position, c.Stream)
			}
			commits[i] = c
			return err
		})
	}
	return commits, fetches.Wait()
}

// bySubject reads every commit of the stream up to last, and returns those after a version, oldest first. A
// hole is an error: it is never folded.
func (l *Log) bySubject(ctx context.Context, after es.Version, last es.Commit) ([]es.Commit, error) {
	var commits []es.Commit
	version := es.Version(0)
	next := uint64(1)
	for next <= last.Position.Sequence {
		m, err := l.nextOf(ctx, last.Position.Partition, l.subjectOf(last.Stream), next)
		if err != nil {
			return nil, err
		}
		c, err := l.decode(last.Position.Partition, m)
		if err != nil {
			return nil, err
		}
		if c.First() != version+1 {
			return nil, fmt.Errorf("%w: %s: version %d at %s follows version %d", es.ErrCorrupt, last.Stream, c.First(), c.Position, version)
		}
		version, next = c.Version, m.sequence+1
		if c.Version > after {
			commits = append(commits, c)
		}
	}
	return commits, nil
}

// nextOf reads the first message of a subject from a sequence on.
func (l *Log) nextOf(ctx context.Context, partition int, subject string, from uint64) (stored, error) {
	request, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": subject})
	if err != nil {
		return stored{}, err
	}
	m, err := l.direct(ctx, "$JS.API.DIRECT.GET."+streamName(partition), request)
	if errors.Is(err, errNoMessage) {
		return stored{}, fmt.Errorf("%w: %s has no message from %d on, though its last one was read before", es.ErrCorrupt, subject, from)
	}
	if err != nil {
		return stored{}, unavailable("read "+subject, err)
	}
	return m, nil
}
