package service_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Connections that send nothing are closed in favour of new ones; those with a request stay.
func TestConnectionsWithoutRequestsGiveWay(t *testing.T) {
	t.Parallel()
	listener, err := service.Listen(t.Context(), "X", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	server := service.HTTPServer{Name: "http", Listener: listener, MaxConns: 3, Logger: slog.New(slog.DiscardHandler),
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stays" {
				close(entered)
				<-leave
			}
		})}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Part().Run(ctx) }()
	defer func() { stop(); <-ended }()
	open := func(request string) net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, request); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	answer := func(conn net.Conn) int {
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return 0
		}
		return response.StatusCode
	}
	stays := open("GET /stays HTTP/1.1\r\nHost: h\r\n\r\n")
	<-entered
	silent := open("")
	for n := range 5 {
		if status := answer(open("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); status != http.StatusOK {
			t.Errorf("request %d beside silent connections: %d", n, status)
		}
	}
	if status := answer(silent); status != 0 {
		t.Errorf("the silent connection gets %d", status)
	}
	close(leave)
	if status := answer(stays); status != http.StatusOK {
		t.Errorf("the one with a request gets %d", status)
	}
}
