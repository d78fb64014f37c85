package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shippedMemory is the limit of a service in deploy/k8s, in bytes, and shippedHeap its GOMEMLIMIT.
const (
	shippedMemory = 512 << 20
	shippedHeap   = "GOMEMLIMIT=460MiB"
)

// hostileLoad is what clients may do that keep every single rule of HTTP.
type hostileLoad struct {
	name    string
	clients int
	once    func(ctx context.Context, p *platform, client, n int) // until the client has its answer, or ctx ends
}

var hostileLoads = []hostileLoad{
	{"unfinished bodies of 1 MiB", 1100, func(ctx context.Context, p *platform, client, n int) {
		head := fmt.Sprintf("POST /v1/commands/order/u%d-%d/place HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", client, n, 1<<20)
		exchange(ctx, p.commandURL, head+smallOrder+strings.Repeat(" ", 1<<20-len(smallOrder)-1), true)
	}},
	{"whole bodies of 1 MiB", 32, func(ctx context.Context, p *platform, client, n int) {
		_, _ = request(ctx, http.MethodPost, fmt.Sprintf("%s/v1/commands/order/w%d-%d/place", p.commandURL, client, n), smallOrder+strings.Repeat(" ", 1<<20-len(smallOrder)))
	}},
	{"rejected commands on invented ids", 32, func(ctx context.Context, p *platform, client, n int) {
		_, _ = request(ctx, http.MethodPost, fmt.Sprintf("%s/v1/commands/order/i%d-%d/ship", p.commandURL, client, n), `{"shipped_at":"2026-01-05","carrier":"c"}`)
	}},
	{"asynchronous commands", 32, func(ctx context.Context, p *platform, client, n int) {
		_, _ = request(ctx, http.MethodPost, fmt.Sprintf("%s/v1/commands/order/a%d-%d/place", p.commandURL, client, n), smallOrder, "Prefer", "respond-async")
	}},
	{"positions beyond the end", 1100, func(ctx context.Context, p *platform, _, _ int) {
		exchange(ctx, p.queryURL, get("/v1/views/order-summary/x", "Orchestrix-Position: 0-99999999\r\n", "Prefer: wait=30\r\n"), true)
	}},
	{"lists that are not read", 1100, func(ctx context.Context, p *platform, _, _ int) {
		exchange(ctx, p.queryURL, get("/v1/views/order-summary?limit=1000"), false)
	}},
	{"histories", 32, func(ctx context.Context, p *platform, client, _ int) {
		_, _ = request(ctx, http.MethodGet, fmt.Sprintf("%s/v1/streams/order/seed-%d/events?limit=1000", p.queryURL, client), "")
	}},
}

// exchange sends a request and waits for the end of the connection or of ctx; with read, until the answer begins.
func exchange(ctx context.Context, url, text string, read bool) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, text); err != nil {
		return
	}
	if !read {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
		return
	}
	_, _ = conn.Read(make([]byte, 512))
}

// run keeps all clients busy until ctx ends.
func (h hostileLoad) run(ctx context.Context, p *platform) {
	var clients sync.WaitGroup
	for client := range h.clients {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				h.once(ctx, p, client, n)
			}
		})
	}
	clients.Wait()
}

var goodOrders atomic.Int64

// goodClients place orders and read what they have written until ctx ends. It returns the number of failures and the durations of
// the others.
func goodClients(ctx context.Context, p *platform) (failed int, took []time.Duration) {
	var mu sync.Mutex
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				ok := goodRequest(p)
				mu.Lock()
				if ok {
					took = append(took, time.Since(began))
				} else {
					failed++
				}
				mu.Unlock()
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	clients.Wait()
	slices.Sort(took)
	return failed, took
}

// goodRequest places an order and reads it, each with one more try, as the answer 503 asks for.
func goodRequest(p *platform) bool {
	id := fmt.Sprint("good-", goodOrders.Add(1))
	placed, err := patiently(http.MethodPost, p.commandURL+"/v1/commands/order/"+id+"/place", smallOrder, "Idempotency-Key", id)
	if err != nil || placed.Status != http.StatusOK {
		return false
	}
	read, err := patiently(http.MethodGet, p.queryURL+"/v1/views/order-summary/"+id, "", "Orchestrix-Position", placed.Header.Get("Orchestrix-Position"), "Prefer", "wait=10")
	return err == nil && read.Status == http.StatusOK
}

func patiently(method, url, body string, headers ...string) (a answer, err error) {
	for range 2 {
		if a, err = request(context.Background(), method, url, body, headers...); err == nil && a.Status != http.StatusServiceUnavailable {
			break
		}
	}
	return a, err
}

// Each service has the memory of its manifest, and clients do the worst that its limits allow: it lives, and good requests are
// answered. ORCHESTRIX_LIMITS is how long, such as 60s; without it, the test is skipped: it takes minutes.
func TestServicesUnderTheirMemoryLimits(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("ORCHESTRIX_LIMITS"))
	if err != nil {
		t.Skip("set ORCHESTRIX_LIMITS to a duration, such as 60s: just proof-limits does")
	}
	groups := map[string]*memoryGroup{}
	for _, name := range []string{"command", "projection", "query"} {
		groups[name] = newMemoryGroup(t, name, shippedMemory)
	}
	p := startPlatformWith(t, shippedHeap)
	groups["command"].add(p.command)
	groups["projection"].add(p.projection)
	groups["query"].add(p.query)
	for n := range 1000 {
		if a, err := request(t.Context(), http.MethodPost, fmt.Sprintf("%s/v1/commands/order/seed-%d/place", p.commandURL, n), smallOrder); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%v %v", a, err)
		}
	}
	measure := func(name string, lasts time.Duration, loads ...hostileLoad) {
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		var hostile sync.WaitGroup
		for _, load := range loads {
			hostile.Go(func() { load.run(ctx, p) })
		}
		failed, took := goodClients(ctx, p)
		hostile.Wait()
		for _, program := range p.services() {
			select {
			case <-program.exited:
				t.Fatalf("%s: the service %s has ended", name, program.name)
			default:
			}
		}
		if len(took) == 0 {
			t.Fatalf("%s: no good request was answered, %d failed", name, failed)
		}
		if failed > len(took)/10 {
			t.Errorf("%s: %d good requests failed, %d were answered", name, failed, len(took))
		}
		t.Logf("| %s | %d | %d | %v | %v | %d | %d | %d |", name, len(took), failed, took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond),
			groups["command"].peak()>>20, groups["query"].peak()>>20, groups["projection"].peak()>>20)
	}
	t.Log("| hostile | good answered | failed | p50 | p99 | command MiB | query MiB | projection MiB |")
	measure("nothing", duration/6)
	for _, load := range hostileLoads {
		measure(load.name, duration/6, load)
	}
	measure("all together", duration, hostileLoads...)
	for name, g := range groups {
		if peak := g.peak(); peak >= shippedMemory {
			t.Errorf("%s reached its limit of %d MiB", name, shippedMemory>>20)
		}
	}
}
