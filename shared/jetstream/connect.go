package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Connect connects to NATS under a name that operators see. servers are URLs, separated by commas. It makes one attempt,
// whose error wraps [port.ErrUnavailable]. A connection that is lost later is reconnected without limit; until then, requests
// fail immediately instead of being buffered.
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
		nats.IgnoreAuthErrorAbort(), // credentials may be rotated while the connection is lost
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
			logger.InfoContext(ctx, "NATS connection is restored", "server", c.ConnectedUrlRedacted())
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

// Login is how a client authenticates, and which server it trusts. The zero value is for a server that requires neither.
type Login struct {
	NKeyFile    string // file with the seed of an NKey
	CredsFile   string // file with a JWT and its seed
	CAFile      string // file with the CA certificates of the server; if set, TLS is required
	InboxPrefix string // of the subjects of answers; _INBOX
}

// Options returns the login as options of one connection. The files are read now, and again at each reconnect, so that they
// may be replaced in between: see [Login.Files]. Its error names the file that can't be read.
func (l Login) Options() ([]nats.Option, error) {
	var options []nats.Option
	if l.NKeyFile != "" {
		key, err := openNKey(l.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("the NKey in %s can't be used: %w", l.NKeyFile, err)
		}
		options = append(options, key.options()...)
	}
	if l.CredsFile != "" {
		if _, err := os.Stat(l.CredsFile); err != nil {
			return nil, fmt.Errorf("the credentials can't be read: %w", err)
		}
		options = append(options, nats.UserCredentials(l.CredsFile))
	}
	if l.CAFile != "" {
		if _, err := os.Stat(l.CAFile); err != nil {
			return nil, fmt.Errorf("the CA certificates of NATS can't be read: %w", err)
		}
		options = append(options, nats.RootCAs(l.CAFile))
	}
	if l.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(l.InboxPrefix))
	}
	return options, nil
}

// Files are the files that the login is read from.
func (l Login) Files() []string {
	return slices.DeleteFunc([]string{l.NKeyFile, l.CredsFile, l.CAFile}, func(file string) bool { return file == "" })
}

// Replace moves a connection to a login whose files have changed. NATS has to accept the login on a connection of its own
// first: otherwise the old connection stays, and the error says why: try again. Appends and reads in flight are repeated after the
// reconnect.
func (l Login) Replace(ctx context.Context, conn *nats.Conn) error {
	options, err := l.Options()
	if err != nil {
		return err
	}
	servers := strings.Join(conn.Servers(), ",")
	trial, err := Connect(ctx, servers, conn.Opts.Name+"-trial", slog.New(slog.DiscardHandler), options...)
	if err != nil {
		return err
	}
	trial.Close()
	if !conn.IsConnected() { // the attempt that runs may be with the old key
		return fmt.Errorf("replace the login: %w", nats.ErrDisconnected)
	}
	return conn.ForceReconnect()
}

// withoutSecrets is the list of servers without user names and passwords, for logs.
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
