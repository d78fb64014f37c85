// Package dev runs the whole platform on one machine, in one process: NATS, Postgres and all services.
package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// box holds the addresses and directories of the platform.
type box struct {
	CommandURL  string `json:"command_url"`
	QueryURL    string `json:"query_url"`
	AdminURL    string `json:"admin_url"`
	NATSURL     string `json:"nats_url"`
	DatabaseURL string `json:"database_url"`
	DataDir     string `json:"data_dir"`
}

const (
	devDrain      = 20 * time.Second
	devPartitions = 4
)

// Options are the settings of [Run].
type Options struct {
	Name                                        string // of the program
	Modules                                     []es.Module
	Hooks                                       platform.Hooks
	DataDir, Log                                string // Log is the store of the log
	CommandAddr, QueryAddr, AdminAddr, NATSAddr string
	Ephemeral                                   bool // keep the data in a temporary directory
	Memory                                      bool // keep the data in memory
	JSON                                        bool // print the addresses as JSON
}

// Run runs the platform until ctx ends, and prints its addresses to out when it is ready.
func Run(ctx context.Context, out io.Writer, o Options) (err error) {
	if o.Log != service.LogInJetStream && o.Log != service.LogInPostgres {
		return fmt.Errorf("--log is %q, it may be jetstream or postgres", o.Log)
	}
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	d := dev{modules: o.Modules, hooks: o.Hooks, log: o.Log, level: level, logger: service.NewLogger(os.Stderr, "auto", level), listeners: map[string]net.Listener{}}
	defer func() { err = errors.Join(err, d.close()) }()
	for flag, addr := range map[string]string{"command-addr": o.CommandAddr, "query-addr": o.QueryAddr, "admin-addr": o.AdminAddr} {
		listener, err := service.Listen(ctx, "--"+flag, addr)
		if err != nil {
			return err
		}
		d.atEnd(func() error { _ = listener.Close(); return nil }) // its server has closed it
		d.listeners[flag] = listener
	}
	d.CommandURL = "http://" + d.listeners["command-addr"].Addr().String()
	d.QueryURL = "http://" + d.listeners["query-addr"].Addr().String()
	d.AdminURL = "http://" + d.listeners["admin-addr"].Addr().String()
	if o.Memory {
		d.open, d.log = platform.InMemory(devPartitions), service.LogInJetStream // memory replaces it
	} else if err := d.startBackends(ctx, o); err != nil {
		return err
	}
	stopTraces, err := observe.StartTraces(ctx, "orchestrix-dev", d.logger)
	if err != nil {
		return err
	}
	defer stopTraces()
	return d.runServices(ctx, out, o.JSON)
}

// dev is the platform in one process.
type dev struct {
	box
	modules   []es.Module
	hooks     platform.Hooks
	log       string
	open      platform.Opener
	listeners map[string]net.Listener
	level     *slog.LevelVar
	logger    *slog.Logger
	ends      []func() error
}

func (d *dev) atEnd(f func() error) { d.ends = append(d.ends, f) }

// close stops what was started, in reverse order.
func (d *dev) close() (err error) {
	for _, end := range slices.Backward(d.ends) {
		err = errors.Join(err, end())
	}
	return err
}

// startBackends starts NATS and Postgres.
func (d *dev) startBackends(ctx context.Context, o Options) error {
	dir, remove, err := devDir(ctx, o)
	if err != nil {
		return err
	}
	d.atEnd(remove)
	if d.log == service.LogInJetStream {
		nats, err := local.StartNATS(ctx, local.NATSOptions{Addr: o.NATSAddr, Dir: filepath.Join(dir, "nats"), Logger: d.logger})
		if err != nil {
			return err
		}
		d.atEnd(nats.Close)
		d.NATSURL = nats.URL()
	}
	postgres, err := local.StartPostgres(ctx, local.PostgresOptions{
		DatabaseURL: os.Getenv(local.DatabaseURLVariable), Dir: filepath.Join(dir, "postgres"), Logger: d.logger,
	})
	if err != nil {
		return err
	}
	d.atEnd(postgres.Close)
	d.DatabaseURL, d.DataDir, d.open = postgres.URL(), dir, platform.Open
	return nil
}

