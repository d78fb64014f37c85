package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// handleResult passes the result of a command to the instance that has sent it.
func (r *Runner) handleResult(ctx context.Context, d port.Delivery) error {
	decoded, err := runtime.DecodeAsyncStatus(d.Message)
	if err != nil {
		return port.Terminate(err)
	}
	result := core.CommandResult{
		CommandID: decoded.CommandID, Accepted: decoded.State == runtime.Accepted, Refused: decoded.Refused,
		Code: decoded.Code, Message: decoded.Detail, Version: decoded.Version, Time: d.Published.UTC().Truncate(time.Microsecond),
	}
	if decoded.Position != "" {
		if result.Position, err = core.ParsePosition(decoded.Position); err != nil {
			return port.Terminate(err)
		}
	}
	p, err := r.process(d.To.Category)
	if err != nil {
		return port.Terminate(err)
	}
	if err := r.config.Failpoint(PointResult); err != nil {
		return err
	}
	trigger := processes.ResultTrigger(result)
	react := processes.ReactToResultCommand(p, d.To, decoded.Stream, d.Name, trigger, r.config.Check)
	_, err = r.reactOrPark(ctx, p, d.To, react, trigger, runtime.CommandCausedBy(d.Message))
	if err != nil {
		return err
	}
	return r.config.Failpoint(PointAnswered)
}

// handleDeadline passes a deadline that has passed to the instance that has set it.
func (r *Runner) handleDeadline(ctx context.Context, d port.Deadline) error {
	p, err := r.process(d.Of.Category)
	if err != nil {
		r.config.Logger.ErrorContext(ctx, "a deadline belongs to a process that this program does not have: run the version of the program that has it",
			"instance", d.Of.String(), "deadline", d.Name)
		return port.RetryAfter(follower.RetryPolicy.Max, err)
	}
	if err := r.config.Failpoint(PointDue); err != nil {
		return err
	}
	if err := r.react(ctx, p, d.Of, processes.DeadlineTrigger(d.ID, d.Name, d.At), originOfDeadline(d)); err != nil {
		return err
	}
	return r.config.Failpoint(PointWoken)
}

// originOfDeadline returns a command with the correlation, causation and trace that a deadline continues.
func originOfDeadline(d port.Deadline) runtime.Command {
	return runtime.Command{CorrelationID: d.CorrelationID, CausationID: d.CausationID, Trace: d.Trace}
}

// react makes an instance react to a trigger.
func (r *Runner) react(ctx context.Context, p *core.ProcessType, instance core.Stream, t processes.Trigger, from runtime.Command) error {
	_, err := r.deliver(ctx, p, instance, t, from)
	return err
}

// deliver makes an instance react to a trigger. The result has no events if the instance ignores the trigger.
func (r *Runner) deliver(ctx context.Context, p *core.ProcessType, instance core.Stream, t processes.Trigger, from runtime.Command) (runtime.Result, error) {
	return r.reactOrPark(ctx, p, instance, processes.ReactCommand(p, instance, t, r.config.Check), t, from)
}

// reactOrPark executes the command that delivers a trigger. A reaction that is too large to be recorded parks the instance instead.
func (r *Runner) reactOrPark(ctx context.Context, p *core.ProcessType, instance core.Stream, react core.InternalCommand, t processes.Trigger, from runtime.Command) (runtime.Result, error) {
	from.Stream = instance
	result, err := r.instances.ExecuteInternal(ctx, from, react)
	if errors.Is(err, port.ErrTooLarge) {
		result, err = r.instances.ExecuteInternal(ctx, from, processes.ParkCommand(p, instance, t, err))
	}
	if errors.Is(err, port.ErrTooLarge) { // the trigger's event alone is nearly as large as a commit may be
		result, err = r.instances.ExecuteInternal(ctx, from, processes.ParkCommand(p, instance, t.WithoutData(), err))
	}
	if err != nil {
		return result, fmt.Errorf("%s on %s: %w", instance, t.ID, err)
	}
	return result, nil
}
