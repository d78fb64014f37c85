package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orchestrix/shared/es"
)

// handleResult passes the result of a command to the instance that has sent it.
func (r *ProcessRunner) handleResult(ctx context.Context, d es.Delivery) error {
	decoded, err := DecodeStatus(d.Message)
	if err != nil {
		return es.Terminate(err)
	}
	result := es.CommandOutcome{
		CommandID: decoded.CommandID, Accepted: decoded.State == Accepted, Refused: decoded.Refused,
		Code: decoded.Code, Message: decoded.Detail, Version: decoded.Version, Time: d.Published.UTC().Truncate(time.Microsecond),
	}
	if decoded.Position != "" {
		if result.Position, err = es.ParsePosition(decoded.Position); err != nil {
			return es.Terminate(err)
		}
	}
	p, err := r.process(d.To.Category)
	if err != nil {
		return es.Terminate(err)
	}
	if err := r.config.Failpoint(PointOutcome); err != nil {
		return err
	}
	err = r.react(ctx, p, d.To, es.OutcomeTrigger(result), Command{
		CorrelationID: d.Header[headerCorrelation], CausationID: d.Header[headerCausation],
		Trace: es.Trace{Parent: d.Header[headerTraceParent], State: d.Header[headerTraceState]},
	})
	if err != nil {
		return err
	}
	return r.config.Failpoint(PointAnswered)
}

// handleDeadline passes a deadline that has passed to the instance that has set it.
func (r *ProcessRunner) handleDeadline(ctx context.Context, d es.Deadline) error {
	p, err := r.process(d.Of.Category)
	if err != nil {
		r.config.Logger.ErrorContext(ctx, "a deadline belongs to a process that this program does not have: run the version of the program that has it",
			"instance", d.Of.String(), "deadline", d.Name)
		return es.RetryAfter(retryPolicy.Max, err)
	}
	if err := r.config.Failpoint(PointDue); err != nil {
		return err
	}
	from := Command{CorrelationID: d.CorrelationID, CausationID: d.CausationID, Trace: d.Trace}
	if err := r.react(ctx, p, d.Of, es.DeadlineTrigger(d.ID, d.Name, d.At), from); err != nil {
		return err
	}
	return r.config.Failpoint(PointWoken)
}

// react makes an instance react to a trigger. A reaction that is too large to be recorded parks the instance instead.
func (r *ProcessRunner) react(ctx context.Context, p *es.ProcessType, instance es.Stream, t es.Trigger, from Command) error {
	from.Stream = instance
	_, err := r.instances.executeInternal(ctx, from, es.ReactCommand(p, instance, t, r.config.Check))
	if errors.Is(err, es.ErrTooLarge) {
		_, err = r.instances.executeInternal(ctx, from, es.ParkCommand(p, instance, t, err))
	}
	if errors.Is(err, es.ErrTooLarge) { // the trigger's event alone is nearly as large as a commit may be
		_, err = r.instances.executeInternal(ctx, from, es.ParkCommand(p, instance, t.WithoutData(), err))
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", instance, t.ID, err)
	}
	return nil
}
