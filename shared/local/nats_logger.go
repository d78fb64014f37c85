package local

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// natsLogger passes the server's log on. What the server calls fatal is kept too: the embedded server says only
// there why it did not start, and goes on.
type natsLogger struct {
	log *slog.Logger

	mu    sync.Mutex
	first error
}

func (l *natsLogger) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *natsLogger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error(text, "part", "nats")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = errors.New(text)
	}
}

func (l *natsLogger) Errorf(format string, v ...any) {
	l.log.Error(fmt.Sprintf(format, v...), "part", "nats")
}

func (l *natsLogger) Warnf(format string, v ...any) {
	l.log.Warn(fmt.Sprintf(format, v...), "part", "nats")
}

// Noticef logs at debug: the server's greeting is a page of it.
func (l *natsLogger) Noticef(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...), "part", "nats")
}

func (l *natsLogger) Debugf(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...), "part", "nats")
}

// Tracef drops what it is given: traces hold payloads.
func (l *natsLogger) Tracef(string, ...any) {}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
