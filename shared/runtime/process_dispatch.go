package runtime

import (
	"context"
	"errors"
	"slices"

	"orchestrix/shared/es"
)

// dispatch carries out the effects that an instance has recorded in one commit.
type dispatch struct {
	runner   *ProcessRunner
	process  *es.ProcessType
	commit   *DecodedCommit
	instance *es.ProcessInstance // its state, after the commit or later
}

func (d *dispatch) event(ctx context.Context, event es.Event) error {
	switch e := event.(type) {
	case es.ProcessReacted:
		return d.reacted(ctx, e)
	case es.ProcessCompleted:
		return d.cancelDeadlines(ctx, e.Cancel)
	case es.ProcessFailed:
		return d.cancelDeadlines(ctx, e.Cancel)
	case es.ProcessCancelled:
		return d.cancelDeadlines(ctx, e.Cancel)
	case es.TriggerForwarded:
		to := d.commit.Stream
		to.ID = e.To
		trigger := e.Trigger
		trigger.Again = false
		return d.runner.react(ctx, d.process, to, trigger, origin(d.commit))
	}
	return nil
}

func (d *dispatch) reacted(ctx context.Context, e es.ProcessReacted) error {
	if err := d.cancelDeadlines(ctx, e.Cancel); err != nil {
		return err
	}
	for _, set := range e.Set {
		if !slices.ContainsFunc(d.instance.Deadlines, func(pending es.SetDeadline) bool { return pending.ID == set.ID }) {
			continue // it has passed or was cancelled
		}
		if err := d.setDeadline(ctx, set); err != nil {
			return err
		}
	}
	for _, send := range e.Send {
		if !slices.ContainsFunc(d.instance.Sent, func(sent es.SentCommand) bool { return sent.ID == send.ID }) {
			continue // its result is known
		}
		if err := d.sendCommand(ctx, send); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatch) cancelDeadlines(ctx context.Context, deadlines []es.SetDeadline) error {
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

func (d *dispatch) setDeadline(ctx context.Context, set es.SetDeadline) error {
	from := origin(d.commit)
	err := d.runner.deadlines.SetDeadline(ctx, es.Deadline{
		Of: d.commit.Stream, Name: set.Key(), ID: set.ID, At: set.Due(d.commit.Time),
		CorrelationID: from.CorrelationID, CausationID: from.CausationID, Trace: from.Trace,
	})
	if err != nil {
		return err
	}
	return d.runner.config.Failpoint(PointScheduled)
}

// sendCommand publishes a command. One that the bus can never take gets a result that says so, which parks the instance.
func (d *dispatch) sendCommand(ctx context.Context, send es.SentCommand) error {
	m := AsyncMessage{Command: origin(d.commit), OutcomeTo: d.commit.Stream}
	m.Stream = es.Stream{Tenant: d.commit.Stream.Tenant, Category: send.Category, ID: send.To}
	m.Name, m.ID, m.Body = send.Name, d.runner.config.CommandID(send.ID), send.Body
	message, err := m.Encode()
	if err == nil {
		err = d.runner.bus.Publish(ctx, es.CommandTopic, message)
	}
	if errors.Is(err, es.ErrTooLarge) || errors.Is(err, es.ErrBadToken) {
		refused := es.CommandOutcome{CommandID: send.ID, Refused: true, Code: "refused-by-the-bus", Message: err.Error(), Time: d.commit.Time}
		return d.runner.react(ctx, d.process, d.commit.Stream, es.OutcomeTrigger(refused), origin(d.commit))
	}
	if err != nil {
		return err
	}
	return d.runner.config.Failpoint(PointSent)
}
