package runtime

import (
	"context"
	"errors"
	"slices"

	"orchestrix/shared/es"
)

// dispatch is one commit of an instance whose effects are done.
type dispatch struct {
	runner  *ProcessRunner
	process *es.ProcessType
	commit  *entry
	now     *es.ProcessInstance // the instance as it stands, after the commit
}

func (d *dispatch) event(ctx context.Context, event es.Event) error {
	switch e := event.(type) {
	case es.ProcessReacted:
		return d.reacted(ctx, e)
	case es.ProcessCompleted:
		return d.cancel(ctx, e.Cancel)
	case es.ProcessFailed:
		return d.cancel(ctx, e.Cancel)
	case es.ProcessCancelled:
		return d.cancel(ctx, e.Cancel)
	case es.TriggerForwarded:
		to := d.commit.Stream
		to.ID = e.To
		trigger := e.Trigger
		trigger.Again = false
		return d.runner.react(ctx, d.process, to, trigger, d.from())
	}
	return nil
}

// from is what a message carries on from the commit.
func (d *dispatch) from() Command {
	return Command{CorrelationID: d.commit.CorrelationID, CausationID: d.commit.Command.ID, Trace: d.commit.Trace}
}

func (d *dispatch) reacted(ctx context.Context, e es.ProcessReacted) error {
	if err := d.cancel(ctx, e.Cancel); err != nil {
		return err
	}
	for _, set := range e.Set {
		if !slices.ContainsFunc(d.now.Deadlines, func(pending es.SetDeadline) bool { return pending.ID == set.ID }) {
			continue // it has passed, or is cancelled
		}
		if err := d.schedule(ctx, set); err != nil {
			return err
		}
	}
	for _, send := range e.Send {
		if !slices.ContainsFunc(d.now.Sent, func(sent es.SentCommand) bool { return sent.ID == send.ID }) {
			continue // its outcome is known
		}
		if err := d.send(ctx, send); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatch) cancel(ctx context.Context, deadlines []es.SetDeadline) error {
	for _, set := range deadlines {
		if err := d.runner.deadlines.CancelDeadline(ctx, d.commit.Stream, set.Key()); err != nil {
			return err
		}
		if err := d.runner.config.Failpoint(PointCancelled); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatch) schedule(ctx context.Context, set es.SetDeadline) error {
	from := d.from()
	err := d.runner.deadlines.SetDeadline(ctx, es.Deadline{
		Of: d.commit.Stream, Name: set.Key(), ID: set.ID, At: set.Due(d.commit.Time),
		CorrelationID: from.CorrelationID, CausationID: from.CausationID, Trace: from.Trace,
	})
	if err != nil {
		return err
	}
	return d.runner.config.Failpoint(PointScheduled)
}

// send publishes a command. What the bus never takes is refused: the instance is parked.
func (d *dispatch) send(ctx context.Context, send es.SentCommand) error {
	m := AsyncMessage{Command: d.from(), OutcomeTo: d.commit.Stream}
	m.Stream = es.Stream{Tenant: d.commit.Stream.Tenant, Category: send.Category, ID: send.To}
	m.Name, m.ID, m.Body = send.Name, d.runner.config.CommandID(send.ID), send.Body
	message, err := m.Encode()
	if err == nil {
		err = d.runner.bus.Publish(ctx, es.CommandTopic, message)
	}
	if errors.Is(err, es.ErrTooLarge) || errors.Is(err, es.ErrBadToken) {
		refused := es.CommandOutcome{CommandID: send.ID, Refused: true, Code: "refused-by-the-bus", Message: err.Error(), Time: d.commit.Time}
		return d.runner.react(ctx, d.process, d.commit.Stream, es.OutcomeTrigger(refused), d.from())
	}
	if err != nil {
		return err
	}
	return d.runner.config.Failpoint(PointSent)
}
