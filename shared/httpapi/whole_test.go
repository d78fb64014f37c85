package httpapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// The real executor and the real queries behind HTTP, on a log in memory.
func TestCommandsAndStreamsTogether(t *testing.T) {
	t.Parallel()
	registry, schemas := registry(t)
	log, quiet := memory.NewLog(4), slog.New(slog.DiscardHandler)
	executor, err := command.NewExecutor(registry, log, nil, command.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	commands := commandServer(t, executor, httpapi.Options{Logger: quiet})
	handler, err := httpapi.NewQueryAPI(registry, schemas, query.New(registry, log, nil, nil, quiet), httpapi.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	queries := serve(t, handler)

	first := call(t, commands, "POST", placePath, goodBody, "Idempotency-Key", "k1", "If-Match", `"0"`)
	var answer httpapi.CommandAnswer
	if err := json.Unmarshal([]byte(first.body), &answer); err != nil || first.status != 200 || answer.Version != 1 || first.header.Get("ETag") != `"1"` {
		t.Fatalf("%d %s", first.status, first.body)
	}
	again := call(t, commands, "POST", placePath, goodBody, "Idempotency-Key", "k1", "If-Match", `"0"`)
	if again.body != first.body || again.header.Get("Orchestrix-Repeated") != "true" {
		t.Errorf("the same command again: %v %s", again.header, again.body)
	}
	call(t, commands, "POST", placePath, strings.Replace(goodBody, "ALFKI", "VINET", 1), "Idempotency-Key", "k1").problem(t, "reused", 422, "command-reused")
	stale := call(t, commands, "POST", placePath, goodBody, "If-Match", `"0"`).problem(t, "stale", 412, "precondition-failed")
	if stale.Actual == nil || *stale.Actual != 1 {
		t.Errorf("412: %+v", stale)
	}

	position := first.header.Get("Orchestrix-Position")
	state := call(t, queries, "GET", "/v1/streams/order/10248", "", "Orchestrix-Position", position)
	state.expect(t, "state", `{"stream":"order-10248","version":1,"position":"`+position+`","state":{"lines":[{"quantity":2,"price":"9.5"}]}}`, map[string]string{"ETag": `"1"`})
	history := call(t, queries, "GET", "/v1/streams/order/10248/events", "")
	var events httpapi.HistoryAnswer
	if err := json.Unmarshal([]byte(history.body), &events); err != nil || len(events.Items) != 1 || events.Items[0].Position != position || events.Next != "" {
		t.Errorf("history: %s", history.body)
	}
	call(t, queries, "GET", "/v1/streams/order/10248?version=2", "").problem(t, "beyond", 404, "version-not-found")
	call(t, queries, "GET", "/v1/streams/order/10248?at=2001-01-01T00:00:00Z", "").problem(t, "before", 404, "version-not-found")
	call(t, queries, "GET", "/v1/streams/order/1", "").problem(t, "none", 404, "stream-not-found")
	call(t, queries, "GET", "/v1/streams/order/10248", "", "Orchestrix-Position", "9-1").problem(t, "partition", 400, "bad-position")
}

// waiting answers when the request's context ends or the time is up.
type waiting struct{ router }

func (waiting) Query(ctx context.Context, _, _ string, _ json.RawMessage, w query.Wait) (any, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(w.Timeout / 4):
		return "waited", nil
	}
}

// The server's read timeout does not end a waiting request: net/http resets it once the request is read.
func TestWaitingOutlastsTheReadTimeout(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	h, err := httpapi.NewQueryAPI(r, s, &waiting{}, httpapi.Options{RequestTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	call(t, server, "GET", "/v1/queries/top", "", "Orchestrix-Position", core.Position{Sequence: 1}.String(), "Prefer", "wait=1").
		expect(t, "waited", `"waited"`, nil)
}
