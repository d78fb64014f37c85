package jetstream

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Connect connects to NATS, whose servers are separated by commas, under a name that operators see. It tries
// once: the error wraps [es.ErrUnavailable]. Later on the connection comes back by itself, for ever; while it is
// away, what is sent fails at once instead of waiting unseen.
func Connect(ctx context.Context, servers, name string, logger *slog.Logger, options ...nats.Option) (*nats.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable("NATS at "+withoutSecrets(servers), err)
	}
	if logger == nil {
		logger = slog.Default()
	}
	standard := []nats.Option{
		nats.Name(name),
		nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials may be rotated while it is away
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
	connection, err := nats.Connect(servers, append(standard, options...)...)
	if err != nil {
		return nil, unavailable("NATS at "+withoutSecrets(servers), err)
	}
	return connection, nil
}

// withoutSecrets is a list of servers that may be logged.
func withoutSecrets(servers string) string {
	list := strings.Split(servers, ",")
	for i, server := range list {
		server = strings.TrimSpace(server)
		parsed, err := url.Parse(server)
		switch {
		case err == nil && parsed.Host != "":
			list[i] = parsed.Scheme + "://" + parsed.Host
		default: // host:port, perhaps after user:password@
			list[i] = server[strings.LastIndexByte(server, '@')+1:]
		}
	}
	return strings.Join(list, ", ")
}
