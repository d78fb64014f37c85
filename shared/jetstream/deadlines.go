package jetstream

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Deadlines keeps deadlines as scheduled messages of JetStream
// (https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-51.md). They have a stream of their own:
// scheduled messages are deleted when they fire, and the log deletes nothing. Due deadlines are delivered as the bus
// delivers messages.
//
// The server turns a schedule into a message at its time, or when it is next running, and removes the schedule by its
// subject. Therefore each setting of a deadline has a subject of its own: with one subject, an old setting that fires
// while it is replaced would remove the new one with it.
type Deadlines struct {
	*server
	stream jetstream.Stream
	due    *Bus // its only topic is dueTopic, with stream as its queue
}

// dueTopic is the topic of deadlines that have fired: orx.due.<partition>.process.<tenant>.<category>.<id>.<name>.
const dueTopic port.Topic = "due"

var _ port.Deadlines = (*Deadlines)(nil)

// Headers of a scheduled message.
const (
	headerSchedule       = "Nats-Schedule"
	headerScheduleTarget = "Nats-Schedule-Target"
)

// deadlineBody is the body of a deadline, set or due; the instance is in the subject.
type deadlineBody struct {
	Name string    `json:"name"`
	ID   string    `json:"id"`
	At   time.Time `json:"at"`

	CorrelationID string `json:"correlation_id,omitempty"`
	CausationID   string `json:"causation_id,omitempty"`
	TraceParent   string `json:"traceparent,omitempty"`
	TraceState    string `json:"tracestate,omitempty"`
}

// OpenDeadlines opens the deadlines beside a bus and its log, and creates their stream if it is missing. It returns
// [ErrPartitions] if the stream was made for another number of partitions, and [port.ErrUnavailable] if JetStream does not
// answer.
func OpenDeadlines(ctx context.Context, bus *Bus) (*Deadlines, error) {
	return openDeadlines(ctx, bus, true)
}

// OpenExistingDeadlines opens the deadlines as they are. It returns [port.ErrUnavailable] if their stream is missing.
func OpenExistingDeadlines(ctx context.Context, bus *Bus) (*Deadlines, error) {
	return openDeadlines(ctx, bus, false)
}

func openDeadlines(ctx context.Context, bus *Bus, create bool) (*Deadlines, error) {
	d := &Deadlines{server: bus.server}
	stream, err := d.ensureStream(ctx, d.streamConfig(), create)
	if err != nil {
		return nil, err
	}
	if err := d.acceptStream(stream.CachedInfo().Config); err != nil {
		return nil, err
	}
	d.stream = stream
	d.due = &Bus{server: bus.server, limits: bus.limits, dead: bus.dead, attempts: bus.attempts, queues: map[port.Topic]jetstream.Stream{dueTopic: stream}}
	return d, nil
}

func (d *Deadlines) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        d.config.deadlineStream(),
		Description: "Orchestrix deadlines of processes: those that are set, and those that are due",
		Subjects:    []string{d.config.deadlinePrefix() + "*.*.*.*.*.*", d.config.topicPrefix(dueTopic) + messageWildcards},
		Storage:     jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardOld,
		Replicas: d.config.Replicas, AllowDirect: true, AllowRollup: true, AllowMsgSchedules: true,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Metadata: map[string]string{metaPartitions: strconv.Itoa(d.partitions), metaFormat: Format},
	}
}

// acceptStream refuses a stream that would lose deadlines, or in which they would be looked up in the wrong partition.
func (d *Deadlines) acceptStream(c jetstream.StreamConfig) error {
	if err := checkFormat(c); err != nil {
		return err
	}
	if !c.AllowMsgSchedules || c.Retention != jetstream.WorkQueuePolicy || c.MaxAge != 0 || c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxMsgsPerSubject > 0 {
		return fmt.Errorf("stream %s would lose deadlines (schedules %v, retention %v, max age %v, max messages %d, per subject %d, max bytes %d): "+
			"set schedules, work-queue retention and no limits", c.Name, c.AllowMsgSchedules, c.Retention, c.MaxAge, c.MaxMsgs, c.MaxMsgsPerSubject, c.MaxBytes)
	}
	if made := c.Metadata[metaPartitions]; made != strconv.Itoa(d.partitions) {
		return fmt.Errorf("%w: stream %s was created for %q, the log has %d", ErrPartitions, c.Name, made, d.partitions)
	}
	return nil
}

