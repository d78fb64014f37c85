package platform

import (
	"context"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Migrate creates the tables and the streams that the services need, and brings the tables up to date. It waits for
// Postgres and NATS until ctx ends, and may be run again at any time, also while services run. It also creates or
// changes the roles, if there are any.
func Migrate(ctx context.Context, env service.Env, roles []postgres.Role) error {
	env.Common.AwaitMigration = false
	db, err := postgres.Connect(env.Connections.DatabaseURL, postgres.Options{Application: "orchestrix-" + env.Name})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := migrate(ctx, env, db); err != nil {
		return err
	}
	env.Logger.InfoContext(ctx, "the tables are up to date")
	if len(roles) > 0 {
		if err := db.SetRoles(ctx, roles); err != nil {
			return err
		}
		env.Logger.InfoContext(ctx, "the roles are up to date", "roles", len(roles))
	}
	if env.Common.Log == service.LogInPostgres {
		_, err := openPostgresLog(ctx, env, db)
		return err
	}
	return createStreams(ctx, env)
}

// createStreams creates the streams of JetStream.
func createStreams(ctx context.Context, env service.Env) error {
	connection, err := connectNATS(ctx, env)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := openStreams(ctx, env, connection); err != nil {
		return err
	}
	env.Logger.InfoContext(ctx, "the streams exist")
	return nil
}

// logConfig returns the configuration of the log in JetStream.
func logConfig(env service.Env) jetstream.Config {
	return jetstream.Config{
		Partitions: env.Common.Partitions, Replicas: env.Common.Replicas, Sender: env.Name, Logger: env.Logger,
		HeldBytes: service.BusBytes(),
		Observer:  jetstream.Observer{Retry: env.Admin.Metrics.Commands.Retried, AmbiguousAck: env.Admin.Metrics.Commands.Ambiguous, Noise: env.Admin.Metrics.Commands.Noise},
	}
}
