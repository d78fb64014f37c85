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

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
)

// Deadlines keeps deadlines as scheduled messages of JetStream
// (https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-51.md). They have a stream of their own:
// schedules need a stream that forgets, and the log must not be one. What is due is handled as the messages of the bus are.
//
// The server turns a schedule into a message when its time has come, or as soon as it runs again, and removes the schedule
// by its subject. Each setting of a deadline therefore has a subject of its own: under one subject, an old setting that
// fires while it is replaced would take the new one with it.
type Deadlines struct {
	log    *Log
	stream jetstream.Stream
	due    *Bus // has the one topic of what is due, and the stream as its queue
}

// dueTopic is that of the deadlines that have fired: orx.due.<partition>.<tenant>.<category>.<id>.
const dueTopic es.Topic = "due"

var _ es.Deadlines = (*Deadlines)(nil)

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

// OpenDeadlines opens the deadlines that go with a bus and its log, and creates their stream where it is missing. It
// returns [ErrPartitions] where the stream was made for another number of partitions, and [es.ErrUnavailable] where
// JetStream does not answer.
func OpenDeadlines(ctx context.Context, bus *Bus) (*Deadlines, error) {
	return openDeadlines(ctx, bus, true)
}

// OpenExistingDeadlines opens the deadlines as they are. It returns [es.ErrUnavailable] where there is no stream for them.
func OpenExistingDeadlines(ctx context.Context, bus *Bus) (*Deadlines, error) {
	return openDeadlines(ctx, bus, false)
}

func openDeadlines(ctx context.Context, bus *Bus, create bool) (*Deadlines, error) {
	d := &Deadlines{log: bus.log}
	stream, err := d.log.ensure(ctx, d.config(), create)
	if err != nil {
		return nil, err
	}
	if err := d.accept(stream.CachedInfo().Config); err != nil {
		return nil, err
	}
	d.stream = stream
	d.due = &Bus{log: bus.log, config: bus.config, dead: bus.dead, attempts: bus.attempts, queues: map[es.Topic]jetstream.Stream{dueTopic: stream}}
	return d, nil
}

func (d *Deadlines) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        d.streamName(),
		Description: "Orchestrix deadlines of processes: those that are set, and those that are due",
		Subjects:    []string{d.setPrefix() + "*.*.*.*.*.*", d.duePrefix() + "*.*.*.*"},
		Storage:     jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardOld,
		Replicas: d.log.config.Replicas, AllowDirect: true, AllowRollup: true, AllowMsgSchedules: true,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Metadata: map[string]string{metaPartitions: strconv.Itoa(d.log.partitions), metaFormat: format},
	}
}

// accept refuses a stream that would lose deadlines, or in which they would be looked for in the wrong place.
func (d *Deadlines) accept(c jetstream.StreamConfig) error {
	if !c.AllowMsgSchedules || c.Retention != jetstream.WorkQueuePolicy || c.MaxAge != 0 || c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxMsgsPerSubject > 0 {
		return fmt.Errorf("stream %s would lose deadlines (schedules %v, retention %v, max age %v, max messages %d, per subject %d, max bytes %d): "+
			"set schedules, work-queue retention and no limits", c.Name, c.AllowMsgSchedules, c.Retention, c.MaxAge, c.MaxMsgs, c.MaxMsgsPerSubject, c.MaxBytes)
	}
	if made := c.Metadata[metaPartitions]; made != strconv.Itoa(d.log.partitions) {
		return fmt.Errorf("%w: stream %s was created for %q, the log has %d", ErrPartitions, c.Name, made, d.log.partitions)
	}
	return nil
}

func (d *Deadlines) streamName() string { return d.log.config.Prefix + "_DEADLINES" }

func (d *Deadlines) setPrefix() string { return strings.ToLower(d.log.config.Prefix) + ".deadline." }

func (d *Deadlines) duePrefix() string { return strings.ToLower(d.log.config.Prefix) + ".due." }

// place is the instance in subjects: <partition>.<tenant>.<category>.<id>.
func (d *Deadlines) place(of es.Stream) string {
	return strconv.Itoa(d.log.partitionOf(of)) + "." + of.Tenant + "." + of.Category + "." + of.ID
}

// settings are the subjects of all that is set under a name.
func (d *Deadlines) settings(of es.Stream, name string) string {
	return d.setPrefix() + d.place(of) + "." + name + ".*"
}

// setting tells the settings of one name apart, and says when each is due: <microseconds since 1970>_<hash of the id>.
func setting(deadline es.Deadline) string {
	sum := sha256.Sum256([]byte(deadline.ID))
	return strconv.FormatInt(deadline.At.UnixMicro(), 10) + "_" + hex.EncodeToString(sum[:8])
}

// farthest is the last moment for which a message can be scheduled, or near to it: the server counts nanoseconds, and takes
// what they don't reach for past.
var farthest = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

func scheduled(at time.Time) time.Time {
	if at.After(farthest) {
		return farthest
	}
	return at
}

