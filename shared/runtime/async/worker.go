package async

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// Submitter sends commands over the bus, for clients that poll for the result.
type Submitter struct {
	bus      port.Publisher
	statuses *StatusStore
}

// NewSubmitter returns a submitter.
func NewSubmitter(bus port.Publisher, statuses *StatusStore) *Submitter {
	return &Submitter{bus: bus, statuses: statuses}
}

// Submit sends a command and returns its status so far. The status is stored before the command is sent: if Submit is
// interrupted in between, the command stays pending until it is submitted again. It returns [runtime.ErrCommandReused] if the id
// belongs to another command, [runtime.ErrStatusesFull], [core.ErrBadToken], [port.ErrTooLarge] and [port.ErrUnavailable]; after the last,
// the command may have been sent.
func (s *Submitter) Submit(ctx context.Context, m runtime.AsyncMessage) (runtime.AsyncStatus, error) {
	message, err := m.Encode()
	if err != nil {
		return runtime.AsyncStatus{}, err
	}
	status, err := s.statuses.register(ctx, &m)
	if err != nil || status.Final() {
		return status, err
	}
	return status, s.bus.Publish(ctx, port.CommandTopic, message)
}

// Status is [StatusStore.Status] of a command that came over HTTP.
func (s *Submitter) Status(ctx context.Context, tenant, commandID string) (runtime.AsyncStatus, error) {
	return s.statuses.Status(ctx, tenant, port.CommandSender, commandID)
}

// Config configures a [Worker].
type Config struct {
	// Decode checks the body of a command and returns it decoded, as [core.CommandType.Decode] does.
	Decode func(t *core.CommandType, body []byte) (any, error)
	// Explain describes an error to the client, and reports whether the error is final. After any other error, the command is
	// executed again.
	Explain func(err error) (r runtime.Refusal, final bool)
	// Reply publishes to an inbox; nil if the bus has none. A reply without a subscriber is lost.
	Reply func(ctx context.Context, subject string, body []byte) error

	Timeout time.Duration // of one attempt; 30 s
	Faults  int           // attempts that may fail by a fault of the service before the command becomes a dead letter; 5
	Logger  *slog.Logger  // slog.Default()
}

// Executor executes commands; [command.Executor] implements it.
type Executor interface {
	Execute(ctx context.Context, c runtime.Command) (runtime.Result, error)
}

// Worker executes the commands that arrive over the bus, and stores and sends their results.
type Worker struct {
	registry *core.Registry
	executor Executor
	bus      port.MessageBus
	statuses *StatusStore
	config   Config
}

// NewWorker returns a worker whose commands go to executor.
func NewWorker(registry *core.Registry, executor Executor, bus port.MessageBus, statuses *StatusStore, config Config) *Worker {
	runtime.SetDefault(&config.Faults, 5)
	runtime.SetDefault(&config.Timeout, 30*time.Second)
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	return &Worker{registry: registry, executor: executor, bus: bus, statuses: statuses, config: config}
}

// workerGroup is the bus group that distributes the commands among the command services.
const workerGroup = "command"

// Run executes commands until ctx ends, and waits for those in flight.
func (w *Worker) Run(ctx context.Context) error {
	return w.bus.Subscribe(ctx, port.CommandTopic, port.Subscription{
		Group: workerGroup, Retry: core.RetryPolicy{Backoff: core.Exponential, First: 100 * time.Millisecond, Max: 10 * time.Second},
	}, w.Handle)
}

// Handle executes the command of a message, stores its status, sends it, and only then acknowledges the message. If Handle is
// interrupted, the redelivered message continues at the first step that is not done. A final rejection is a status, not an
// error.
func (w *Worker) Handle(ctx context.Context, d port.Delivery) error {
	m, err := runtime.DecodeAsyncMessage(d.Message)
	if err != nil {
		return port.Terminate(err) // it is unknown who waits for a status
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.Timeout)
	defer cancel()
	status, err := w.status(ctx, &m)
	var fault *faultError
	if errors.As(err, &fault) && d.Attempt >= w.config.Faults {
		return w.deadLetter(ctx, &m, d.Attempt, err)
	}
	if err != nil {
		return err
	}
	return w.publish(ctx, &m, &status)
}

// faultError is an error that a retry is not likely to fix.
type faultError struct{ error }

func (e *faultError) Unwrap() error { return e.error }

