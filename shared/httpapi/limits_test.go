package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

func TestTooMuchInFlightIsTurnedAway(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		entered <- struct{}{}
		<-leave
		return accept(ctx, c)
	}), httpapi.Options{MaxInFlight: 2})
	var inside sync.WaitGroup
	for range 2 {
		inside.Go(func() {
			if r := call(t, server, "POST", placePath, goodBody); r.status != http.StatusOK {
				t.Errorf("a request that was let in: %d", r.status)
			}
		})
		<-entered
	}
	r := call(t, server, "POST", placePath, goodBody)
	r.problem(t, "the third", 503, "overloaded")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	close(leave)
	inside.Wait()
	go func() { <-entered }()
	if r := call(t, server, "POST", placePath, goodBody); r.status != http.StatusOK {
		t.Errorf("after the others have left: %d", r.status)
	}
}

func TestAChunkedBodyIsLimitedToo(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{MaxBody: 1000})
	for size, status := range map[int]int{1000 - len(goodBody): 200, 1001 - len(goodBody): 413, 1 << 20: 413} {
		body := io.MultiReader(strings.NewReader(goodBody), strings.NewReader(strings.Repeat(" ", size))) // hides the length
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+placePath, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		r := do(t, server, request)
		if r.status != status {
			t.Errorf("%d more bytes: %d, want %d", size, r.status, status)
		}
		if status == 413 {
			r.problem(t, "chunked", 413, "too-large")
		}
	}
}

// raw sends arbitrary bytes and returns the answer.
func raw(t *testing.T, address, text string) (*http.Response, string) {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestABodyThatComesTooSlowlyIsGivenUp(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{RequestTimeout: 50 * time.Millisecond})
	response, body := raw(t, server.Listener.Addr().String(),
		"POST "+placePath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	reply{response.StatusCode, response.Header, body}.problem(t, "slow", 408, "body-timeout")
}

// Clients that announce a body and do not send it are interrupted when other clients need their places.
func TestBodiesThatDoNotComeKeepNobodyOut(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{MaxInFlight: 2})
	var slow []*bufio.Reader
	for range 2 {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { connection.Close() })
		if _, err := io.WriteString(connection, "POST "+placePath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
			"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, bufio.NewReader(connection))
		if response, err := http.ReadResponse(slow[len(slow)-1], nil); err != nil || response.StatusCode != http.StatusContinue {
			t.Fatalf("a client that sends nothing gets %v, %v", response, err)
		}
	}
	for status := 0; status != http.StatusOK; {
		r := call(t, server, "POST", placePath, goodBody)
		if status = r.status; status != http.StatusOK {
			r.problem(t, "a good request", 503, "overloaded") // within the grace period
		}
	}
	response, err := http.ReadResponse(slow[0], nil)
	if err != nil || response.StatusCode != http.StatusServiceUnavailable || !response.Close {
		t.Errorf("the first client, which sends nothing, gets %v, %v", response, err)
	}
}

// asked is a body that never arrives; it records how much is read from it.
type asked struct{ most int }

func (a *asked) Read(p []byte) (int, error) {
	a.most = max(a.most, len(p))
	return 0, io.ErrUnexpectedEOF
}

// An announced body costs no memory: a thousand clients that send only a length must not exhaust it.
func TestABodyThatIsAnnouncedTakesNoMemory(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	for _, length := range []int64{100, 1 << 20} {
		body := &asked{}
		request := httptest.NewRequest(http.MethodPost, placePath, body)
		request.Header.Set("Content-Type", "application/json")
		request.ContentLength = length
		recorder := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusBadRequest || body.most == 0 || body.most > 16<<10 {
			t.Errorf("for %d bytes, %d bytes were allocated immediately: status %d", length, body.most, recorder.Code)
		}
	}
}

// The deadline of the body must not end the command.
func TestACommandMayTakeLongerThanItsBody(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		<-ctx.Done()
		if ctx.Err() != context.DeadlineExceeded { // otherwise it is canceled, as by a client that disconnects
			return runtime.Result{}, ctx.Err()
		}
		return accept(ctx, c)
	}), httpapi.Options{RequestTimeout: timeout})
	for range 3 { // on one connection
		if r := call(t, server, "POST", placePath, goodBody); r.status != http.StatusOK {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

func TestBadFramesAreRefused(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	head := "POST " + placePath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"chunks":      head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"two lengths": head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"header":      head + "Idempotency-Key: a\x01b\r\nContent-Length: 2\r\n\r\n{}",
		"path":        strings.Replace(head, "10248", "%zz", 1) + "\r\n",
	} {
		response, body := raw(t, server.Listener.Addr().String(), text)
		if response.StatusCode < 400 || response.StatusCode > 499 {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
}

func TestTheRequestTimeoutBoundsTheExecutor(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		<-ctx.Done()
		return runtime.Result{}, ctx.Err()
	}), httpapi.Options{RequestTimeout: 20 * time.Millisecond})
	call(t, server, "POST", placePath, goodBody).problem(t, "timeout", 503, "unavailable")
}

// syncBuffer is a buffer that a server writes to while the test reads.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestAnInternalErrorIsLoggedWithItsCauseAndTrace(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	server := commandServer(t, failWith(fmt.Errorf("the cause")), httpapi.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), TraceID: func(context.Context) string { return "4bf92f35" },
	})
	p := call(t, server, "POST", placePath, goodBody).problem(t, "internal", 500, "internal")
	if text := log.String(); !strings.Contains(text, "the cause") || p.TraceID != "4bf92f35" || strings.Contains(text, "ALFKI") {
		t.Errorf("log: %s", text)
	}
}

func TestAClientThatLeavesIsNoFault(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	entered, done := make(chan struct{}), make(chan struct{})
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		defer close(done)
		close(entered)
		<-ctx.Done()
		return runtime.Result{}, ctx.Err()
	}), httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+placePath, strings.NewReader(goodBody))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	go func() {
		<-entered
		cancel()
	}()
	if response, err := server.Client().Do(request); err == nil {
		response.Body.Close()
		t.Error("the request was to be cancelled")
	}
	<-done
	server.Close() // waits for the handler
	if log.String() != "" {
		t.Errorf("logged: %s", log.String())
	}
}
