package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// Services that start before NATS and Postgres wait for them, report what is missing, and become ready without a restart.
func TestServicesStartInAnyOrder(t *testing.T) {
	t.Parallel()
	postgres := newOwnPostgres(t)
	p := newPlatform(t, postgres.url())
	postgres.stop()
	p.startServices()
	for _, health := range []string{p.commandHealth, p.projectionHealth, p.queryHealth} {
		awaitStatus(t, health+"/healthz", http.StatusOK)
		awaitStatus(t, health+"/readyz", http.StatusServiceUnavailable)
	}
	p.startNATS()
	postgres.start()
	p.awaitReady()
	p.post("order/1/place", smallOrder)
	p.awaitOrder("1", "placed")
}

// NATS is stopped and started under the services: commands are refused meanwhile, views are still served, and afterwards
// everything works without a restart of the platform.
func TestNATSRestarts(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip("with the log in Postgres, no service needs NATS")
	}
	p := startPlatform(t)
	p.post("order/1/place", smallOrder)
	p.awaitOrder("1", "placed")
	eventually(t, "a first heartbeat of every partition", func() error {
		if p.get("/v1/views/order-summary/1").Header.Get("Orchestrix-As-Of") == "" {
			return errors.New("it is not known yet how old the view is")
		}
		return nil
	})
	p.nats.kill()
	awaitStatus(t, p.commandHealth+"/readyz", http.StatusServiceUnavailable)
	if view := p.get("/v1/views/order-summary/1"); view.Header.Get("Orchestrix-As-Of") == "" {
		t.Errorf("a view read without NATS does not say how old it is: %v", view.Header)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	refused, err := request(ctx, http.MethodPost, p.commandURL+"/v1/commands/order/1/ship", `{"shipped_at":"2026-01-05","carrier":"c"}`, "Idempotency-Key", "ship-1")
	if err != nil || refused.Status != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" {
		t.Errorf("a command without NATS got %v, %v", refused, err)
	}
	notTaken, err := request(ctx, http.MethodPost, p.commandURL+"/v1/commands/order/2/place", smallOrder, "Prefer", "respond-async")
	if err != nil || notTaken.Status != http.StatusServiceUnavailable || notTaken.Header.Get("Retry-After") == "" || notTaken.Header.Get("Location") != "" {
		t.Errorf("a command for later without NATS got %v, %v", notTaken, err)
	}
	p.nats.start()
	p.awaitReady()
	p.post("order/1/ship", `{"shipped_at":"2026-01-05","carrier":"c"}`, "Idempotency-Key", "ship-1")
	p.awaitOrder("1", "shipped")
}

// Postgres is stopped and started under the services: commands still succeed, and the views catch up.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip("with the log in Postgres, no command succeeds without it")
	}
	postgres := newOwnPostgres(t)
	p := newPlatform(t, postgres.url())
	p.startNATS()
	p.startServices()
	p.awaitReady()
	p.post("order/1/place", smallOrder)
	p.awaitOrder("1", "placed")
	postgres.stop()
	awaitStatus(t, p.queryHealth+"/readyz", http.StatusServiceUnavailable)
	p.post("order/2/place", smallOrder) // an aggregate that is not cached, without its snapshot
	p.post("order/1/ship", `{"shipped_at":"2026-01-05","carrier":"c"}`)
	refused, err := request(t.Context(), http.MethodGet, p.queryURL+"/v1/views/order-summary/1", "")
	if err != nil || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("a view without Postgres got %v, %v", refused, err)
	}
	postgres.start()
	p.awaitReady()
	p.awaitOrder("1", "shipped")
	p.awaitOrder("2", "placed")
}

// A service that is asked to stop answers what it has accepted.
func TestStoppingCutsNothingOff(t *testing.T) {
	t.Parallel()
	p := startPlatform(t)
	const connections = 8
	var answered atomic.Int64
	unanswered := make(chan string, connections)
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for c := range connections {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				a, err := request(t.Context(), http.MethodPost, fmt.Sprintf("%s/v1/commands/order/o-%d-%d/place", p.commandURL, c, n), smallOrder)
				if err != nil {
					unanswered <- fmt.Sprintf("o-%d-%d", c, n)
					return
				}
				if a.Status != http.StatusOK {
					t.Errorf("a request got %v", a)
				}
				answered.Add(1)
			}
		})
	}
	eventually(t, "commands are answered", func() error {
		if answered.Load() < 50 {
			return fmt.Errorf("%d so far", answered.Load())
		}
		return nil
	})
	p.command.stop()
	close(stop)
	clients.Wait()
	close(unanswered)
	for id := range unanswered { // it may not have been accepted
		if a, err := request(t.Context(), http.MethodGet, p.queryURL+"/v1/streams/order/"+id, ""); err != nil || a.Status != http.StatusNotFound {
			t.Errorf("the request for order %s was accepted and cut off: %v, %v", id, a, err)
		}
	}
	p.projection.stop()
	p.query.stop()
}

func (p *platform) awaitOrder(id, status string) {
	p.t.Helper()
	eventually(p.t, "order "+id+" is "+status, func() error {
		a, err := request(p.t.Context(), http.MethodGet, p.queryURL+"/v1/views/order-summary/"+id, "")
		if err != nil || a.field("data.status") != status {
			return fmt.Errorf("got %v, %w", a, err)
		}
		return nil
	})
}

// ownPostgres is a cluster that a test may stop.
type ownPostgres struct {
	t       testing.TB
	options local.PostgresOptions
	running *local.Postgres
	dsn     string
}

func newOwnPostgres(t testing.TB) *ownPostgres {
	t.Helper()
	p := &ownPostgres{t: t, options: local.PostgresOptions{ // a log must not lose what Postgres has committed
		Dir: filepath.Join(localtest.Dir(t), "postgres"), Fast: !logInPostgres(), Logger: slog.New(slog.DiscardHandler),
	}}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *ownPostgres) start() {
	p.t.Helper()
	running, err := local.StartPostgres(context.WithoutCancel(p.t.Context()), p.options)
	if err != nil {
		p.t.Fatal(err)
	}
	p.running, p.dsn = running, running.URL()
	if p.options.Port == 0 {
		p.options.Port = portOf(p.t, p.dsn) // the services know only this port
	}
}

func portOf(t testing.TB, dsn string) int {
	t.Helper()
	parsed, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(parsed.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (p *ownPostgres) url() string { return p.dsn }

func (p *ownPostgres) stop() {
	if err := p.running.Close(); err != nil {
		p.t.Errorf("stop Postgres: %v", err)
	}
}