// devDir returns the directory of the data, and a function that ends its use.
func devDir(ctx context.Context, o Options) (dir string, remove func() error, err error) {
	if o.Ephemeral {
		temp, err := local.NewTempDir(ctx)
		if err != nil {
			return "", nil, err
		}
		return temp.Path(), temp.Remove, nil
	}
	if dir = o.DataDir; dir == "" {
		if dir, err = local.DefaultDataDir(); err != nil {
			return "", nil, err
		}
	}
	dir, err = filepath.Abs(dir)
	return dir, func() error { return nil }, err
}

func (d *dev) runServices(ctx context.Context, out io.Writer, asJSON bool) error {
	admin := service.NewAdmin(d.level, observe.NewMetrics("dev"), true) // of all services
	common := service.Common{Log: d.log, ShutdownTimeout: devDrain, Partitions: devPartitions, Replicas: 1, DatabaseConns: 10}
	env := func(name string) service.Env {
		e := service.Env{
			Name: name, Common: common, Logger: d.logger.With("service", name), Admin: admin.Share(),
			Connections: service.Connections{NATSURL: d.NATSURL, DatabaseURL: d.DatabaseURL}, Listener: d.listeners[name+"-addr"],
		}
		admin.Health.Add(service.Check{Name: name, Probe: e.Admin.Health.Ready})
		return e
	}
	app := platform.Services{Modules: d.modules, Open: d.open, Hooks: d.hooks}
	command, query, projection := env("command"), env("query"), env("projection")
	process := service.Part{Name: "process", Run: idle} // processes need the bus
	if d.log == service.LogInJetStream {
		processEnv := env("process")
		process.Run = func(ctx context.Context) error {
			return app.Process(ctx, processEnv, service.ProcessConfig{Common: common})
		}
	}
	admin.Health.Started()
	adminServer := service.HTTPServer{Name: "admin", Listener: d.listeners["admin-addr"], Handler: admin.Mux, Logger: d.logger}
	return service.Run(ctx, 2*devDrain, d.logger, adminServer.Part(), process,
		service.Part{Name: "projection", Run: func(ctx context.Context) error {
			return app.Projection(ctx, projection, service.ProjectionConfig{Common: common})
		}},
		service.Part{Name: "query", Run: func(ctx context.Context) error {
			return app.Query(ctx, query, service.QueryConfig{Common: common})
		}},
		service.Part{Name: "command", Run: func(ctx context.Context) error {
			return app.Command(ctx, command, service.CommandConfig{Common: common})
		}},
		service.Part{Name: "box", Run: func(ctx context.Context) error { return d.announce(ctx, admin.Health, out, asJSON) }})
}

// announce prints the addresses when all services are ready.
func (d *dev) announce(ctx context.Context, health *service.Health, out io.Writer, asJSON bool) error {
	for health.Ready(ctx) != nil {
		if !retry.Sleep(ctx, 50*time.Millisecond) {
			return nil
		}
	}
	if err := d.print(out, asJSON); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// idle waits until ctx ends.
func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (b box) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b)
	}
	_, err := fmt.Fprintf(out, `
  Orchestrix is ready.

  commands   %[1]s    docs %[1]s/docs
  queries    %[2]s    docs %[2]s/docs
  admin      %[3]s
%[4]s
  Try it:

  curl -X POST %[1]s/v1/commands/order/1/place -H 'Content-Type: application/json' -d '{"customer_id":"ALFKI","customer_name":"Alfreds Futterkiste","country":"Germany","ordered_at":"2026-01-02","required_at":"2026-01-30","freight":"29.46","lines":[{"product_id":"28","product":"Rössle Sauerkraut","unit_price":"45.60","quantity":15,"discount":"0.25"}]}'
  curl %[2]s/v1/views/order-summary/1

  Ctrl-C stops it.

`, b.CommandURL, b.QueryURL, b.AdminURL, b.backends())
	return err
}

// backends returns the lines with the addresses of NATS and Postgres, and the directory of the data.
func (b box) backends() string {
	if b.DataDir == "" {
		return "  data       in memory: lost at the end\n"
	}
	text := fmt.Sprintf("  Postgres   %s\n  data       %s\n", b.DatabaseURL, b.DataDir)
	if b.NATSURL == "" {
		return text + "  processes  none: they need the message bus, which a log in Postgres does not have\n"
	}
	return "  NATS       " + b.NATSURL + "\n" + text
}
