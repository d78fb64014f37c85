package platform

import (
	"context"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// NATS is the connection of a program to NATS, and that of its writer.
type NATS struct {
	*nats.Conn
	// Writer appends to the log, as a user in the account of the log. It is Conn where no such user is configured.
	Writer *nats.Conn
	// Gone is closed when one of the two is closed. The client library closes a connection too, permanently, after a protocol
	// error.
	Gone <-chan struct{}

	apiPrefix string
	logins    []login
}

// login is a connection, and the files that it logs in with.
type login struct {
	jetstream.Login
	conn  *nats.Conn
	files *service.Files
}

// ConnectNATS connects to NATS as a user, and as its writer if one is configured. Its error is that of [jetstream.Connect], or
// names the file that can't be read.
func ConnectNATS(ctx context.Context, c service.Connections, name string, logger *slog.Logger) (*NATS, error) {
	gone := make(chan struct{})
	end := sync.OnceFunc(func() { close(gone) })
	n := &NATS{Gone: gone, apiPrefix: c.NATSAPIPrefix}
	connect := func(l jetstream.Login, name string) (*nats.Conn, error) {
		l.CAFile = c.NATSCAFile
		files := service.WatchFiles(l.Files()...)
		options, err := l.Options()
		if err != nil {
			return nil, err
		}
		options = append(options, nats.ClosedHandler(func(*nats.Conn) { end() })) // not called if connecting fails
		conn, err := jetstream.Connect(ctx, c.NATSURL, name, logger, options...)
		if err == nil {
			n.logins = append(n.logins, login{Login: l, conn: conn, files: files})
		}
		return conn, err
	}
	var err error
	n.Conn, err = connect(jetstream.Login{NKeyFile: c.NATSNKeyFile, CredsFile: c.NATSCredsFile, InboxPrefix: c.NATSInboxPrefix}, name)
	if err != nil {
		return nil, err
	}
	n.Writer = n.Conn
	if c.NATSWriterNKeyFile == "" && c.NATSWriterCredsFile == "" {
		return n, nil
	}
	n.Writer, err = connect(jetstream.Login{
		NKeyFile: c.NATSWriterNKeyFile, CredsFile: c.NATSWriterCredsFile, InboxPrefix: jetstream.WriterInboxPrefix(c.NATSInboxPrefix),
	}, name+"-writer")
	if err != nil {
		n.Conn.Close()
		return nil, err
	}
	return n, nil
}

// Config is the configuration of a log on these connections.
func (n *NATS) Config(c jetstream.Config) jetstream.Config {
	c.APIPrefix, c.Writer = n.apiPrefix, n.Writer
	return c
}

// Close closes the connections.
func (n *NATS) Close() {
	n.Writer.Close()
	n.Conn.Close()
}

// stat is the state of both connections, for metrics.
func (n *NATS) stat() (connected bool, reconnects uint64) {
	connected, reconnects = n.IsConnected(), n.Stats().Reconnects
	if n.Writer != n.Conn {
		connected, reconnects = connected && n.Writer.IsConnected(), reconnects+n.Writer.Stats().Reconnects
	}
	return connected, reconnects
}
