package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const natsStartTimeout = time.Minute

// NATSOptions are the settings of an embedded NATS server.
type NATSOptions struct {
	// Addr is the host:port to listen on. Empty means 127.0.0.1:0; port 0 picks a free one.
	Addr string
	// Dir is the directory of the streams of JetStream. It is created if it is missing. Required.
	Dir string
	// SyncInterval is the time after which an acknowledged write is synced to disk. Zero syncs before every
	// acknowledgement.
	SyncInterval time.Duration
	// MaxPayload is the maximum size of a message in bytes. Zero is the server's default, 1 MiB.
	MaxPayload int32
	// MaxStore is the maximum size of the streams on disk in bytes. Zero is most of the free disk space.
	MaxStore int64
	// Logger gets the log of the server. Nil discards it.
	Logger *slog.Logger
}

// NATS is an embedded NATS server with JetStream.
type NATS struct {
	server *server.Server
	lock   *DirLock
	close  func() error
}

// StartNATS starts a server and returns when JetStream answers. Its error wraps [ErrPortInUse] if another program
// listens on the address, and [ErrLocked] if another server uses the directory.
func StartNATS(ctx context.Context, o NATSOptions) (*NATS, error) {
	log := orDiscard(o.Logger)
	opts, err := natsServerOptions(o)
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	if err := makeDirs(o.Dir); err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	lock, err := lockFile(filepath.Join(o.Dir, "nats.lock"))
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	if o.SyncInterval > 0 {
		log.Warn("NATS acknowledges writes before it syncs them: a power failure can lose the writes of the last sync interval",
			"sync_interval", o.SyncInterval)
	}
	n, err := runNATS(ctx, opts, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start NATS in %s: %w", o.Dir, err), lock.Unlock())
	}
	n.lock = lock
	log.Info("NATS is ready", "url", n.URL(), "dir", o.Dir)
	return n, nil
}

// URL is the address for clients.
func (n *NATS) URL() string { return n.server.ClientURL() }

// Close stops the server and waits until its streams are on disk. A second call does nothing.
func (n *NATS) Close() error { return n.close() }

func (n *NATS) shutdown() error {
	n.server.Shutdown()
	n.server.WaitForShutdown()
	return n.lock.Unlock()
}

func natsServerOptions(o NATSOptions) (*server.Options, error) {
	if o.Dir == "" {
		return nil, errors.New("NATSOptions.Dir is empty: name a directory for its streams")
	}
	host, port, err := listenAddress(o.Addr)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: "orchestrix",
		Host:       host,
		Port:       port,
		MaxPayload: o.MaxPayload,
		NoSigs:     true, // the caller handles signals
		JetStream:  true,
		StoreDir:   o.Dir,
		SyncAlways: o.SyncInterval == 0,
		// Zero is the default of two minutes; with SyncAlways it concerns only the indexes.
		SyncInterval:      o.SyncInterval,
		JetStreamMaxStore: o.MaxStore,
	}
	if port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// listenAddress splits addr and, where it names a port, checks that the port is free: the server only logs an error.
func listenAddress(addr string) (host string, port int, err error) {
	if addr == "" {
		return "127.0.0.1", 0, nil
	}
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q is not host:port: %w", addr, err)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address %q: its port is not a number from 0 to 65535", addr)
	}
	if port == 0 {
		return host, 0, nil
	}
	if err := portFree(addr); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return "", 0, fmt.Errorf("%w: another program listens on %s; stop it, or choose another address with --%s",
				ErrPortInUse, addr, FlagNATSAddr)
		}
		return "", 0, fmt.Errorf("can't listen on %s (choose another address with --%s): %w", addr, FlagNATSAddr, err)
	}
	return host, port, nil
}

func portFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

func runNATS(ctx context.Context, opts *server.Options, log *slog.Logger) (*NATS, error) {
	ctx, cancel := context.WithTimeout(ctx, natsStartTimeout)
	defer cancel()
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	bridge := &natsLogger{log: log}
	s.SetLoggerV2(bridge, false, false, false)

	n := &NATS{server: s}
	n.close = sync.OnceValue(n.shutdown)
	stop := context.AfterFunc(ctx, s.Shutdown) // Start reads all streams, which may take long
	s.Start()
	err = errors.Join(bridge.fatal(), ctx.Err())
	if err == nil {
		err = awaitJetStream(ctx, s)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, err
	}
	return n, nil
}

func awaitJetStream(ctx context.Context, s *server.Server) error {
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Name("orchestrix readiness"))
	if err != nil {
		return fmt.Errorf("connect to it: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if _, err := js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("JetStream does not answer: %w", err)
	}
	return nil
}
