package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"orchestrix/shared/es"
)

// Submitter sends commands over the bus, for clients that come back for the outcome.
type Submitter struct {
	bus      es.Publisher
	outcomes *Outcomes
}

// NewSubmitter returns a submitter.
func NewSubmitter(bus es.Publisher, outcomes *Outcomes) *Submitter {
	return &Submitter{bus: bus, outcomes: outcomes}
}

// Submit sends a command, and returns its outcome so far. The command is known before it is sent: where Submit is cut off
// in between, the command stays pending until it is submitted again. It returns [ErrCommandReused] where the id belongs to
// another command, [ErrOutcomesFull], [es.ErrBadToken], [es.ErrTooLarge] and [es.ErrUnavailable]; after the last it may
// have been sent.
func (s *Submitter) Submit(ctx context.Context, m CommandMessage) (Outcome, error) {
	message, err := m.Encode()
	if err != nil {
		return Outcome{}, err
	}
	outcome, err := s.outcomes.expect(ctx, &m)
	if err != nil || outcome.Final() {
		return outcome, err
	}
	return outcome, s.bus.Publish(ctx, es.CommandTopic, message)
}

// Outcome is [Outcomes.Outcome].
func (s *Submitter) Outcome(ctx context.Context, tenant, commandID string) (Outcome, error) {
	return s.outcomes.Outcome(ctx, tenant, commandID)
}

// Refusal is what a client is told of an error.
type Refusal struct {
	Code    string
	Detail  string
	Problem json.RawMessage // RFC 9457
}

// CommandQueueConfig is how a [CommandQueue] works.
type CommandQueueConfig struct {
	// Check checks the body of a command before it is executed.
	Check func(t *es.CommandType, body []byte) error
	// Explain says what a client is told of an error, and whether the error is final: otherwise it may go away, and the
	// command is tried again.
	Explain func(err error) (r Refusal, final bool)
	// Reply publishes to an inbox; nil where the bus has none. What nobody receives is lost.
	Reply func(ctx context.Context, subject string, body []byte) error

	Timeout time.Duration // for one attempt; 30 s
	Faults  int           // attempts that may fail by a fault of ours before the command is a dead letter; 5
	Logger  *slog.Logger  // slog.Default()
}

// CommandExecutor executes commands; [Executor] does.
type CommandExecutor interface {
	Execute(ctx context.Context, c Command) (Result, error)
}

// CommandQueue executes the commands that come over the bus, and tells what became of them.
type CommandQueue struct {
	registry *es.Registry
	executor CommandExecutor
	bus      es.MessageBus
	outcomes *Outcomes
	config   CommandQueueConfig
}

