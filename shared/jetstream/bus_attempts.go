package jetstream

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// attemptsTTL is how long it is known how often a message was tried, after the last attempt.
const attemptsTTL = 7 * 24 * time.Hour

// attemptsPrefix starts the keys of the attempts at a partition's messages; a sequence follows.
func (p *partition) attemptsPrefix() string { return string(p.topic) + "." + strconv.Itoa(p.number) }

func (p *partition) attemptsKey(e *entry) string {
	return p.attemptsPrefix() + "." + strconv.FormatUint(e.sequence, 10)
}

// recall reads how often the messages of the partition were tried by earlier owners.
func (p *partition) recall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.bus.log.config.AckTimeout)
	defer cancel()
	tries := map[uint64]int{}
	for key, err := range p.bus.attempts.Keys(ctx, p.attemptsPrefix()) {
		if err != nil {
			return err
		}
		sequence, err := strconv.ParseUint(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
		if err != nil {
			continue
		}
		if e, err := p.bus.attempts.Get(ctx, key); err == nil {
			tries[sequence], _ = strconv.Atoi(string(e.Value))
		}
	}
	p.state.Lock()
	defer p.state.Unlock()
	p.tries = tries
	return nil
}

// recallTries looks up what earlier owners left of a message.
func (p *partition) recallTries(e *entry) {
	p.state.Lock()
	defer p.state.Unlock()
	e.delivery.Attempt = p.tries[e.sequence]
	e.suspected = e.sequence <= p.suspectedTo
}

// remember writes down how often a message was tried. Where that fails, a next owner may count from less.
func (p *partition) remember(e *entry) {
	ctx, cancel := context.WithTimeout(p.handling, p.bus.log.config.AckTimeout)
	defer cancel()
	e.remembered = true
	if _, err := p.bus.attempts.Set(ctx, p.attemptsKey(e), []byte(strconv.Itoa(e.delivery.Attempt)), attemptsTTL); err != nil {
		p.log(slog.LevelWarn, "an attempt can't be written down", e, "attempt", e.delivery.Attempt, "error", err)
	}
}

// forget removes what was written down. Where that fails it is removed after a time by itself.
func (p *partition) forget(e *entry) {
	p.state.Lock()
	_, recalled := p.tries[e.sequence]
	delete(p.tries, e.sequence)
	p.state.Unlock()
	if !recalled && !e.remembered {
		return
	}
	ctx, cancel := context.WithTimeout(p.handling, p.bus.log.config.AckTimeout)
	defer cancel()
	if err := p.bus.attempts.Delete(ctx, p.attemptsKey(e), 0); err != nil {
		p.log(slog.LevelWarn, "the attempts at a message that is done can't be forgotten", e, "error", err)
	}
}
