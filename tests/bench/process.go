package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program under test.
type process struct {
	name     string
	pid      int
	children bool   // its child processes count as a part of it
	url      string // of its API, where it has one
	health   string // URL of its health port; of NATS, the monitoring port
	pprof    string // URL of the port that gives profiles, where it has one

	cmd    *exec.Cmd
	output printed
	exited chan struct{}
}

// printed keeps the end of what a process prints.
type printed struct {
	mu   sync.Mutex
	text []byte
}

const maxPrinted = 8 << 10

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b...)
	if len(p.text) > maxPrinted {
		p.text = p.text[len(p.text)-maxPrinted:]
	}
	return len(b), nil
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(bytes.TrimSpace(p.text))
}

// start runs a program until the scope ends.
func (s *scope) start(name, program string, env []string, args ...string) (*process, error) {
	p := &process{name: name, exited: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if s.bench.settings.verbose {
		p.cmd.Stdout, p.cmd.Stderr = os.Stderr, os.Stderr
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.pid = p.cmd.Process.Pid
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	s.atEnd(p.stop)
	return p, nil
}

const stopTimeout = 40 * time.Second

func (p *process) stop() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not stop within %v; it printed:\n%s", p.name, stopTimeout, &p.output)
	}
}

const readyTimeout = time.Minute

// await waits until a URL answers 200.
func (p *process) await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s has ended; it printed:\n%s", p.name, &p.output)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready within %v; it printed:\n%s", p.name, readyTimeout, &p.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddr is an address that nothing listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close() //nolint:errcheck // nothing was accepted
	return l.Addr().String(), nil
}

// The two ways in which nats-server acknowledges.
const (
	syncAlways  = "always"
	syncRelaxed = "2m" // what NATS does by default
)

// natsServer starts a nats-server. Its url is for clients, its health URL the monitoring port.
func (s *scope) natsServer(ctx context.Context, sync string) (*process, error) {
	return onFreePorts(func() (*process, error) { return s.tryNATS(ctx, sync) })
}

// onFreePorts starts a program again where another process took one of its ports before it listened.
func onFreePorts(start func() (*process, error)) (p *process, err error) {
	for range 3 {
		if p, err = start(); err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return p, err
}

func (s *scope) tryNATS(ctx context.Context, sync string) (*process, error) {
	dir, err := s.bench.dir("nats")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	monitor, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s.atEnd(func() error { return os.RemoveAll(dir) })
	config := fmt.Sprintf("listen: %q\nhttp: %q\njetstream { store_dir: %q, sync_interval: %s }\n", addr, monitor, dir, sync)
	profiles := ""
	if s.bench.settings.profile != "" {
		if profiles, err = freeAddr(); err != nil {
			return nil, err
		}
		_, port, _ := net.SplitHostPort(profiles)
		config, profiles = config+"prof_port: "+port+"\n", "http://"+profiles
	}
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p, err := s.start("nats", filepath.Join(s.bench.bin, "nats-server"), nil, "-c", file)
	if err != nil {
		return nil, err
	}
	p.url, p.health, p.pprof = "nats://"+addr, "http://"+monitor, profiles
	return p, p.await(ctx, p.health+"/healthz?js-enabled-only=true")
}

// service starts one of the platform's services with its shipped configuration.
func (s *scope) service(ctx context.Context, name string, env ...string) (*process, error) {
	return s.serve(ctx, name, filepath.Join(s.bench.bin, name), env)
}

// role starts this program as another: see runRole.
func (s *scope) role(ctx context.Context, role string, env ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return s.serve(ctx, role, self, append(env, roleVariable+"="+role))
}

func (s *scope) serve(ctx context.Context, name, program string, env []string) (*process, error) {
	return onFreePorts(func() (*process, error) { return s.tryServe(ctx, name, program, env) })
}

func (s *scope) tryServe(ctx context.Context, name, program string, env []string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	health, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	tokens := filepath.Join(s.bench.temp.Path(), "admin.token")
	if err := os.WriteFile(tokens, []byte("bench:"+profileToken+"\n"), 0o600); err != nil {
		return nil, err
	}
	p, err := s.start(name, program, append(env, "ORCHESTRIX_ADDR="+addr, "ORCHESTRIX_HEALTH_ADDR="+health,
		"ORCHESTRIX_ADMIN_ADDR="+admin, "ORCHESTRIX_ADMIN_TOKEN_FILE="+tokens, "ORCHESTRIX_LOG_LEVEL=warn", "ORCHESTRIX_PPROF=true", "ORCHESTRIX_SHUTDOWN_DELAY=0s"))
	if err != nil {
		return nil, err
	}
	p.url, p.health = "http://"+addr, "http://"+health
	if name != roleBaseline {
		p.pprof = "http://" + admin
	}
	return p, p.await(ctx, p.health+"/readyz")
}