// NewCommandQueue returns a queue whose commands go to executor.
func NewCommandQueue(registry *es.Registry, executor CommandExecutor, bus es.MessageBus, outcomes *Outcomes, config CommandQueueConfig) *CommandQueue {
	setDefault(&config.Faults, 5)
	if config.Timeout <= 0 {
		config.Timeout = 30 * time.Second
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	return &CommandQueue{registry: registry, executor: executor, bus: bus, outcomes: outcomes, config: config}
}

// commandGroup shares the commands between the command services.
const commandGroup = "command"

// Run takes commands until ctx ends, and waits for those that it is at.
func (q *CommandQueue) Run(ctx context.Context) error {
	return q.bus.Subscribe(ctx, es.CommandTopic, es.Subscription{
		Group: commandGroup, Retry: es.RetryPolicy{Backoff: es.Exponential, First: 100 * time.Millisecond, Max: 10 * time.Second},
	}, q.Handle)
}

// Handle executes the command of a message. What became of it is kept, then told, and then the message is done: where it
// is cut off in between, it goes on from there. A final "no" is an outcome, and no error.
func (q *CommandQueue) Handle(ctx context.Context, d es.Delivery) error {
	m, err := DecodeCommand(d.Message)
	if err != nil {
		return es.Terminate(err) // it does not say whom to tell
	}
	ctx, cancel := context.WithTimeout(ctx, q.config.Timeout)
	defer cancel()
	outcome, err := q.outcome(ctx, &m)
	var fault *faultError
	if errors.As(err, &fault) && d.Attempt >= q.config.Faults {
		return q.bury(ctx, &m, d.Attempt, err)
	}
	if err != nil {
		return err
	}
	return q.tell(ctx, &m, &outcome)
}

// faultError is an error that waiting is not likely to mend.
type faultError struct{ error }

func (e *faultError) Unwrap() error { return e.error }

// outcome executes the command, unless its outcome is known. An error means that there is none yet.
func (q *CommandQueue) outcome(ctx context.Context, m *CommandMessage) (Outcome, error) {
	before, err := q.outcomes.of(ctx, m)
	switch {
	case errors.Is(err, ErrCommandReused):
		return q.rejected(m, err) // the outcome that is kept under the id is another command's
	case err != nil:
		return Outcome{}, err
	case before.Outcome.Final():
		return before.Outcome, nil
	}
	if before.revision == 0 {
		if err := q.outcomes.limit.roomOnTheBus(ctx); err != nil {
			return Outcome{}, err
		}
	}
	outcome, err := q.execute(ctx, m)
	if err != nil {
		return Outcome{}, err
	}
	return q.outcomes.settle(ctx, m, outcome)
}

func (q *CommandQueue) execute(ctx context.Context, m *CommandMessage) (Outcome, error) {
	if err := q.check(m); err != nil {
		return q.rejected(m, err)
	}
	result, err := q.executor.Execute(ctx, m.Command)
	if err != nil {
		return q.rejected(m, err)
	}
	return Outcome{
		CommandID: m.ID, Stream: m.Stream.String(), Status: Accepted,
		Version: result.Version, Position: result.Position.String(), Events: result.Events,
	}, nil
}

func (q *CommandQueue) check(m *CommandMessage) error {
	a, ok := q.registry.Aggregate(m.Stream.Category)
	if !ok {
		return fmt.Errorf("%w: no category %q", ErrUnknown, m.Stream.Category)
	}
	t, ok := a.Command(m.Name)
	if !ok {
		return fmt.Errorf("%w: category %q has no command %q", ErrUnknown, m.Stream.Category, m.Name)
	}
	return q.config.Check(t, m.Body)
}

// rejected makes an outcome of an error that is final, and returns any other.
func (q *CommandQueue) rejected(m *CommandMessage, err error) (Outcome, error) {
	refusal, final := q.config.Explain(err)
	if final {
		var rejection *es.Rejection
		return Outcome{
			CommandID: m.ID, Stream: m.Stream.String(), Status: Rejected, Refused: !errors.As(err, &rejection),
			Code: refusal.Code, Detail: refusal.Detail, Problem: refusal.Problem,
		}, nil
	}
	if mayPass(err) {
		return Outcome{}, err
	}
	return Outcome{}, &faultError{err}
}

// mayPass reports whether an error goes away with time: what is down comes back, and what is busy gets done.
func mayPass(err error) bool {
	for _, passing := range []error{es.ErrUnavailable, es.ErrConflict, ErrOverloaded, ErrOutcomesFull, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// bury gives a command up to the dead letters. Who polls for its outcome is told why it stays pending: an operator may
// still retry it.
func (q *CommandQueue) bury(ctx context.Context, m *CommandMessage, attempts int, cause error) error {
	q.config.Logger.ErrorContext(ctx, "a command can't be executed, it goes to the dead letters",
		"stream", m.Stream.String(), "command", m.Name, "command_id", m.ID, "attempts", attempts, "error", cause)
	_, err := q.outcomes.settle(ctx, m, Outcome{
		CommandID: m.ID, Stream: m.Stream.String(), Status: Pending, Code: CodeDeadLetter,
		Detail: fmt.Sprintf("%d attempts failed by a fault of the service; an operator has to look at it", attempts),
	})
	if err != nil {
		q.config.Logger.WarnContext(ctx, "who polls for the command is not told", "command_id", m.ID, "error", err)
	}
	return es.Terminate(cause)
}

// tell sends the outcome to those whom the command names.
func (q *CommandQueue) tell(ctx context.Context, m *CommandMessage, outcome *Outcome) error {
	if m.OutcomeTo != (es.Stream{}) {
		message, err := outcome.Encode(m)
		if err != nil {
			return es.Terminate(err)
		}
		if err := q.bus.Publish(ctx, es.OutcomeTopic, message); err != nil {
			return fmt.Errorf("outcome of command %s: %w", m.ID, err)
		}
	}
	if m.ReplyTo == "" || q.config.Reply == nil {
		return nil
	}
	body, err := es.Marshal(outcome)
	if err != nil {
		return es.Terminate(err)
	}
	return q.config.Reply(ctx, m.ReplyTo, body)
}
