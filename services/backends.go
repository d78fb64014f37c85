package services

import (
	"context"
	"errors"
	"net"

	"github.com/nats-io/nats.go"

	"orchestrix/domain"
	"orchestrix/shared/es"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/postgres"
	"orchestrix/shared/schema"
	"orchestrix/shared/service"
)

// domainOf registers every bounded context.
func domainOf() (*es.Registry, *schema.Schemas, error) {
	registry, err := es.NewRegistry(domain.Modules()...)
	if err != nil {
		return nil, nil, err
	}
	schemas, err := schema.New(registry)
	return registry, schemas, err
}

// log is the event log with its connection.
type log struct {
	*jetstream.Log
	connection *nats.Conn
}

// openLog waits for NATS and opens the log on it.
func openLog(ctx context.Context, env service.Env) (*log, error) {
	connection, err := service.Await(ctx, env.Logger, "NATS", func(ctx context.Context) (*nats.Conn, error) {
		return jetstream.Connect(ctx, env.Connections.NATSURL, "orchestrix-"+env.Name, env.Logger)
	})
	if err != nil {
		return nil, err
	}
	opened, err := service.Await(ctx, env.Logger, "the log", func(ctx context.Context) (*jetstream.Log, error) {
		l, err := jetstream.Open(ctx, connection, jetstream.Config{
			Partitions: env.Common.Partitions, Replicas: env.Common.Replicas, Logger: env.Logger,
		})
		if err != nil && !errors.Is(err, es.ErrUnavailable) {
			err = service.Permanent(err)
		}
		return l, err
	})
	if err != nil {
		connection.Close()
		return nil, err
	}
	env.Admin.Health.Add(service.Check{Name: "log", Probe: opened.Ping})
	return &log{Log: opened, connection: connection}, nil
}

// openDatabase prepares the connection to Postgres, and adds its check.
func openDatabase(env service.Env, optional bool) (*postgres.DB, error) {
	db, err := postgres.Connect(env.Connections.DatabaseURL, postgres.Options{
		Conns: env.Common.DatabaseConns, Application: "orchestrix-" + env.Name,
	})
	if err != nil {
		return nil, err
	}
	env.Admin.Health.Add(service.Check{Name: "postgres", Optional: optional, Probe: db.Ping})
	return db, nil
}

// migrate waits for Postgres and brings its tables up to date.
func migrate(ctx context.Context, env service.Env, db *postgres.DB) error {
	_, err := service.Await(ctx, env.Logger, "Postgres", func(ctx context.Context) (struct{}, error) {
		err := db.Migrate(ctx)
		if err != nil && !errors.Is(err, es.ErrUnavailable) {
			err = service.Permanent(err)
		}
		return struct{}{}, err
	})
	return err
}

// readiness is the part that says that the service takes requests; it is stopped first.
func readiness(env service.Env) service.Part {
	return service.Part{Name: "readiness", Run: func(ctx context.Context) error {
		env.Admin.Health.Started()
		<-ctx.Done()
		env.Admin.Health.Draining()
		return nil
	}}
}

func listen(ctx context.Context, env service.Env, addr string) (net.Listener, error) {
	if env.Listener != nil {
		return env.Listener, nil
	}
	return service.Listen(ctx, service.Prefix+"_ADDR", addr)
}
