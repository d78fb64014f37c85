package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// handleLane handles the messages of a stream, one after the other, until there are none or the partition is released.
func (p *partition) handleLane(lane string) {
	for m := p.firstOf(lane); m != nil && p.handleAndAck(m); m = p.nextOf(lane, m) {
	}
}

func (p *partition) firstOf(lane string) *heldMessage {
	p.state.Lock()
	defer p.state.Unlock()
	return p.waiting[lane][0]
}

// nextOf drops an acknowledged message. It returns the message behind it; nil ends the lane.
func (p *partition) nextOf(lane string, acked *heldMessage) *heldMessage {
	p.state.Lock()
	defer p.state.Unlock()
	p.dropHeld(acked)
	p.acked.record(acked.sequence, acked.delivery.Published)
	behind := p.waiting[lane][1:]
	if len(behind) == 0 {
		delete(p.waiting, lane)
		return nil
	}
	p.waiting[lane] = behind
	return behind[0]
}

// handleAndAck repeats a message until it is handled or a dead letter, and acknowledged: only then may the next message of
// its stream start, or the two could be delivered again in the wrong order. It returns false if the partition is released
// before.
func (p *partition) handleAndAck(m *heldMessage) bool {
	if m.acked {
		return p.ack(m)
	}
	err := m.unroutable
	if err == nil {
		err = p.handleWithRetries(m)
	}
	if errors.Is(err, errReleased) {
		return false
	}
	return (err == nil || p.deadLetter(m, err)) && p.ack(m)
}

// errReleased: the message is left to the next owner of its partition.
var errReleased = errors.New("the partition is released")

// handleWithRetries calls the handler until it succeeds, or its error is final.
func (p *partition) handleWithRetries(m *heldMessage) error {
	if p.applyAttempts(m); p.Retry.Limit > 0 && m.delivery.Attempt >= p.Retry.Limit {
		return fmt.Errorf("attempt %d, the last, did not end: its worker died", m.delivery.Attempt)
	}
	for {
		if !p.acquireSlot() {
			return errReleased
		}
		err := p.handleOnce(m)
		<-p.slots
		if p.handling.Err() != nil {
			return errReleased // another worker has the message now
		}
		if err == nil {
			return nil
		}
		pause, again := port.NextAttempt(p.Retry, m.delivery.Attempt, err)
		if !again {
			return err
		}
		p.storeAttempts(m)
		p.logMessage(slog.LevelInfo, "a message failed and is tried again", m, "attempt", m.delivery.Attempt, "pause", pause, "error", err)
		if !retry.Sleep(p.owning, pause) {
			return errReleased
		}
	}
}

// acquireSlot waits until another message may be handled; false if the partition is released before.
func (p *partition) acquireSlot() bool {
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

// handleOnce makes one attempt. An attempt at a message that may have killed workers is stored before it starts; from the
// third on it runs alone, so that it is known which message kills workers.
func (p *partition) handleOnce(m *heldMessage) error {
	m.delivery.Attempt++
	if m.suspected {
		p.storeAttempts(m)
	}
	if m.suspected && m.delivery.Attempt > 2 {
		p.suspects.Lock()
		defer p.suspects.Unlock()
	} else {
		p.suspects.RLock()
		defer p.suspects.RUnlock()
	}
	return port.Deliver(p.handling, p.handle, m.delivery)
}

// deadLetter stores the dead letter of a message. It repeats that while the worker owns the partition: until then the
// message stays in the queue.
func (p *partition) deadLetter(m *heldMessage, cause error) bool {
	unique := fmt.Sprintf("%s %d %d", p.topic, m.sequence, m.delivery.Published.UnixNano())
	letter := p.bus.encodeDeadLetter(p.topic, p.Group, m.rest, unique, m.delivery, cause)
	for attempt := 1; p.handling.Err() == nil; attempt++ {
		err := p.bus.publish(p.handling, letter, m.delivery.ID)
		if err == nil {
			p.logMessage(slog.LevelError, "a message went to the dead letters", m, "attempts", m.delivery.Attempt, "error", cause)
			return true
		}
		p.logMessage(slog.LevelError, "a dead letter can't be stored, its stream waits", m, "error", err)
		if !retry.Sleep(p.owning, ownerPauses.Pause(attempt)) {
			return false
		}
	}
	return false
}

// maxLastAcks is how often a worker that releases its partition tries to acknowledge a message that it has handled.
const maxLastAcks = 3

// ack removes a message from the queue, and returns when that is certain. It returns false if the partition is released
// before: the message is delivered again.
func (p *partition) ack(m *heldMessage) bool {
	for attempt := 1; p.handling.Err() == nil && (p.owning.Err() == nil || attempt <= maxLastAcks); attempt++ {
		if p.ackOnce(m) {
			p.deleteAttempts(m)
			return true
		}
		retry.Sleep(p.handling, ownerPauses.Pause(attempt))
	}
	return false
}

func (p *partition) ackOnce(m *heldMessage) bool {
	p.state.Lock()
	subject := m.ackSubject
	p.state.Unlock()
	ctx, cancel := context.WithTimeout(p.handling, p.bus.config.AckTimeout)
	defer cancel()
	if _, err := p.bus.conn.RequestWithContext(ctx, subject, []byte("+ACK")); err == nil {
		return true
	}
	ctx, cancel = context.WithTimeout(p.handling, p.bus.config.AckTimeout)
	defer cancel()
	_, err := p.queue().GetMsg(ctx, m.sequence) // only the answer may have been lost
	return errors.Is(err, jetstream.ErrMsgNotFound)
}

func (p *partition) logMessage(level slog.Level, text string, m *heldMessage, args ...any) {
	p.bus.config.Logger.Log(p.handling, level, text, append([]any{
		"topic", p.topic, "group", p.Group, "to", m.delivery.To.Path(), "id", m.delivery.ID,
	}, args...)...)
}
