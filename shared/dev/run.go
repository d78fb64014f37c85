// Package dev runs the whole platform on one machine, in one process: NATS, Postgres and all services.
package dev

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

const (
	devDrain      = 20 * time.Second
	devPartitions = 4
)

// Options are the settings of [Run].
type Options struct {
	Name, Version                    string // of the program; Name also names the default data directory
	Modules                          []es.Module
	Hooks                            platform.Hooks
	Variables                        service.Variables // of the program, already loaded
	DataDir, Log                     string            // Log is the store of the log
	CommandAddr, QueryAddr, NATSAddr string
	HealthAddr, AdminAddr            string
	Hosts                            []string // names of this machine by which the ports may be called, besides localhost
	TrustedOrigins                   []string // of web pages: see [service.WebGuard]
	Profiles                         bool     // serve profiles of Go on the admin port
	Ephemeral                        bool     // keep the data in a temporary directory
	Memory                           bool     // keep the data in memory
	JSON                             bool     // print the addresses as JSON
}

// Run runs the platform until ctx ends, and prints its addresses to out when it is ready.
func Run(ctx context.Context, out io.Writer, o Options) (err error) {
	if o.Log != service.LogInJetStream && o.Log != service.LogInPostgres {
		return fmt.Errorf("--log is %q, it may be jetstream or postgres", o.Log)
	}
	trial, err := newTrial(o.Modules)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	d := dev{options: o, log: o.Log, level: level, logger: service.NewLogger(os.Stderr, "auto", level), listeners: map[string]net.Listener{}}
	d.box = box{trial: trial, Instance: local.Instance{
		Program: cmp.Or(o.Name, "orchestrix"), Version: o.Version, PID: os.Getpid(), StartedAt: time.Now().UTC(), Log: o.Log, AdminToken: rand.Text(),
	}}
	o.Variables.WarnUnknown(ctx, d.logger)
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.openDataDir(ctx, o); err != nil {
		return err
	}
	if err := d.listen(ctx, o); err != nil {
		return err
	}
	if o.Memory {
		d.open, d.log, d.Log = platform.InMemory(devPartitions), service.LogInJetStream, local.LogInMemory // memory replaces it
	} else if err := d.startBackends(ctx, o); err != nil {
		return err
	}
	if err := d.publish(); err != nil {
		return err
	}
	stopTraces, err := observe.StartTraces(ctx, "orchestrix-dev", d.logger)
	if err != nil {
		return err
	}
	defer stopTraces()
	return d.runServices(ctx, out)
}

// dev is the platform in one process.
type dev struct {
	box
	options   Options
	log       string
	open      platform.Opener
	listeners map[string]net.Listener
	level     *slog.LevelVar
	logger    *slog.Logger
	claims    []*local.InstanceClaim
	ends      []func() error
}

// listen opens the ports of the services.
func (d *dev) listen(ctx context.Context, o Options) error {
	for flag, addr := range map[string]string{"command-addr": o.CommandAddr, "query-addr": o.QueryAddr, "health-addr": o.HealthAddr, "admin-addr": o.AdminAddr} {
		listener, err := service.Listen(ctx, "--"+flag, addr)
		if err != nil {
			return err
		}
		d.atEnd(func() error { _ = listener.Close(); return nil }) // its server has closed it
		d.listeners[flag] = listener
	}
	d.CommandURL = "http://" + d.listeners["command-addr"].Addr().String()
	d.QueryURL = "http://" + d.listeners["query-addr"].Addr().String()
	d.HealthURL = "http://" + d.listeners["health-addr"].Addr().String()
	d.AdminURL = "http://" + d.listeners["admin-addr"].Addr().String()
	return nil
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
	databaseURL := os.Getenv(local.DatabaseURLVariable)
	if databaseURL == "" { // before NATS: the directory may be one that Postgres can't use
		dir, err := local.PostgresDir(d.DataDir)
		if err != nil {
			return err
		}
		d.PostgresDir = dir
	}
	if d.log == service.LogInJetStream {
		nats, err := local.StartNATS(ctx, local.NATSOptions{Addr: o.NATSAddr, Dir: filepath.Join(d.DataDir, "nats"), Logger: d.logger})
		if err != nil {
			return err
		}
		d.atEnd(nats.Close)
		d.NATSURL = nats.URL()
	}
	postgres, err := local.StartPostgres(ctx, local.PostgresOptions{DatabaseURL: databaseURL, Dir: d.PostgresDir, Logger: d.logger})
	if err != nil {
		return err
	}
	d.atEnd(postgres.Close)
	d.DatabaseURL, d.open = postgres.URL(), platform.Open
	return nil
}

