package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// acknowledged is a command with a success response.
type acknowledged struct {
	ID, Stream, Position string
	Version              float64
	Events               int
}

// load sends commands to the command services, at a few hundred a second, until it is stopped. A command that gets no
// answer is sent again, with its key, to any of them.
type load struct {
	urls    []string
	stop    chan struct{}
	clients sync.WaitGroup
	retried atomic.Int64
	refused atomic.Int64 // rejected by the domain

	mu      sync.Mutex
	journal []acknowledged
	strange []string // unexpected answers
}

const (
	loadClients = 12
	loadPause   = 15 * time.Millisecond // of each client, between two commands
)

func startLoad(t testing.TB, urls []string, seed uint64) *load {
	t.Helper()
	l := &load{urls: urls, stop: make(chan struct{})}
	for c := range loadClients {
		random := rand.New(rand.NewPCG(seed, uint64(c)))
		l.clients.Go(func() { l.client(t.Context(), c, random) })
	}
	t.Cleanup(func() { l.end() })
	return l
}

func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.clients.Wait()
}

// client places orders, and ships or cancels those that it has placed before.
func (l *load) client(ctx context.Context, c int, random *rand.Rand) {
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-time.After(loadPause):
		}
		order := fmt.Sprintf("o-%d-%d", c, n)
		command, body := "place", smallOrder
		if n > 0 && random.IntN(3) > 0 {
			order = fmt.Sprintf("o-%d-%d", c, random.IntN(n))
			command, body = "ship", `{"shipped_at":"2026-01-05","carrier":"c"}`
			if random.IntN(4) == 0 {
				command, body = "cancel", `{"reason":"r"}`
			}
		}
		l.send(ctx, random, "order/"+order+"/"+command, body, fmt.Sprintf("%d-%d-%s", c, n, command))
	}
}

// send sends one command until it gets a final answer.
func (l *load) send(ctx context.Context, random *rand.Rand, path, body, id string) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		url := l.urls[random.IntN(len(l.urls))] + "/v1/commands/" + path
		a, err := request(ctx, http.MethodPost, url, body, "Idempotency-Key", id)
		switch {
		case err == nil && a.Status == http.StatusOK:
			l.acknowledge(a, id)
			return
		case err == nil && a.Status == http.StatusUnprocessableEntity:
			l.refused.Add(1)
			return
		case err == nil && a.Status != http.StatusServiceUnavailable && a.Status != http.StatusConflict:
			l.mu.Lock()
			l.strange = append(l.strange, fmt.Sprintf("%s: %v", path, a))
			l.mu.Unlock()
			return
		}
		l.retried.Add(1)
		select {
		case <-l.stop: // the command may have been executed without an answer
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *load) acknowledge(a answer, id string) {
	var body struct {
		Stream   string   `json:"stream"`
		Version  float64  `json:"version"`
		Position string   `json:"position"`
		Events   []string `json:"events"`
	}
	err := json.Unmarshal(a.Body, &body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.strange = append(l.strange, fmt.Sprintf("%s: %v", id, a))
		return
	}
	l.journal = append(l.journal, acknowledged{ID: id, Stream: body.Stream, Position: body.Position, Version: body.Version, Events: len(body.Events)})
}

// take adds the results of another load, which has ended.
func (l *load) take(other *load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.journal = append(l.journal, other.journal...)
	l.strange = append(l.strange, other.strange...)
	l.retried.Add(other.retried.Load())
	l.refused.Add(other.refused.Load())
}

// seedOf is the seed of a randomised test. A failing run prints it; ORCHESTRIX_SEED sets it.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("ORCHESTRIX_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ORCHESTRIX_SEED: %v", err)
		}
		seed = given
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ORCHESTRIX_SEED=%d repeats the random choices", seed)
		}
	})
	return seed
}

// faultsOf is how many faults of each kind a test makes; ORCHESTRIX_FAULTS asks for more.
func faultsOf(t testing.TB, otherwise int) int {
	t.Helper()
	text := os.Getenv("ORCHESTRIX_FAULTS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ORCHESTRIX_FAULTS is %q", text)
	}
	return n
}
