package platform

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// The query service waits for the projection service, which does not wait for it.
func TestTheQueryServiceIsReadyWhenEveryViewCanBeRead(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := Services{Modules: []es.Module{tallyModule(new(atomic.Bool))}, Open: InMemory(1)}
	common := service.Common{Log: service.LogInJetStream, ShutdownTimeout: time.Minute, Partitions: 1}
	start := func(name string, run func(context.Context, service.Env) error) *service.Health {
		env := service.Env{
			Name: name, Logger: slog.New(slog.DiscardHandler), Common: common, Listener: listener,
			Admin: service.NewAdmin(new(slog.LevelVar), observe.NewMetrics(name), false),
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, env) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		return env.Admin.Health
	}
	await := func(what string, met func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited a minute for %s", what)
			}
		}
	}
	query := start("query", func(ctx context.Context, env service.Env) error {
		return app.Query(ctx, env, service.QueryConfig{Common: common})
	})
	await("the query service to miss its views", func() bool {
		err := query.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "not-ready: views: not built yet: processes, tallies: the projection service builds them")
	})
	read := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/v1/views/tallies", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if status, text := read(); status != http.StatusServiceUnavailable || !strings.Contains(text, `"code":"view-not-built"`) || !strings.Contains(text, `view \"tallies\" is not built yet`) {
		t.Errorf("a view that is not built: %d %s", status, text)
	}
	projection := start("projection", func(ctx context.Context, env service.Env) error {
		return app.Projection(ctx, env, service.ProjectionConfig{Common: common})
	})
	await("the projection service", func() bool { return projection.Ready(t.Context()) == nil })
	await("the query service", func() bool { return query.Ready(t.Context()) == nil })
	if status, text := read(); status != http.StatusOK {
		t.Errorf("a view that is built: %d %s", status, text)
	}
}
