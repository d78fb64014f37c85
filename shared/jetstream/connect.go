package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"orchestrix/shared/es"
)

// Connect connects to NATS under a name that operators see. The connection comes back by itself, for ever;
// while it is away, what is sent fails at once instead of waiting unseen. The error wraps [es.ErrUnavailable].
func Connect(ctx context.Context, url, name string, logger *slog.Logger, options ...nats.Option) (*nats.Conn, error) {
	standard := []nats.Option{
		nats.Name(name),
		nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.WarnContext(ctx, "NATS connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			logger.InfoContext(ctx, "NATS connection is back", "server", c.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			subject := ""
			if s != nil {
				subject = s.Subject
			}
			logger.WarnContext(ctx, "NATS connection reports an error", "subject", subject, "error", err)
		}),
	}
	connection, err := nats.Connect(url, append(standard, options...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: NATS: %w", es.ErrUnavailable, err)
	}
	return connection, nil
}
