package local

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// natsLogger forwards the log of the server to slog. It also keeps the first fatal error: an embedded server that can't start
// only logs one, and continues.
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

// Noticef logs at level debug, since the server logs a page of notices when it starts.
func (l *natsLogger) Noticef(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...), "part", "nats")
}

func (l *natsLogger) Debugf(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...), "part", "nats")
}

// Tracef discards traces, since they hold payloads.
func (l *natsLogger) Tracef(string, ...any) {}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
