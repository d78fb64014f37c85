package main

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
	"time"

	"github.com/spf13/cobra"

	"orchestrix/services"
	"orchestrix/shared/local"
	"orchestrix/shared/service"
)

// box is where everything is.
type box struct {
	CommandURL  string `json:"command_url"`
	QueryURL    string `json:"query_url"`
	AdminURL    string `json:"admin_url"`
	NATSURL     string `json:"nats_url"`
	DatabaseURL string `json:"database_url"`
	DataDir     string `json:"data_dir"`
}

const devDrain = 20 * time.Second

func runDev(ctx context.Context, cmd *cobra.Command, o devOptions) (err error) {
	dir, remove, err := devDir(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	logger := service.NewLogger(os.Stderr, "auto", level)

	listeners := map[string]net.Listener{}
	for flag, addr := range map[string]string{"command-addr": o.commandAddr, "query-addr": o.queryAddr, "admin-addr": o.adminAddr} {
		listener, err := service.Listen(ctx, "--"+flag, addr)
		if err != nil {
			return err
		}
		defer listener.Close() //nolint:errcheck // its server has closed it
		listeners[flag] = listener
	}
	nats, err := local.StartNATS(ctx, local.NATSOptions{Addr: o.natsAddr, Dir: filepath.Join(dir, "nats"), Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nats.Close()) }()
	postgres, err := local.StartPostgres(ctx, local.PostgresOptions{
		DatabaseURL: os.Getenv(local.DatabaseURLVariable), Dir: filepath.Join(dir, "postgres"), Logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, postgres.Close()) }()

	b := box{
		CommandURL: "http://" + listeners["command-addr"].Addr().String(), QueryURL: "http://" + listeners["query-addr"].Addr().String(),
		AdminURL: "http://" + listeners["admin-addr"].Addr().String(), NATSURL: nats.URL(), DatabaseURL: postgres.URL(), DataDir: dir,
	}
	return runServices(ctx, cmd.OutOrStdout(), o.json, b, listeners, level, logger)
}

// devDir is the directory of the data, and what to do with it at the end.
func devDir(ctx context.Context, o devOptions) (dir string, remove func() error, err error) {
	if o.ephemeral {
		temp, err := local.NewTempDir(ctx)
		if err != nil {
			return "", nil, err
		}
		return temp.Path(), temp.Remove, nil
	}
	if dir = o.dataDir; dir == "" {
		if dir, err = local.DefaultDataDir(); err != nil {
			return "", nil, err
		}
	}
	dir, err = filepath.Abs(dir)
	return dir, func() error { return nil }, err
}

func runServices(ctx context.Context, out io.Writer, asJSON bool, b box, listeners map[string]net.Listener, level *slog.LevelVar, logger *slog.Logger) error {
	admin := service.NewAdmin(level, true)
	common := service.Common{ShutdownTimeout: devDrain, Partitions: 4, Replicas: 1, DatabaseConns: 10}
	env := func(name string) service.Env {
		e := service.Env{
			Name: name, Common: common, Logger: logger.With("service", name), Admin: service.NewAdmin(level, false),
			Connections: service.Connections{NATSURL: b.NATSURL, DatabaseURL: b.DatabaseURL}, Listener: listeners[name+"-addr"],
		}
		admin.Health.Add(service.Check{Name: name, Probe: e.Admin.Health.Ready})
		return e
	}
	command, query, projection := env("command"), env("query"), env("projection")
	admin.Mux.Handle("GET /projections", projection.Admin.Mux)
	admin.Health.Started()
	adminServer := service.HTTPServer{Name: "admin", Listener: listeners["admin-addr"], Handler: admin.Mux, Logger: logger}
	return service.Run(ctx, 2*devDrain, logger, adminServer.Part(),
		service.Part{Name: "projection", Run: func(ctx context.Context) error {
			return services.Projection(ctx, projection, service.ProjectionConfig{Common: common})
		}},
		service.Part{Name: "query", Run: func(ctx context.Context) error {
			return services.Query(ctx, query, service.QueryConfig{Common: common})
		}},
		service.Part{Name: "command", Run: func(ctx context.Context) error {
			return services.Command(ctx, command, service.CommandConfig{Common: common})
		}},
		service.Part{Name: "box", Run: func(ctx context.Context) error {
			for admin.Health.Ready(ctx) != nil {
				select {
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
					return nil
				}
			}
			if err := b.print(out, asJSON); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}})
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
  NATS       %[4]s
  Postgres   %[5]s
  data       %[6]s

  Try it:

  curl -X POST %[1]s/v1/commands/order/1/place -H 'Content-Type: application/json' -d '{"customer_id":"ALFKI","customer_name":"Alfreds Futterkiste","country":"Germany","ordered_at":"2026-01-02","required_at":"2026-01-30","freight":"29.46","lines":[{"product_id":"28","product":"Rössle Sauerkraut","unit_price":"45.60","quantity":15,"discount":"0.25"}]}'
  curl %[2]s/v1/views/order-summary/1

  Ctrl-C stops it.

`, b.CommandURL, b.QueryURL, b.AdminURL, b.NATSURL, b.DatabaseURL, b.DataDir)
	return err
}
