package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends orders until check ends it. It repeats each request, with its key, until it is acknowledged.
type load struct {
	command, query       string // URLs
	stop                 context.CancelFunc
	clients              sync.WaitGroup
	acknowledged, failed atomic.Int64

	mu        sync.Mutex
	positions map[string]string // of acknowledged orders
	last      string            // the last failure
}

const clients = 4

func newLoad(t *testing.T, s *server) *load {
	t.Helper()
	url := func(name string) string {
		return "http://" + s.must(t, "", "-n", "orchestrix", "get", "service", name, "-o", "jsonpath={.spec.clusterIP}")
	}
	return &load{command: url("command"), query: url("query"), positions: map[string]string{}}
}

// start starts to send. The context ends with the load.
func (l *load) start(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l.stop = stop
	for client := range clients {
		l.clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.send(ctx, fmt.Sprintf("%d-%d", client, n))
				time.Sleep(20 * time.Millisecond) // every order is looked up at the end
			}
		})
	}
	t.Cleanup(func() { stop(); l.clients.Wait() })
	return ctx
}

func (l *load) send(ctx context.Context, id string) {
	const order = `{"customer_id":"C","customer_name":"Customer","country":"Here","ordered_at":"2026-01-02","required_at":"2026-02-02",
		"freight":"1.00","lines":[{"product_id":"p","product":"Product","unit_price":"2.00","quantity":1,"discount":"0.00"}]}`
	if position, ok := l.sendUntilAcknowledged(ctx, "order/"+id+"/place", order); ok {
		l.mu.Lock()
		l.positions[id] = position
		l.mu.Unlock()
		l.acknowledged.Add(1)
	}
}

// sendUntilAcknowledged sends a command, always with the same key, and returns its position; false when the context ends
// before.
func (l *load) sendUntilAcknowledged(ctx context.Context, command, body string) (position string, ok bool) {
	for ctx.Err() == nil {
		position, err := l.post(l.command+"/v1/commands/"+command, strings.ReplaceAll(command, "/", "-"), body)
		if err == nil {
			return position, true
		}
		l.mu.Lock()
		l.last = err.Error()
		l.mu.Unlock()
		l.failed.Add(1)
		time.Sleep(100 * time.Millisecond) // no flood of retries
	}
	return "", false
}

// post completes its request also when the load ends.
func (l *load) post(url, key, body string) (position string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d: %s", response.StatusCode, text)
	}
	return response.Header.Get("Orchestrix-Position"), err
}

// progress waits until the given number of further commands are acknowledged.
func (l *load) progress(t *testing.T, more int64) {
	t.Helper()
	from := l.acknowledged.Load()
	await(t, "the load", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n := l.acknowledged.Load() - from; n < more {
			return fmt.Errorf("only %d commands were acknowledged; the last failure is %s", n, l.last)
		}
		return nil
	})
}

func (l *load) end() {
	l.stop()
	l.clients.Wait()
}

// check ends the load and compares the log and the view with the acknowledged commands.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.end()
	for id, position := range l.positions {
		stream, view := l.get(t, "/v1/streams/order/"+id, position), l.get(t, "/v1/views/order-summary/"+id, position)
		if stream["version"] != float64(1) || stream["position"] != position {
			t.Errorf("order %s was acknowledged at %s and is %v", id, position, stream)
		}
		if view["position"] != position {
			t.Errorf("order %s was acknowledged at %s and its view is %v", id, position, view)
		}
	}
	await(t, "the sum of the orders", func() error {
		if orders := l.get(t, "/v1/views/sales-by-country/Here", "")["data"].(map[string]any)["orders"]; orders != float64(len(l.positions)) {
			return fmt.Errorf("%d orders were acknowledged, and the view has counted %v", len(l.positions), orders)
		}
		return nil
	})
	t.Logf("%d commands were acknowledged, %d requests were sent again; each command is in the log and in the views, once", len(l.positions), l.failed.Load())
}

func (l *load) get(t *testing.T, path, position string) (answer map[string]any) {
	t.Helper()
	await(t, path, func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.query+path, nil)
		if err != nil {
			return err
		}
		if position != "" {
			request.Header.Set("Orchestrix-Position", position)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return json.NewDecoder(response.Body).Decode(&answer)
	})
	return answer
}
