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

	"github.com/orchestrix-go/orchestrix/shared/observe"
)

// Env is the environment that a service runs in.
type Env struct {
	Name        string
	Connections Connections
	Common      Common
	Logger      *slog.Logger
	Admin       *Admin
	Listener    net.Listener // of the HTTP API; nil: the service opens one
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
	Program   string    // that has the service as a subcommand, for messages; empty: the service is the program
	Service   string    // "command", "projection", "query" or "process"
	Args      []string  // of the service: none, or -h
	Config    Config    // is read from the environment
	Variables Variables // of the program
	Run       func(ctx context.Context, env Env) error
}

// call is how the service is started.
func (p Process) call() string { return strings.TrimSpace(p.Program + " " + p.Service) }

// own returns a text that names commands of the program, such as 'orchestrix migrate', with the name of this program.
func (p Process) own(text string) string {
	if p.Program == "" {
		return text
	}
	return strings.ReplaceAll(text, "'orchestrix ", "'"+p.Program+" ")
}

// UntilSignal returns a context that ends when the process gets SIGINT or SIGTERM. A second signal ends the process
// immediately.
func UntilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Main runs a service until ctx ends: it reads the configuration from the environment, serves the admin port, and calls Run. It
// returns the exit status: 2 after a wrong configuration or argument, 1 after another error, which it has printed.
func Main(ctx context.Context, p Process) int {
	settings := settings{connections: &Connections{}, own: p.Config, common: p.Config.common(), http: p.Config.http(), program: p.Variables}
	if len(p.Args) > 0 {
		return p.printUsage(settings)
	}
	if err := settings.load(p.Service); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n(%s -h lists all variables)\n", p.call(), p.own(err.Error()), p.call())
		return 2
	}
	if err := p.serve(ctx, settings); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", p.call(), p.own(err.Error()))
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
		fmt.Fprintf(os.Stderr, "%s takes no argument %q\n\n", p.call(), p.Args[0])
		out, code = os.Stderr, 2
	}
	var usage strings.Builder
	if err := s.usage(&usage, p.Service); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.call(), err)
		return 1
	}
	fmt.Fprint(out, p.own(usage.String()))
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
	for _, variable := range unknownVariables(p.Variables) {
		logger.WarnContext(ctx, "unknown variable: it has no effect", "variable", variable)
	}
	env := Env{Name: name, Connections: *s.connections, Common: *s.common, Logger: logger, Admin: NewAdmin(level, observe.NewMetrics(name), s.common.Pprof)}
	stopTraces, err := observe.StartTraces(ctx, "orchestrix-"+name, logger)
	if err != nil {
		return err
	}
	defer stopTraces()
	listener, err := Listen(ctx, Prefix+"_ADMIN_ADDR", s.common.AdminAddr)
	if err != nil {
		return err
	}
	logger.InfoContext(ctx, "started", "admin", "http://"+listener.Addr().String())
	admin := HTTPServer{Name: "admin", Listener: listener, Handler: env.Admin.Mux, Logger: logger}
	// The admin port is the first part: it answers while the others start, and while they stop.
	err = Run(ctx, s.common.ShutdownTimeout, logger, admin.Part(), Part{Name: "garbage", Run: paceGarbage}, Part{Name: name, Run: func(part context.Context) error {
		err := p.Run(part, env)
		if part.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}})
	logger.InfoContext(ctx, "stopped")
	return err
}
