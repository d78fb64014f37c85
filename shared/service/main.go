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

// Main runs a service: it reads the environment into config, serves the admin port, and runs until the
// process gets SIGINT or SIGTERM; a second signal ends it immediately. It returns the exit status.
func Main(name string, config Config, run func(ctx context.Context, env Env) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	settings := settings{connections: &Connections{}, own: config, common: config.common(), http: config.http()}
	if len(os.Args) > 1 {
		return printUsage(os.Args[1:], settings, name)
	}
	if err := settings.load(name); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n(%s -h lists all variables)\n", name, err, name)
		return 2
	}
	if err := serve(ctx, name, settings, run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// printUsage handles the arguments of a service: only -h is allowed. It returns the exit status.
func printUsage(args []string, s settings, name string) int {
	var out io.Writer = os.Stdout
	code := 0
	switch args[0] {
	case "-h", "-help", "--help":
	default:
		fmt.Fprintf(os.Stderr, "%s takes no argument %q\n\n", name, args[0])
		out, code = os.Stderr, 2
	}
	if err := s.usage(out, name); err != nil {
		return 1
	}
	return code
}

func serve(ctx context.Context, name string, s settings, run func(ctx context.Context, env Env) error) error {
	level := new(slog.LevelVar)
	parsed, err := parseLevel(s.common.LogLevel)
	if err != nil {
		return err
	}
	level.Set(parsed)
	logger := NewLogger(os.Stderr, s.common.LogFormat, level).With("service", name)
	for _, variable := range unknownVariables() {
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
		err := run(part, env)
		if part.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}})
	logger.InfoContext(ctx, "stopped")
	return err
}
