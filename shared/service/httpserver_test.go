package service_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

// A stopping server completes the request in flight, and accepts no further ones.
func TestServerCompletesAcceptedRequests(t *testing.T) {
	t.Parallel()
	listener, err := service.Listen(t.Context(), "TEST_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, finish := make(chan struct{}), make(chan struct{})
	server := service.HTTPServer{Name: "http", Listener: listener, Logger: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-finish
		_, _ = io.WriteString(w, "done")
	})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Part().Run(ctx) }()
	url := "http://" + listener.Addr().String()
	answered := make(chan string, 1)
	go func() { answered <- get(url) }()
	<-entered
	stop()
	for { // until the server accepts no connections
		if _, err := http.Get(url); err != nil {
			break
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("the server has ended with a request in flight: %v", err)
	default:
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("the request got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// While a stopping server still accepts, it asks its clients to close their connections.
func TestStoppingServerClosesIdleConnections(t *testing.T) {
	t.Parallel()
	listener, err := service.Listen(t.Context(), "TEST_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := service.HTTPServer{Name: "http", Listener: listener, Delay: 500 * time.Millisecond, Logger: quiet, Handler: http.NotFoundHandler()}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Part().Run(ctx) }()
	stop()
	for {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			t.Fatalf("no answer asked to close the connection: %v", err)
		}
		_ = response.Body.Close()
		if response.Close {
			break
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestListenNamesTheSetting(t *testing.T) {
	t.Parallel()
	first, err := service.Listen(t.Context(), "A", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = service.Listen(t.Context(), "ORCHESTRIX_ADDR", first.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "ORCHESTRIX_ADDR") || !strings.Contains(err.Error(), first.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body) + errorText(err)
}

func errorText(err error) string {
	if err == nil || errors.Is(err, io.EOF) {
		return ""
	}
	return err.Error()
}
