package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// HTTPServer is a part that serves HTTP. When it is stopped, it continues to serve for Delay, so that load balancers see
// that the service is no longer ready, and asks its clients to close their connections. Then it accepts no new
// connections, and waits for the requests in flight.
type HTTPServer struct {
	Name     string
	Listener net.Listener
	Handler  http.Handler
	Delay    time.Duration
	Logger   *slog.Logger
	MaxConns int // open connections; 1024
}

// Limits of every server against slow and hostile clients.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 75 * time.Second // longer than any request may take
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	standardConns     = 1024
)

// Listen opens a TCP address; port 0 picks a free one. Its error names the setting of the address.
func Listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: stop the program that uses the address, or set %s to another one: %w", addr, setting, err)
	}
	return listener, nil
}

// Part is the server as a part of a service.
func (s HTTPServer) Part() Part { return Part{Name: s.Name, Run: s.serve} }

func (s HTTPServer) serve(ctx context.Context) error {
	var draining atomic.Bool
	connections := newConnections(cmp.Or(s.MaxConns, standardConns))
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if draining.Load() {
				// A request that a client sends while the server closes its idle connection is lost.
				w.Header().Set("Connection", "close")
			}
			s.Handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ConnState: connections.changed, ErrorLog: slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.Listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	draining.Store(true)
	time.Sleep(s.Delay) // the whole delay: load balancers and clients still send requests
	// The lifecycle bounds how long this may take.
	if err := server.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
