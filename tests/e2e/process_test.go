package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// patience is how long a test waits for something that has to happen.
const patience = 60 * time.Second

// bin is where the binaries under test are.
var bin string

func TestMain(m *testing.M) {
	if kind, ok := strings.CutPrefix(filepath.Base(os.Args[0]), bankBinaries); ok {
		os.Exit(bankService(kind))
	}
	dir, err := os.MkdirTemp("", "orchestrix-e2e-")
	if err == nil {
		err = provide(dir)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	localtest.Main(m, dir)
}

// binaries is the variable that names a directory in which several runs of the tests share what they test. It is empty at first.
const binaries = "E2E_BINARIES"

// provide puts the binaries under test into dir.
func provide(dir string) error {
	shared := os.Getenv(binaries)
	if shared == "" {
		return build(dir)
	}
	built, err := os.ReadDir(shared)
	if err == nil && len(built) == 0 {
		if err = build(shared); err == nil {
			built, err = os.ReadDir(shared)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", binaries, err)
	}
	for _, file := range built {
		if err := os.Symlink(filepath.Join(shared, file.Name()), filepath.Join(dir, file.Name())); err != nil {
			return err
		}
	}
	return nil
}

func build(dir string) error {
	command := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"github.com/orchestrix-go/orchestrix/services/command", "github.com/orchestrix-go/orchestrix/services/projection", "github.com/orchestrix-go/orchestrix/services/query", "github.com/orchestrix-go/orchestrix/services/process",
		"github.com/orchestrix-go/orchestrix/cmd/orchestrix", "github.com/nats-io/nats-server/v2")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building the binaries: %w\n%s", err, out)
	}
	return nil
}

// program is a running binary.
type program struct {
	t      testing.TB
	name   string
	args   []string
	env    []string
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{}
}

// logBuffer keeps what a process prints.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start runs a binary until the test ends. What it printed is shown if the test fails.
func start(t testing.TB, name string, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, name: name, args: args, env: env, log: &logBuffer{}}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, tail(p.log.String(), 60))
		}
	})
	return p
}

func (p *program) start() {
	p.t.Helper()
	p.cmd = exec.Command(filepath.Join(bin, p.name), p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	cmd, exited := p.cmd, make(chan struct{})
	p.exited = exited
	go func() { _ = cmd.Wait(); close(exited) }()
}

// kill kills the process and waits until it has ended.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the process to end and expects that it does so cleanly.
func (p *program) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("%s did not stop", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s exited with %d after SIGTERM", p.name, code)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// eventually waits until check returns nil.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// awaitStatus waits until a GET answers with the status.
func awaitStatus(t testing.TB, url string, status int) {
	t.Helper()
	eventually(t, url, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != status {
			return fmt.Errorf("status is %d, not %d", response.StatusCode, status)
		}
		return nil
	})
}
