package jetstream

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// attemptsTTL is how long the number of attempts at a message is stored after the last attempt.
const attemptsTTL = 7 * 24 * time.Hour

// attemptsPrefix starts the keys of the attempts at a partition's messages; a sequence follows.
func (p *partition) attemptsPrefix() string { return string(p.topic) + "." + strconv.Itoa(p.number) }

func (p *partition) attemptsKey(m *heldMessage) string {
	return p.attemptsPrefix() + "." + strconv.FormatUint(m.sequence, 10)
}

// loadAttempts reads the number of attempts that earlier owners made at the messages of the partition.
func (p *partition) loadAttempts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.bus.config.AckTimeout)
	defer cancel()
	attempts := map[uint64]int{}
	for key, err := range p.bus.attempts.Keys(ctx, p.attemptsPrefix()) {
		if err != nil {
			return err
		}
		sequence, err := strconv.ParseUint(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
		if err != nil {
			continue
		}
		if stored, err := p.bus.attempts.Get(ctx, key); err == nil {
			attempts[sequence], _ = strconv.Atoi(string(stored.Value))
		}
	}
	p.state.Lock()
	defer p.state.Unlock()
	p.attempts = attempts
	return nil
}

// applyAttempts sets what earlier owners recorded about a message.
func (p *partition) applyAttempts(m *heldMessage) {
	p.state.Lock()
	defer p.state.Unlock()
	m.delivery.Attempt = p.attempts[m.sequence]
	m.suspected = m.sequence <= p.suspectedTo
}

// storeAttempts stores the number of attempts at a message. Where that fails, a next owner may count from a lower number.
func (p *partition) storeAttempts(m *heldMessage) {
	ctx, cancel := context.WithTimeout(p.handling, p.bus.config.AckTimeout)
	defer cancel()
	m.attemptsStored = true
	if _, err := p.bus.attempts.Set(ctx, p.attemptsKey(m), []byte(strconv.Itoa(m.delivery.Attempt)), attemptsTTL); err != nil {
		p.logMessage(slog.LevelWarn, "the number of attempts can't be stored", m, "attempt", m.delivery.Attempt, "error", err)
	}
}

// deleteAttempts deletes the stored number of attempts. Where that fails, it expires.
func (p *partition) deleteAttempts(m *heldMessage) {
	p.state.Lock()
	_, loaded := p.attempts[m.sequence]
	delete(p.attempts, m.sequence)
	p.state.Unlock()
	if !loaded && !m.attemptsStored {
		return
	}
	ctx, cancel := context.WithTimeout(p.handling, p.bus.config.AckTimeout)
	defer cancel()
	if err := p.bus.attempts.Delete(ctx, p.attemptsKey(m), 0); err != nil {
		p.logMessage(slog.LevelWarn, "the number of attempts at a handled message can't be deleted", m, "error", err)
	}
}
