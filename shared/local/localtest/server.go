package localtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// shared is this process's Postgres.
var shared pool

// pool starts a server for its first user and stops it after its last.
type pool struct {
	mu      sync.Mutex
	users   int
	current *server
}

// server is a running Postgres and the templates on it.
type server struct {
	url  string
	stop func() error
	// tag makes the names of this process unique on a server that other processes use too.
	tag   string
	count atomic.Int64
	admin sync.Mutex // serialises making and dropping of databases

	mu        sync.Mutex
	templates map[string]*template
	prepared  []string // databases to drop at the end
}

// keep adds a user without starting the server.
func (p *pool) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
}

// acquire adds a user, and starts the server for the first one.
func (p *pool) acquire(ctx context.Context) (*server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		s, err := startServer(ctx)
		if err != nil {
			return nil, err
		}
		p.current = s
	}
	p.users++
	return p.current, nil
}

// release removes a user, and stops the server after the last one.
func (p *pool) release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.users > 0 || p.current == nil {
		return nil
	}
	s := p.current
	p.current = nil
	return s.stop()
}

func startServer(ctx context.Context) (*server, error) {
	s := &server{tag: strings.ToLower(rand.Text()[:6]), templates: map[string]*template{}}
	if url := os.Getenv(local.DatabaseURLVariable); url != "" {
		s.url, s.stop = url, s.dropTemplates
		return s, nil
	}
	dir, err := local.NewTempDir(ctx)
	if err != nil {
		return nil, err
	}
	pg, err := local.StartPostgres(ctx, local.PostgresOptions{Dir: filepath.Join(dir.Path(), "postgres"), Fast: true})
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	s.url = pg.URL()
	s.stop = func() error { return errors.Join(pg.Close(), dir.Remove()) }
	return s, nil
}

func (s *server) template(name string) *template {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.templates[name] == nil {
		s.templates[name] = &template{}
	}
	return s.templates[name]
}

// dropTemplates removes the templates from an existing server, which other programs use too.
func (s *server) dropTemplates() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, database := range s.prepared {
		errs = append(errs, s.drop(database))
	}
	return errors.Join(errs...)
}

// name returns a unique database name that contains the name of the test or template.
func (s *server) name(of string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(of))
	const room = 40 // Postgres cuts names at 63 bytes
	return fmt.Sprintf("t_%s_%d_%s", s.tag, s.count.Add(1), clean[:min(len(clean), room)])
}
