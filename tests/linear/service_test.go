package linear

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	services "github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// A counter is the smallest aggregate that rejects commands: its total never falls below zero.
type counter struct {
	Total int `json:"total"`
}

type (
	add struct {
		N int `json:"n"`
	}
	added struct {
		N int `json:"n"`
	}
)

func (c counter) add(cmd add) ([]core.Event, error) {
	if c.Total+cmd.N < 0 {
		return es.Reject("counter-negative", "%d can't go down by %d", c.Total, -cmd.N)
	}
	return es.Accept(added(cmd))
}

func (c counter) added(e added) counter { return counter{Total: c.Total + e.N} }

func counting() es.Module {
	return es.Module{Name: "counting", Deciders: []es.DeciderDef{es.Decider[counter]{
		Category: "counter",
		Decide:   es.Commands[counter]{es.Handle("add", counter.add)},
		Evolve:   es.Events[counter]{es.Apply("Added", counter.added)},
	}}}
}

const (
	asService = "LINEAR_TEST_SERVICE" // makes this test's binary a command service
	careless  = "careless"            // one that appends without an expected revision
)

func TestMain(m *testing.M) {
	kind := os.Getenv(asService)
	if kind == "" {
		localtest.Main(m)
	}
	app := services.Services{Modules: []es.Module{counting()}, Open: services.Open}
	if kind == careless {
		app.Open = openCareless
	}
	var config service.CommandConfig
	ctx, stop := service.UntilSignal()
	status := service.Main(ctx, service.Process{Service: "command", Config: &config, Run: func(ctx context.Context, env service.Env) error {
		return app.Command(ctx, env, config)
	}})
	stop()
	os.Exit(status)
}

// carelessLog appends at the end of the stream and ignores the expected revision: the check must detect that.
type carelessLog struct{ port.Log }

func (l carelessLog) Append(ctx context.Context, _ core.Revision, c core.Commit) (core.Revision, error) {
	var end core.Revision
	if last, err := l.Last(ctx, c.Stream); err == nil {
		end = last.Revision()
	}
	return l.Log.Append(ctx, end, c)
}

func openCareless(ctx context.Context, env service.Env, databaseOptional bool) (*services.Backends, error) {
	backends, err := services.Open(ctx, env, databaseOptional)
	if err != nil {
		return nil, err
	}
	backends.Log = carelessLog{backends.Log}
	return backends, nil
}

// commandService is a command service in a process of its own.
type commandService struct {
	t    testing.TB
	env  []string
	addr string
	mu   sync.Mutex
	cmd  *exec.Cmd
	log  bytes.Buffer
}

func startService(t testing.TB, kind, natsURL string) *commandService {
	t.Helper()
	s := &commandService{t: t, addr: localtest.FreeAddr(t)}
	s.env = []string{
		asService + "=" + kind, "NATS_URL=" + natsURL, "DATABASE_URL=postgres://127.0.0.1:1/none", // snapshots are not needed
		"ORCHESTRIX_ADDR=" + s.addr, "ORCHESTRIX_HEALTH_ADDR=127.0.0.1:0", "ORCHESTRIX_LOG_LEVEL=error", "ORCHESTRIX_LOG=jetstream",
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("a command service printed:\n%s", &s.log)
		}
	})
	return s
}

func (s *commandService) start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Errorf("start: %v", err)
	}
}

func (s *commandService) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *commandService) await() {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		response, err := http.Get("http://" + s.addr + "/openapi.json")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the service does not come up: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
