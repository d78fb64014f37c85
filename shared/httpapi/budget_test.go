package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// padded is a good body of this size.
func padded(size int) string { return goodBody + strings.Repeat(" ", size-len(goodBody)) }

// begin sends the head of a request with a body, and the beginning of the body.
func begin(t *testing.T, address string, length int, body string) net.Conn {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if _, err := fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", placePath, length, body); err != nil {
		t.Fatal(err)
	}
	return connection
}

// Bodies that have arrived in part must not take the memory of all others: the oldest gives way.
func TestBytesOfUnfinishedBodiesAreBounded(t *testing.T) {
	t.Parallel()
	const size = 256 << 10
	server := commandServer(t, executorFunc(accept), httpapi.Options{MaxBytes: 2 * size})
	var slow []net.Conn
	for range 2 {
		slow = append(slow, begin(t, server.Listener.Addr().String(), size, padded(size-1)))
	}
	for status := 0; status != http.StatusOK; {
		r := call(t, server, "POST", placePath, padded(size))
		if status = r.status; status != http.StatusOK {
			r.problem(t, "a good one within the grace period", 503, "overloaded")
		}
	}
	answered := make(chan int, len(slow))
	for _, c := range slow {
		go func() {
			if response, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				answered <- response.StatusCode
			}
		}()
	}
	if status := <-answered; status != http.StatusServiceUnavailable {
		t.Errorf("one that gave way gets %d", status)
	}
	if r := call(t, server, "POST", placePath, goodBody); r.status != http.StatusOK {
		t.Errorf("a small one: %d", r.status)
	}
}

// Small requests need nothing from the budget, and all bytes come back.
func TestSmallRequestsNeedNoBudget(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		if len(c.Body) > 1<<16 {
			entered <- struct{}{}
			<-leave
		}
		return accept(ctx, c)
	}), httpapi.Options{MaxBytes: 100 << 10})
	for range 2 {
		var large sync.WaitGroup
		large.Go(func() {
			if r := call(t, server, "POST", placePath, padded(100<<10)); r.status != http.StatusOK {
				t.Errorf("a large one: %d %s", r.status, r.body)
			}
		})
		<-entered
		if r := call(t, server, "POST", placePath, padded(16<<10)); r.status != http.StatusOK {
			t.Errorf("beside a large one: %d %s", r.status, r.body)
		}
		call(t, server, "POST", placePath, padded(40<<10)).problem(t, "another large one", 503, "overloaded")
		leave <- struct{}{}
		large.Wait()
	}
}

// A client that asks for large answers and does not read them gives way to others.
func TestAnswersThatAreNotReadAreBounded(t *testing.T) {
	t.Parallel()
	const size = 8 << 20 // more than the buffers of a connection
	data := []byte(`"` + strings.Repeat("x", size) + `"`)
	server := queryServer(t, &router{document: func(_, key string, _ query.Wait) (core.Document, query.Freshness, error) {
		if key == "small" {
			return core.Document{Key: key, Position: at, Data: []byte("1")}, query.Freshness{}, nil
		}
		return core.Document{Key: key, Position: at, Data: data}, query.Freshness{}, nil
	}}, httpapi.Options{MaxInFlight: 2, MaxBytes: size + size/2})
	for range 2 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "GET /v1/views/order-summary/large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil { // the answer has begun
			t.Fatal(err)
		}
	}
	for _, key := range []string{"small", "large"} {
		for status := 0; status != http.StatusOK; {
			r := call(t, server, "GET", "/v1/views/order-summary/"+key, "")
			if status = r.status; status != http.StatusOK {
				r.problem(t, key, 503, "overloaded")
			}
		}
	}
}
