package process

import (
	"context"
	"errors"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// dispatch carries out the effects that an instance has recorded in one commit.
type dispatch struct {
	runner   *Runner
	process  *core.ProcessType
	commit   *follower.DecodedCommit
	instance *processes.Instance // its state, after the commit or later
}

func (d *dispatch) event(ctx context.Context, event core.Event) error {
	switch e := event.(type) {
	case processes.Reacted:
		return d.reacted(ctx, e)
	case processes.Completed:
		return d.cancelDeadlines(ctx, e.Cancel)
	case processes.Failed:
		return d.cancelDeadlines(ctx, e.Cancel)
	case processes.Cancelled:
		return d.cancelDeadlines(ctx, e.Cancel)
	case processes.TriggerForwarded:
		to := d.commit.Stream
		to.ID = e.To
		trigger := e.Trigger
		trigger.Again = false
		return d.runner.react(ctx, d.process, to, trigger, origin(d.commit))
	}
	return nil
}

func (d *dispatch) reacted(ctx context.Context, e processes.Reacted) error {
	if err := d.cancelDeadlines(ctx, e.Cancel); err != nil {
		return err
	}
	for _, set := range e.Set {
		if !slices.ContainsFunc(d.instance.Deadlines, func(pending processes.SetDeadline) bool { return pending.ID == set.ID }) {
			continue // it has passed or was cancelled
		}
		if err := d.setDeadline(ctx, set); err != nil {
			return err
		}
	}
	for _, send := range e.Send {
		if !slices.ContainsFunc(d.instance.Sent, func(sent processes.SentCommand) bool { return sent.ID == send.ID }) {
			continue // its result is known
		}
		if err := d.sendCommand(ctx, send); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatch) cancelDeadlines(ctx context.Context, deadlines []processes.SetDeadline) error {
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

func (d *dispatch) setDeadline(ctx context.Context, set processes.SetDeadline) error {
	from := origin(d.commit)
	err := d.runner.deadlines.SetDeadline(ctx, port.Deadline{
		Of: d.commit.Stream, Name: set.Key(), ID: set.ID, At: set.Due(d.commit.Time),
		CorrelationID: from.CorrelationID, CausationID: from.CausationID, Trace: from.Trace,
	})
	if err != nil {
		return err
	}
	return d.runner.config.Failpoint(PointScheduled)
}

// sendCommand publishes a command. One that the bus can never take gets a result that says so, which parks the instance.
func (d *dispatch) sendCommand(ctx context.Context, send processes.SentCommand) error {
	m := runtime.AsyncMessage{Command: origin(d.commit), ResultTo: d.commit.Stream}
	m.Stream = core.Stream{Tenant: d.commit.Stream.Tenant, Category: send.Category, ID: send.To}
	m.Origin = core.Origin{Sender: port.ProcessSender, Via: d.commit.Stream.Category + "/" + d.commit.Stream.ID}
	m.Name, m.ID, m.Body = send.Name, d.runner.config.CommandID(send.ID), send.Body
	message, err := m.Encode()
	if err == nil {
		err = d.runner.bus.Publish(ctx, port.CommandTopic, message)
	}
	if errors.Is(err, port.ErrTooLarge) || errors.Is(err, core.ErrBadToken) {
		refused := core.CommandResult{CommandID: send.ID, Refused: true, Code: "refused-by-the-bus", Message: err.Error(), Time: d.commit.Time}
		return d.runner.react(ctx, d.process, d.commit.Stream, processes.ResultTrigger(refused), origin(d.commit))
	}
	if err != nil {
		return err
	}
	return d.runner.config.Failpoint(PointSent)
}