// SetDeadline implements [es.Deadlines]. The new setting is there before older ones are removed: where it is interrupted
// in between, both fire, and their ids tell them apart.
func (d *Deadlines) SetDeadline(ctx context.Context, deadline es.Deadline) error {
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
	place := d.place(deadline.Of)
	m := &nats.Msg{
		Subject: d.setPrefix() + place + "." + deadline.Name + "." + setting(deadline), Data: body,
		Header: nats.Header{
			headerSchedule:       {"@at " + scheduled(deadline.At).Format(time.RFC3339Nano)},
			headerScheduleTarget: {d.duePrefix() + place},
		},
	}
	return d.insist(ctx, "set deadline "+deadline.Name+" of "+deadline.Of.String(), func(ctx context.Context) error {
		ack, err := d.log.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
		if err != nil {
			return err
		}
		return d.stream.Purge(ctx, jetstream.WithPurgeSubject(d.settings(deadline.Of, deadline.Name)), jetstream.WithPurgeSequence(ack.Sequence))
	})
}

// CancelDeadline implements [es.Deadlines].
func (d *Deadlines) CancelDeadline(ctx context.Context, of es.Stream, name string) error {
	if err := es.CheckDeadlineName(of, name); err != nil {
		return err
	}
	return d.insist(ctx, "cancel deadline "+name+" of "+of.String(), func(ctx context.Context) error {
		return d.stream.Purge(ctx, jetstream.WithPurgeSubject(d.settings(of, name)))
	})
}

// insist tries something that may be repeated until the server has done it, or the budget of an append is used up.
func (d *Deadlines) insist(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.log.config.AppendBudget)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := d.once(ctx, try)
		var refused *jetstream.APIError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.Code != 503, // it won't, ever; 503 is an election
			errors.Is(err, nats.ErrConnectionClosed), !retry.Sleep(ctx, sendPauses.Pause(attempt)):
			return unavailable(what, err)
		}
	}
}

func (d *Deadlines) once(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.log.config.AckTimeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return err
	}
	return try(ctx)
}

// pendingReads is how many deadlines are read at once for a list.
const pendingReads = 16

// PendingDeadlines implements [es.Deadlines]. The subjects alone say which come first.
func (d *Deadlines) PendingDeadlines(ctx context.Context, q es.DeadlineQuery) ([]es.Deadline, error) {
	filter := d.setPrefix() + "*.*." + orAny(q.Category) + "." + orAny(q.ID) + ".*.*"
	if strings.ContainsAny(q.Category+q.ID, ".>* \t\r\n") {
		return nil, nil // no instance has this name
	}
	info, err := d.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, unavailable("list deadlines", err)
	}
	type set struct {
		es.Deadline
		subject string
	}
	var all []set
	for subject := range info.State.Subjects {
		if deadline, ok := d.parse(subject); ok {
			all = append(all, set{deadline, subject})
		}
	}
	slices.SortFunc(all, func(a, b set) int {
		return cmp.Or(es.CompareDeadlines(a.Deadline, b.Deadline), cmp.Compare(a.subject, b.subject))
	})
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	found := make([]es.Deadline, len(all))
	reads, reading := errgroup.WithContext(ctx)
	reads.SetLimit(pendingReads)
	for i := range all {
		reads.Go(func() error {
			m, err := d.log.direct(reading, "$JS.API.DIRECT.GET."+d.streamName()+"."+all[i].subject, nil)
			if errors.Is(err, errNoMessage) {
				return nil // it has fired, or is cancelled, since it was listed
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
	found = slices.DeleteFunc(found, func(deadline es.Deadline) bool { return deadline.ID == "" })
	slices.SortFunc(found, es.CompareDeadlines)
	return found, nil
}

func orAny(token string) string { return cmp.Or(token, "*") }

// parse reads the subject of what is set; the time as exactly as that has it.
func (d *Deadlines) parse(subject string) (es.Deadline, bool) {
	parts := strings.Split(strings.TrimPrefix(subject, d.setPrefix()), ".")
	if len(parts) != 6 {
		return es.Deadline{}, false
	}
	micros, _, _ := strings.Cut(parts[5], "_")
	at, err := strconv.ParseInt(micros, 10, 64)
	deadline := es.Deadline{Of: es.Stream{Tenant: parts[1], Category: parts[2], ID: parts[3]}, Name: parts[4], At: time.UnixMicro(at).UTC()}
	return deadline, err == nil && es.CheckDeadlineName(deadline.Of, deadline.Name) == nil
}

// Due implements [es.Deadlines].
func (d *Deadlines) Due(ctx context.Context, s es.Subscription, handle func(context.Context, es.Deadline) error) error {
	s.Retry.Limit = 0
	return d.due.subscribe(ctx, dueTopic, s, func(ctx context.Context, delivery es.Delivery) error {
		deadline, err := decodeDeadline(delivery.To, delivery.Data)
		if err != nil {
			return es.Terminate(err) // nothing of ours has written it
		}
		if err = handle(ctx, deadline); es.IsTerminated(err) {
			err = fmt.Errorf("a deadline can't be given up: %s", err.Error())
		}
		return err
	})
}

// decodeDeadline reads the body of a deadline.
func decodeDeadline(of es.Stream, body []byte) (es.Deadline, error) {
	var b deadlineBody
	if err := json.Unmarshal(body, &b); err != nil {
		return es.Deadline{}, fmt.Errorf("%w: deadline of %s: %w", es.ErrCorrupt, of, err)
	}
	deadline := es.Deadline{
		Of: of, Name: b.Name, ID: b.ID, At: b.At.UTC(), CorrelationID: b.CorrelationID, CausationID: b.CausationID,
		Trace: es.Trace{Parent: b.TraceParent, State: b.TraceState},
	}
	if err := deadline.Check(); err != nil {
		return es.Deadline{}, fmt.Errorf("%w: %w", es.ErrCorrupt, err)
	}
	return deadline, nil
}