// settingsFilter matches the subjects of all settings of a deadline.
func (d *Deadlines) settingsFilter(streamKey, name string) string {
	return d.config.deadlinePrefix() + streamKey + "." + name + ".*"
}

// settingToken distinguishes the settings of a deadline, and holds when each is due: <microseconds since 1970>_<hash of the
// id>.
func settingToken(deadline port.Deadline) string {
	sum := sha256.Sum256([]byte(deadline.ID))
	return strconv.FormatInt(deadline.At.UnixMicro(), 10) + "_" + hex.EncodeToString(sum[:8])
}

// latestSchedule is about the last moment for which a message can be scheduled: the server counts nanoseconds in 64 bits,
// and takes a later moment for one in the past.
var latestSchedule = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

func scheduleTime(at time.Time) time.Time {
	if at.After(latestSchedule) {
		return latestSchedule
	}
	return at
}

// SetDeadline implements [port.Deadlines]. It stores the new setting before it removes older ones: after an interruption
// between the two steps, both fire, and their ids distinguish them.
func (d *Deadlines) SetDeadline(ctx context.Context, deadline port.Deadline) error {
	if err := deadline.Check(); err != nil {
		return err
	}
	deadline.At = deadline.At.UTC()
	body, err := json.Marshal(deadlineBody{
		Name: deadline.Name, ID: deadline.ID, At: deadline.At,
		CorrelationID: deadline.CorrelationID, CausationID: deadline.CausationID,
		TraceParent: deadline.Trace.Parent, TraceState: deadline.Trace.State,
	})
	if err != nil {
		return err
	}
	streamKey := d.streamKey(deadline.Of)
	m := &nats.Msg{
		Subject: d.config.deadlinePrefix() + streamKey + "." + deadline.Name + "." + settingToken(deadline), Data: body,
		Header: nats.Header{
			headerSchedule:       {"@at " + scheduleTime(deadline.At).Format(time.RFC3339Nano)},
			headerScheduleTarget: {messageSubject(d.config.topicPrefix(dueTopic), d.partitionOf(deadline.Of), port.ProcessSender, deadline.Of, deadline.Name)},
		},
	}
	return d.retryChange(ctx, "set deadline "+deadline.Name+" of "+deadline.Of.String(), func(ctx context.Context) error {
		ack, err := d.publishOnce(ctx, m)
		if err != nil {
			return err
		}
		return d.stream.Purge(ctx, jetstream.WithPurgeSubject(d.settingsFilter(streamKey, deadline.Name)), jetstream.WithPurgeSequence(ack.Sequence))
	})
}

// CancelDeadline implements [port.Deadlines].
func (d *Deadlines) CancelDeadline(ctx context.Context, of core.Stream, name string) error {
	if err := port.CheckDeadlineName(of, name); err != nil {
		return err
	}
	return d.retryChange(ctx, "cancel deadline "+name+" of "+of.String(), func(ctx context.Context) error {
		return d.stream.Purge(ctx, jetstream.WithPurgeSubject(d.settingsFilter(d.streamKey(of), name)))
	})
}

// retryChange repeats a change of the deadlines, which must be idempotent, until the server has made it or refuses it
// permanently. Its error is [port.ErrUnavailable].
func (d *Deadlines) retryChange(ctx context.Context, what string, change func(context.Context) error) error {
	err := d.retryWrite(ctx, change, func(err error) bool {
		var refused *jetstream.APIError
		return errors.As(err, &refused) && refused.Code != 503 || // 503: an election
			errors.Is(err, nats.ErrConnectionClosed)
	})
	if err != nil {
		return unavailable(what, err)
	}
	return nil
}