func (d *dev) runServices(ctx context.Context, out io.Writer) error {
	admin := service.NewAdmin(d.level, observe.NewMetrics("dev"), d.options.Profiles) // of all services
	admin.API.LogActions(d.logger)
	hosts := append([]string{"localhost"}, d.options.Hosts...)
	common := service.Common{Log: d.log, ShutdownTimeout: devDrain, Partitions: devPartitions, Replicas: 1, DatabaseConns: 10}
	env := func(name string) service.Env {
		e := service.Env{
			Name: name, Program: d.Program, Common: common, Logger: d.logger.With("service", name), Admin: admin.Share(), Hosts: hosts,
			Connections: service.Connections{NATSURL: d.NATSURL, DatabaseURL: d.DatabaseURL}, Listener: d.listeners[name+"-addr"],
		}
		admin.Health.Add(service.Check{Name: name, Probe: e.Admin.Health.Ready})
		return e
	}
	app := platform.Services{Modules: d.options.Modules, Open: d.open, Hooks: d.options.Hooks}
	api := service.HTTP{TrustedOrigins: d.options.TrustedOrigins}
	command, query, projection := env("command"), env("query"), env("projection")
	process := service.Part{Name: platform.ProcessUser, Run: d.withoutProcesses}
	if d.log == service.LogInJetStream {
		processEnv := env("process")
		process.Run = func(ctx context.Context) error {
			return app.Process(ctx, processEnv, service.ProcessConfig{Common: common})
		}
	}
	ports, err := admin.Parts(d.listeners["health-addr"], d.listeners["admin-addr"], adminapi.OneToken(operator, d.AdminToken), service.WebGuard{Hosts: hosts}, d.logger)
	if err != nil {
		return err
	}
	admin.Health.Started()
	return service.Run(ctx, 2*devDrain, d.logger, append(ports, process,
		service.Part{Name: "projection", Run: func(ctx context.Context) error {
			return app.Projection(ctx, projection, service.ProjectionConfig{Common: common})
		}},
		service.Part{Name: "query", Run: func(ctx context.Context) error {
			return app.Query(ctx, query, service.QueryConfig{Common: common, HTTP: api})
		}},
		service.Part{Name: "command", Run: func(ctx context.Context) error {
			return app.Command(ctx, command, service.CommandConfig{Common: common, HTTP: api})
		}},
		service.Part{Name: "box", Run: func(ctx context.Context) error { return d.announce(ctx, admin.Health, out) }})...)
}

// operator is who asks for the actions that are sent with the token of dev.
const operator = "dev"

// patience is the time after which dev says what it waits for, again and again.
const patience = 10 * time.Second

// announce prints the addresses when all services are ready, and every view can be read.
func (d *dev) announce(ctx context.Context, health *service.Health, out io.Writer) error {
	for said := time.Now(); ; {
		err := health.Ready(ctx)
		if err == nil {
			break
		}
		if time.Since(said) > patience {
			d.logger.WarnContext(ctx, "not ready yet", "error", err)
			said = time.Now()
		}
		if !retry.Sleep(ctx, 50*time.Millisecond) {
			return nil
		}
	}
	if err := d.print(out, d.options.JSON); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// withoutProcesses is the process service of a log in Postgres: it names the parts that don't run, and waits until ctx ends.
func (d *dev) withoutProcesses(ctx context.Context) error {
	for _, part := range d.options.Hooks.Parts {
		if part.Service == platform.ProcessUser {
			d.logger.WarnContext(ctx, "a part of the process service does not run: the service needs the message bus, which a log in Postgres does not have", "part", part.Name)
		}
	}
	<-ctx.Done()
	return nil
}
