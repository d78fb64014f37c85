package platform

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// A server that refuses what it gets ends the connection, and the client library takes that for final.
func TestAServiceEndsWhenItsConnectionIsClosedForGood(t *testing.T) {
	t.Parallel()
	opened := make(chan *Backends, 1)
	app := Services{Open: func(ctx context.Context, env service.Env, databaseOptional bool) (*Backends, error) {
		backends, err := Open(ctx, env, databaseOptional)
		if err == nil {
			opened <- backends
		}
		return backends, err
	}}
	quiet := slog.New(slog.DiscardHandler)
	env := service.Env{
		Name: "projection", Logger: quiet, Admin: service.NewAdmin(&slog.LevelVar{}, observe.NewMetrics("projection"), false),
		Connections: service.Connections{NATSURL: localtest.NATS(t).URL(), DatabaseURL: localtest.Postgres(t)},
		Common:      service.Common{Log: service.LogInJetStream, ShutdownTimeout: time.Minute, Partitions: 1, Replicas: 1, DatabaseConns: 4},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- app.Projection(ctx, env, service.ProjectionConfig{Common: env.Common}) }()
	select {
	case backends := <-opened:
		if err := backends.Reply(ctx, strings.Repeat("a", 5000), nil); err != nil {
			t.Fatal(err)
		}
	case err := <-ended:
		t.Fatalf("the service did not start: %v", err)
	}
	if err := <-ended; !errors.Is(err, errNATSGone) {
		t.Errorf("ended with %v, want %v", err, errNATSGone)
	}
}
