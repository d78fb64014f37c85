package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/redact"
)

// Env is the environment that a service runs in.
type Env struct {
	Name        string
	Program     string // with the commands of operators, for messages
	Connections Connections
	Common      Common
	Logger      *slog.Logger
	Admin       *Admin
	Listener    net.Listener // of the HTTP API; nil: the service opens one
	Hosts       []string     // of the HTTP API: see [WebGuard]
}

// Config is one of the configurations of this package.
type Config interface {
	common() *Common
	http() *HTTP // nil: none
	validate(v *violations)
}

func (c *CommandConfig) common() *Common    { return &c.Common }
func (c *CommandConfig) http() *HTTP        { return &c.HTTP }
func (c *ProjectionConfig) common() *Common { return &c.Common }
func (c *ProjectionConfig) http() *HTTP     { return nil }
func (c *ProcessConfig) common() *Common    { return &c.Common }
func (c *ProcessConfig) http() *HTTP        { return nil }
func (c *QueryConfig) common() *Common      { return &c.Common }
func (c *QueryConfig) http() *HTTP          { return &c.HTTP }

// Process is a service as the whole process.
type Process struct {
	Program   string    // with the commands of operators, for messages: "shop"
	Call      string    // how the service is started, for messages: "shop command"
	Service   string    // "command", "projection", "query" or "process"
	Args      []string  // of the service: none, or -h
	Config    Config    // is read from the environment
	Variables Variables // of the program
	Run       func(ctx context.Context, env Env) error
}

// UntilSignal returns a context that ends when the process gets SIGINT or SIGTERM. A second signal ends the process
// immediately.
func UntilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Main runs a service until ctx ends: it reads the configuration from the environment, serves the health and the admin port, and calls Run. It
// returns the exit status: 2 after a wrong configuration or argument, 1 after another error, which it has printed.
func Main(ctx context.Context, p Process) int {
	errOut := redact.Writer(os.Stderr)
	settings := settings{connections: &Connections{}, own: p.Config, common: p.Config.common(), http: p.Config.http(), program: p.Variables}
	if len(p.Args) > 0 {
		return p.printUsage(settings)
	}
	if err := settings.load(p.Service); err != nil {
		fmt.Fprintf(errOut, "%s: %v\n(%s -h lists all variables)\n", p.Call, err, p.Call)
		return 2
	}
	if err := p.serve(ctx, settings); err != nil {
		fmt.Fprintf(errOut, "%s: %v\n", p.Call, err)
		return 1
	}
	return 0
}

// printUsage handles the arguments of a service: only -h is allowed. It returns the exit status.
func (p Process) printUsage(s settings) int {
	var out io.Writer = os.Stdout
	code := 0
	switch p.Args[0] {
	case "-h", "-help", "--help":
	default:
		fmt.Fprintf(os.Stderr, "%s takes no argument %q\n\n", p.Call, p.Args[0])
		out, code = os.Stderr, 2
	}
	var usage strings.Builder
	if err := s.usage(&usage, p.Program, p.Service); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Call, err)
		return 1
	}
	fmt.Fprint(out, usage.String())
	return code
}

func (p Process) serve(ctx context.Context, s settings) error {
	name := p.Service
	level := new(slog.LevelVar)
	parsed, err := parseLevel(s.common.LogLevel)
	if err != nil {
		return err
	}
	level.Set(parsed)
	logger := NewLogger(os.Stderr, s.common.LogFormat, level).With("service", name)
	p.Variables.WarnUnknown(ctx, logger)
	env := Env{Name: name, Program: p.Program, Connections: *s.connections, Common: *s.common, Logger: logger, Admin: NewAdmin(level, observe.NewMetrics(name), s.common.Pprof)}
	env.Admin.API.LogActions(logger)
	limitHeap()
	stopTraces, err := observe.StartTraces(ctx, "orchestrix-"+name, logger)
	if err != nil {
		return err
	}
	defer stopTraces()
	ports, err := env.ports(ctx)
	if err != nil {
		return err
	}
	// The ports are the first parts: they answer while the others start, and while they stop.
	err = Run(ctx, s.common.ShutdownTimeout, logger, append(ports, Part{Name: "garbage", Run: paceGarbage}, Part{Name: name, Run: func(part context.Context) error {
		err := p.Run(part, env)
		if part.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}})...)
	logger.InfoContext(ctx, "stopped")
	return err
}

// ports opens the health port, and the admin port where there are tokens for it.
func (e Env) ports(ctx context.Context) ([]Part, error) {
	health, err := Listen(ctx, Prefix+"_HEALTH_ADDR", e.Common.HealthAddr)
	if err != nil {
		return nil, err
	}
	if e.Common.AdminTokenFile == "" {
		e.Logger.InfoContext(ctx, "started", "health", "http://"+health.Addr().String(), "admin", "none, without "+Prefix+"_ADMIN_TOKEN_FILE")
		return e.Admin.Parts(health, nil, nil, WebGuard{}, e.Logger)
	}
	tokens := adminapi.TokenFile(e.Common.AdminTokenFile)
	if _, err := tokens(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s_ADMIN_TOKEN_FILE: %w", Prefix, err), health.Close())
	}
	admin, err := Listen(ctx, Prefix+"_ADMIN_ADDR", e.Common.AdminAddr)
	if err != nil {
		return nil, errors.Join(err, health.Close())
	}
	e.Logger.InfoContext(ctx, "started", "health", "http://"+health.Addr().String(), "admin", "http://"+admin.Addr().String())
	return e.Admin.Parts(health, admin, tokens, WebGuard{}, e.Logger)
}