// status returns the stored status of the command if that is final, or else executes the command. An error means that there
// is no final status yet.
func (w *Worker) status(ctx context.Context, m *runtime.AsyncMessage) (runtime.AsyncStatus, error) {
	before, err := w.statuses.find(ctx, m)
	switch {
	case errors.Is(err, runtime.ErrCommandReused):
		return w.rejected(m, err) // the status stored under this id is another command's
	case err != nil:
		return runtime.AsyncStatus{}, err
	case before.Status.Final():
		return before.Status, nil
	}
	if before.revision == 0 {
		if err := w.statuses.quota.checkBus(ctx); err != nil {
			return runtime.AsyncStatus{}, err
		}
	}
	status, err := w.execute(ctx, m)
	if err != nil {
		return runtime.AsyncStatus{}, err
	}
	return w.statuses.record(ctx, m, status)
}

func (w *Worker) execute(ctx context.Context, m *runtime.AsyncMessage) (runtime.AsyncStatus, error) {
	c, err := w.decode(m)
	if err != nil {
		return w.rejected(m, err)
	}
	result, err := w.executor.Execute(ctx, c)
	if err != nil {
		return w.rejected(m, err)
	}
	return runtime.AsyncStatus{
		CommandID: m.ID, Stream: m.Stream.String(), State: runtime.Accepted,
		Version: result.Version, Position: result.Position.String(), Events: result.Events,
	}, nil
}

// decode returns the command with its type and payload. [runtime.DecodeAsyncMessage] has checked the ids.
func (w *Worker) decode(m *runtime.AsyncMessage) (runtime.Command, error) {
	t, err := runtime.FindCommand(w.registry, m.Stream.Category, m.Name)
	if err != nil {
		return runtime.Command{}, err
	}
	if t.Internal && m.Origin.Sender != port.ProcessSender {
		return runtime.Command{}, fmt.Errorf("%w: command %q of %s is a step of a process, sender %q may not send it",
			runtime.ErrInternal, m.Name, m.Stream.Category, m.Origin.Sender)
	}
	c := m.Command
	c.Type = t
	c.Payload, err = w.config.Decode(t, m.Body)
	return c, err
}

// rejected turns a final error into a status, and returns any other error.
func (w *Worker) rejected(m *runtime.AsyncMessage, err error) (runtime.AsyncStatus, error) {
	refusal, final := w.config.Explain(err)
	if final {
		var rejection *core.Rejection
		return runtime.AsyncStatus{
			CommandID: m.ID, Stream: m.Stream.String(), State: runtime.Rejected, Refused: !errors.As(err, &rejection),
			Code: refusal.Code, Detail: refusal.Detail, Problem: refusal.Problem,
		}, nil
	}
	if isTransient(err) {
		return runtime.AsyncStatus{}, err
	}
	return runtime.AsyncStatus{}, &faultError{err}
}

// isTransient reports whether a retry may succeed: the backend was unavailable or overloaded.
func isTransient(err error) bool {
	for _, transient := range []error{port.ErrUnavailable, port.ErrConflict, runtime.ErrOverloaded, runtime.ErrStatusesFull, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, transient) {
			return true
		}
	}
	return false
}

// deadLetter moves a command to the dead letters. Its status stays pending, with the reason, because an operator may still
// retry it.
func (w *Worker) deadLetter(ctx context.Context, m *runtime.AsyncMessage, attempts int, cause error) error {
	w.config.Logger.ErrorContext(ctx, "a command can't be executed and becomes a dead letter",
		"stream", m.Stream.String(), "command", m.Name, "command_id", m.ID, "attempts", attempts, "error", cause)
	_, err := w.statuses.record(ctx, m, runtime.AsyncStatus{
		CommandID: m.ID, Stream: m.Stream.String(), State: runtime.Pending, Code: runtime.CodeDeadLetter,
		Detail: fmt.Sprintf("%d attempts failed by a fault of the service; an operator has to look at it", attempts),
	})
	if err != nil {
		w.config.Logger.WarnContext(ctx, "the status of a dead command can't be stored: clients see it as pending without a reason", "command_id", m.ID, "error", err)
	}
	return port.Terminate(cause)
}

// publish sends the status to the receivers that the command names.
func (w *Worker) publish(ctx context.Context, m *runtime.AsyncMessage, status *runtime.AsyncStatus) error {
	if m.ResultTo != (core.Stream{}) {
		message, err := status.Encode(m)
		if err != nil {
			return port.Terminate(err)
		}
		if err := w.bus.Publish(ctx, port.ResultTopic, message); err != nil {
			return fmt.Errorf("status of command %s: %w", m.ID, err)
		}
	}
	if m.ReplyTo == "" || w.config.Reply == nil {
		return nil
	}
	body, err := core.Marshal(status)
	if err != nil {
		return port.Terminate(err)
	}
	return w.config.Reply(ctx, m.ReplyTo, body)
}
