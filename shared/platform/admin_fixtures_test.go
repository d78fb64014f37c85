package platform

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// A tally adds numbers. Its view refuses 13 while broken is set, and its process fails on 14 and waits an hour on all others.
type (
	addNumber   struct{ N int }
	numberAdded struct{ N int }
	tally       struct{ Total int }
	tallyWait   struct{ N int }
)

func tallyModule(broken *atomic.Bool) es.Module {
	return es.Module{
		Name: "tallying",
		Deciders: []es.DeciderDef{es.Decider[tally]{
			Category: "tally",
			Decide: es.Commands[tally]{es.Handle("add", func(_ tally, c addNumber) ([]core.Event, error) {
				return es.Accept(numberAdded(c))
			})},
			Evolve: es.Events[tally]{es.Apply("NumberAdded", func(s tally, e numberAdded) tally { return tally{s.Total + e.N} })},
		}},
		Views: []es.ViewDef{es.View[tally]{
			Name: "tallies", Version: 1,
			On: es.Folds[tally]{es.OnWith(func(d *tally, e numberAdded, _ core.Meta) error {
				if e.N == 13 && broken.Load() {
					return errors.New("thirteen brings bad luck")
				}
				d.Total += e.N
				return nil
			})},
		}},
		Processes: []es.ProcessDef{es.Process[tallyWait]{
			Name: "watch",
			On: es.Reactions[tallyWait]{
				es.Start(es.StreamID, func(s tallyWait, e numberAdded, _ core.Meta) (tallyWait, []processes.Effect) {
					if e.N == 14 {
						panic("fourteen is too much")
					}
					return tallyWait{s.N + e.N}, []processes.Effect{es.After("wait", time.Hour)}
				}),
				es.OnDeadline("wait", func(s tallyWait, _ core.Meta) (tallyWait, []processes.Effect) {
					return s, []processes.Effect{es.Complete()}
				}),
			},
		}},
	}
}

// adminStack runs the services in memory, each with an admin port of its own.
type adminStack struct {
	t          *testing.T
	commandURL string
	backends   *Backends
	broken     atomic.Bool // the view
	opened     chan struct{}
	command    *service.Admin
	projection *service.Admin
	process    *service.Admin
}

// newAdminStack prepares the services. They wait before they open their backends until run is called.
func newAdminStack(t *testing.T, open Opener, process bool) *adminStack {
	t.Helper()
	s := &adminStack{t: t, opened: make(chan struct{})}
	s.broken.Store(true)
	gated := func(ctx context.Context, env service.Env, optional bool) (*Backends, error) {
		select {
		case <-s.opened:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return open(ctx, env, optional)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.commandURL = "http://" + listener.Addr().String()
	app := Services{Modules: []es.Module{tallyModule(&s.broken)}, Open: gated}
	common := service.Common{Log: service.LogInJetStream, ShutdownTimeout: time.Minute, Partitions: 1}
	start := func(name string, run func(context.Context, service.Env) error) *service.Admin {
		env := service.Env{
			Name: name, Logger: slog.New(slog.DiscardHandler), Common: common,
			Admin: service.NewAdmin(new(slog.LevelVar), observe.NewMetrics(name), false),
		}
		if name == CommandUser {
			env.Listener = listener
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, env) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		})
		return env.Admin
	}
	s.command = start(CommandUser, func(ctx context.Context, env service.Env) error {
		return app.Command(ctx, env, service.CommandConfig{Common: common})
	})
	s.projection = start(ProjectionUser, func(ctx context.Context, env service.Env) error {
		return app.Projection(ctx, env, service.ProjectionConfig{Common: common})
	})
	if process {
		s.process = start(ProcessUser, func(ctx context.Context, env service.Env) error {
			return app.Process(ctx, env, service.ProcessConfig{Common: common})
		})
	}
	return s
}

// run lets the services open their backends, and returns when they are ready.
func (s *adminStack) run() {
	s.t.Helper()
	close(s.opened)
	for _, admin := range []*service.Admin{s.command, s.projection, s.process} {
		if admin != nil {
			s.await("a service", func() bool { return admin.Health.Ready(s.t.Context()) == nil })
		}
	}
}

// await waits for a condition.
func (s *adminStack) await(what string, met func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited a minute for %s", what)
		}
	}
}

const adaToken = "a-token-for-the-tests"

// ask sends a request to an admin port.
func (s *adminStack) ask(admin *service.Admin, method, target, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+adaToken)
	admin.Handler(adminapi.OneToken("ada", adaToken), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

// awaitText waits until an answer contains a text.
func (s *adminStack) awaitText(admin *service.Admin, target, text string) {
	s.t.Helper()
	s.await(target+" to contain "+text, func() bool {
		return strings.Contains(s.ask(admin, http.MethodGet, target, "").Body.String(), text)
	})
}

// add sends a command, and waits until the view and the process have seen its event.
func (s *adminStack) add(id, body, instance string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.commandURL+"/v1/commands/tally/"+id+"/add", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("add %s: %d %s: %v", id, answer.StatusCode, text, err)
	}
	s.awaitText(s.process, "/processes/watch/"+id, instance)
}

// die publishes a message that no handler can use, and waits until it is a dead letter.
func (s *adminStack) die(id string, count int) {
	s.t.Helper()
	m := port.Message{ID: id, Sender: "shop", Name: "act", To: core.Stream{Tenant: core.DefaultTenant, Category: "tally", ID: "a"}, Header: map[string]string{"origin": "test"}, Data: []byte("{<no>}")}
	if err := s.backends.Bus.Publish(s.t.Context(), port.CommandTopic, m); err != nil {
		s.t.Fatal(err)
	}
	s.awaitDead(count)
}

func (s *adminStack) awaitDead(count int) {
	s.t.Helper()
	s.await("dead letters", func() bool {
		dead, err := s.backends.Bus.DeadLetters(s.t.Context(), port.DeadLetterQuery{Limit: 100})
		return err == nil && len(dead) == count
	})
}
