package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
)

// work handles the messages of a stream, one after the other, until there are none or the partition is given away.
func (p *partition) work(place string) {
	for e := p.first(place); e != nil && p.settle(place, e); e = p.next(place, e) {
	}
}

func (p *partition) first(place string) *entry {
	p.state.Lock()
	defer p.state.Unlock()
	return p.waiting[place][0]
}

// next lets go of a message that is settled. It returns the one behind it; nil ends the lane.
func (p *partition) next(place string, settled *entry) *entry {
	p.state.Lock()
	defer p.state.Unlock()
	p.drop(settled)
	p.settled.add(settled.sequence, settled.delivery.Published)
	lane := p.waiting[place][1:]
	if len(lane) == 0 {
		delete(p.waiting, place)
		return nil
	}
	p.waiting[place] = lane
	return lane[0]
}

// settle tries a message until it is done or dead, and acknowledged: only then may the next of its stream start, or the
// two could come again in the wrong order. It returns false where the partition has to be given away before.
func (p *partition) settle(place string, e *entry) bool {
	if e.settled {
		return p.acknowledge(e)
	}
	err := e.misplace
	if err == nil {
		err = p.try(e)
	}
	if errors.Is(err, errGivenAway) {
		return false
	}
	return (err == nil || p.bury(place, e, err)) && p.acknowledge(e)
}

// errGivenAway says that a message is left to the next owner of its partition.
var errGivenAway = errors.New("the partition is given away")

// try has a message handled until that works, or its error is the last.
func (p *partition) try(e *entry) error {
	if p.recallTries(e); p.Retry.Limit > 0 && e.delivery.Attempt >= p.Retry.Limit {
		return fmt.Errorf("attempt %d, the last, did not end: its worker died", e.delivery.Attempt)
	}
	for {
		if !p.enter() {
			return errGivenAway
		}
		err := p.handleOnce(e)
		<-p.slots
		if p.handling.Err() != nil {
			return errGivenAway // another has the message now
		}
		if err == nil {
			return nil
		}
		pause, again := p.Retry.Verdict(e.delivery.Attempt, err)
		if !again {
			return err
		}
		p.remember(e)
		p.log(slog.LevelInfo, "a message failed and is tried again", e, "attempt", e.delivery.Attempt, "pause", pause, "error", err)
		if !retry.Sleep(p.owning, pause) {
			return errGivenAway
		}
	}
}

// enter waits until one more message may be handled.
func (p *partition) enter() bool {
	if p.owning.Err() != nil {
		return false
	}
	select {
	case p.slots <- struct{}{}:
		return true
	case <-p.owning.Done():
		return false
	}
}

// handleOnce is one attempt. One at a message that other workers may have died of is written down before; the third runs
// alone, so that what does kill workers is found out before others are blamed for it.
func (p *partition) handleOnce(e *entry) error {
	e.delivery.Attempt++
	if e.suspected {
		p.remember(e)
	}
	if e.suspected && e.delivery.Attempt > 2 {
		p.suspects.Lock()
		defer p.suspects.Unlock()
	} else {
		p.suspects.RLock()
		defer p.suspects.RUnlock()
	}
	return es.Deliver(p.handling, p.handle, e.delivery)
}

// bury stores a dead letter. It keeps trying while the partition is its own: the message stays in the queue until then.
func (p *partition) bury(place string, e *entry, cause error) bool {
	unique := fmt.Sprintf("%s %d %d", p.topic, e.sequence, e.delivery.Published.UnixNano())
	letter := p.bus.encodeDead(p.topic, p.Group, place, unique, e.delivery, cause)
	for try := 1; p.handling.Err() == nil; try++ {
		err := p.bus.publish(p.handling, letter)
		if err == nil {
			p.log(slog.LevelError, "a message went to the dead letters", e, "attempts", e.delivery.Attempt, "error", cause)
			return true
		}
		p.log(slog.LevelError, "a dead letter can't be stored, its stream waits", e, "error", err)
		if !pausing(p.owning, try) {
			return false
		}
	}
	return false
}

// lastAcks is how often a worker that gives its partition away tries to acknowledge what it has done.
const lastAcks = 3

// acknowledge takes a message out of the queue, and returns when that is certain. It returns false where the partition is
// given away before: the message comes again.
func (p *partition) acknowledge(e *entry) bool {
	for try := 1; p.handling.Err() == nil && (p.owning.Err() == nil || try <= lastAcks); try++ {
		if p.confirm(e) {
			p.forget(e)
			return true
		}
		pausing(p.handling, try)
	}
	return false
}

func (p *partition) confirm(e *entry) bool {
	p.state.Lock()
	subject := e.ack
	p.state.Unlock()
	ctx, cancel := context.WithTimeout(p.handling, p.bus.log.config.AckTimeout)
	defer cancel()
	if _, err := p.bus.log.conn.RequestWithContext(ctx, subject, []byte("+ACK")); err == nil {
		return true
	}
	ctx, cancel = context.WithTimeout(p.handling, p.bus.log.config.AckTimeout)
	defer cancel()
	_, err := p.queue().GetMsg(ctx, e.sequence) // only the answer may have been lost
	return errors.Is(err, jetstream.ErrMsgNotFound)
}

func (p *partition) log(level slog.Level, what string, e *entry, args ...any) {
	p.bus.log.config.Logger.Log(p.handling, level, what, append([]any{
		"topic", p.topic, "group", p.Group, "to", e.delivery.To.Path(), "id", e.delivery.ID,
	}, args...)...)
}