// maxDeadlineReads is how many deadlines one list reads concurrently.
const maxDeadlineReads = 16

// PendingDeadlines implements [port.Deadlines]. The order is known from the subjects.
func (d *Deadlines) PendingDeadlines(ctx context.Context, q port.DeadlineQuery) ([]port.Deadline, error) {
	filter := d.config.deadlinePrefix() + "*.*." + cmp.Or(q.Category, "*") + "." + cmp.Or(q.ID, "*") + ".*.*"
	if strings.ContainsAny(q.Category+q.ID, ".>* \t\r\n") {
		return nil, nil // no instance has this name
	}
	info, err := d.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, unavailable("list deadlines", err)
	}
	type set struct {
		port.Deadline
		subject string
	}
	var all []set
	for subject := range info.State.Subjects {
		if deadline, ok := d.parseSubject(subject); ok {
			all = append(all, set{deadline, subject})
		}
	}
	slices.SortFunc(all, func(a, b set) int {
		return cmp.Or(port.CompareDeadlines(a.Deadline, b.Deadline), cmp.Compare(a.subject, b.subject))
	})
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	found := make([]port.Deadline, len(all))
	reads, reading := errgroup.WithContext(ctx)
	reads.SetLimit(maxDeadlineReads)
	for i := range all {
		reads.Go(func() error {
			m, err := d.directGet(reading, d.config.api("DIRECT.GET."+d.config.deadlineStream()+"."+all[i].subject), nil)
			if errors.Is(err, errNoMessage) {
				return nil // it has fired, or was cancelled, since it was listed
			}
			if err != nil {
				return unavailable("read a deadline", err)
			}
			found[i], err = decodeDeadline(all[i].Of, m.body)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(deadline port.Deadline) bool { return deadline.ID == "" })
	slices.SortFunc(found, port.CompareDeadlines)
	return found, nil
}

// parseSubject reads the subject of a setting. The subject has the time in microseconds.
func (d *Deadlines) parseSubject(subject string) (port.Deadline, bool) {
	parts := strings.Split(strings.TrimPrefix(subject, d.config.deadlinePrefix()), ".")
	if len(parts) != 6 {
		return port.Deadline{}, false
	}
	micros, _, _ := strings.Cut(parts[5], "_")
	at, err := strconv.ParseInt(micros, 10, 64)
	deadline := port.Deadline{Of: core.Stream{Tenant: parts[1], Category: parts[2], ID: parts[3]}, Name: parts[4], At: time.UnixMicro(at).UTC()}
	return deadline, err == nil && port.CheckDeadlineName(deadline.Of, deadline.Name) == nil
}

// Due implements [port.Deadlines].
func (d *Deadlines) Due(ctx context.Context, s port.Subscription, handle func(context.Context, port.Deadline) error) error {
	s.Retry.Limit = 0
	return d.due.subscribe(ctx, dueTopic, s, func(ctx context.Context, delivery port.Delivery) error {
		deadline, err := decodeDeadline(delivery.To, delivery.Data)
		if err != nil {
			return port.Terminate(err) // another client has written it
		}
		if err = handle(ctx, deadline); port.IsTerminated(err) {
			err = fmt.Errorf("a deadline can't be dropped: %s", err.Error())
		}
		return err
	})
}

// decodeDeadline reads the body of a deadline.
func decodeDeadline(of core.Stream, body []byte) (port.Deadline, error) {
	var b deadlineBody
	if err := json.Unmarshal(body, &b); err != nil {
		return port.Deadline{}, fmt.Errorf("%w: deadline of %s: %w", core.ErrCorrupt, of, err)
	}
	deadline := port.Deadline{
		Of: of, Name: b.Name, ID: b.ID, At: b.At.UTC(), CorrelationID: b.CorrelationID, CausationID: b.CausationID,
		Trace: core.Trace{Parent: b.TraceParent, State: b.TraceState},
	}
	if err := deadline.Check(); err != nil {
		return port.Deadline{}, fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	return deadline, nil
}
