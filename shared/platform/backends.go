package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Backends are the stores that a service uses.
type Backends struct {
	Log       port.Log
	Views     port.ViewStore
	Snapshots port.Snapshots
	// Bus, Deadlines and Statuses are nil if the log is in Postgres, where there is no message bus.
	Bus       port.MessageBus
	Deadlines port.Deadlines
	Statuses  port.KeyValue // of asynchronous commands
	// StatusesSize returns the size of Statuses in bytes; nil if there is no limit to enforce.
	StatusesSize func(context.Context) (uint64, error)
	// Reply publishes to an inbox of NATS; nil without NATS.
	Reply func(ctx context.Context, subject string, body []byte) error
	// Prepare waits until the views and the snapshots can be used.
	Prepare func(ctx context.Context) error
	// Gone is closed when a backend is lost permanently: the service has to restart. Nil: that never happens.
	Gone  <-chan struct{}
	Close func()
}

// Opener opens the backends of a service. It waits for the log, and adds a check of each backend to the health of the
// service; the check of the database is optional if databaseOptional.
type Opener func(ctx context.Context, env service.Env, databaseOptional bool) (*Backends, error)

// Open is the [Opener] of a deployment: the log on JetStream or in Postgres, views and snapshots in Postgres.
func Open(ctx context.Context, env service.Env, databaseOptional bool) (*Backends, error) {
	options := postgres.Options{Conns: env.Common.DatabaseConns, Application: "orchestrix-" + env.Name}
	if tracer := observe.PostgresTracer(); tracer != nil {
		options.Tracer = tracer
	}
	db, err := postgres.Connect(env.Connections.DatabaseURL, options)
	if err != nil {
		return nil, err
	}
	keyFile := service.WatchFiles(env.Common.SnapshotKeyFile)
	keys, err := snapshotKeys(env)
	if err != nil {
		db.Close()
		return nil, err
	}
	observePool(env, db)
	inPostgres := env.Common.Log == service.LogInPostgres
	env.Admin.Health.Add(service.Check{Name: "postgres", Optional: databaseOptional && !inPostgres, Probe: db.Ping})
	backends := &Backends{
		Views: postgres.NewViews(db), Snapshots: postgres.NewSnapshots(db, keys),
		Prepare: func(ctx context.Context) error { return migrate(ctx, env, db) },
		Close:   db.Close,
	}
	if inPostgres {
		backends.Log, err = openPostgresLog(ctx, env, db)
	} else {
		err = openJetStream(ctx, env, backends)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	if keys != nil {
		closeStores, stopFollowing := backends.Close, followSnapshotKeys(ctx, keys, keyFile, env.Logger)
		backends.Close = func() { stopFollowing(); closeStores() }
	}
	return backends, nil
}

// snapshotKeys reads the keys of the service's snapshots; nil where there are none, as in dev.
func snapshotKeys(env service.Env) (*postgres.Keyring, error) {
	file := env.Common.SnapshotKeyFile
	if file == "" {
		return nil, nil //nolint:nilnil // a nil keyring is one without keys
	}
	keys, err := postgres.ReadKeyring(file)
	if err != nil {
		return nil, fmt.Errorf("%s_SNAPSHOT_KEY_FILE: %w", service.Prefix, err)
	}
	return keys, nil
}

// openPostgresLog waits for Postgres and opens the log in it.
func openPostgresLog(ctx context.Context, env service.Env, db *postgres.DB) (port.Log, error) {
	if err := migrate(ctx, env, db); err != nil {
		return nil, err
	}
	open := postgres.OpenLog
	if env.Common.AwaitMigration {
		open = postgres.OpenExistingLog
	}
	log, err := service.Await(ctx, env.Logger, "the log", func(ctx context.Context) (*postgres.Log, error) {
		log, err := open(ctx, db, postgres.LogConfig{Partitions: env.Common.Partitions})
		return log, unlessUnavailable(WithAdvice(err, env.Program))
	})
	if err != nil {
		return nil, err
	}
	if unsynced, err := log.Unsynced(ctx); err != nil || len(unsynced) > 0 {
		env.Logger.WarnContext(ctx, "a crash of Postgres may lose commands that were acknowledged", "settings", unsynced, "error", err)
	}
	return log, nil
}

// InMemory returns the [Opener] of services that share one process and keep everything in its memory.
func InMemory(partitions int) Opener {
	shared := Backends{
		Log: memory.NewLog(partitions), Views: memory.NewViews(), Snapshots: memory.NewSnapshots(),
		Bus: memory.NewBus(), Deadlines: memory.NewDeadlines(), Statuses: memory.NewKeyValue(),
		Prepare: func(context.Context) error { return nil },
		Close:   func() {},
	}
	return func(context.Context, service.Env, bool) (*Backends, error) { return &shared, nil }
}

// openJetStream waits for NATS, opens the stores in it, and adds them to the backends.
func openJetStream(ctx context.Context, env service.Env, backends *Backends) error {
	connection, err := connectNATS(ctx, env)
	if err != nil {
		return err
	}
	streams, err := openStreams(ctx, env, connection)
	if err != nil {
		connection.Close()
		return err
	}
	env.Admin.Health.Add(service.Check{Name: "log", Probe: streams.log.Ping})
	env.Admin.Metrics.NATS(connection.stat)
	backends.Log, backends.Bus, backends.Statuses, backends.Deadlines = streams.log, streams.bus, streams.statuses, streams.deadlines
	backends.StatusesSize = streams.statuses.Size
	backends.Reply = func(_ context.Context, subject string, body []byte) error { return connection.Publish(subject, body) }
	backends.Gone = connection.Gone
	closeOthers, stopFollowing := backends.Close, connection.followLogins(ctx, env.Logger)
	backends.Close = func() { stopFollowing(); connection.Close(); closeOthers() }
	return nil
}

// streams holds the stores in JetStream.
type streams struct {
	log       *jetstream.Log
	bus       *jetstream.Bus
	statuses  *jetstream.KeyValue
	deadlines *jetstream.Deadlines
}

// statusBucket holds the statuses of asynchronous commands.
const statusBucket = "ORX_OUTCOMES_OF_COMMANDS"

// openStreams opens the streams. It creates missing ones, or waits until the command migrate has created them.
func openStreams(ctx context.Context, env service.Env, connection *NATS) (streams, error) {
	open := createMissing
	if env.Common.AwaitMigration {
		open = openExisting
	}
	return service.Await(ctx, env.Logger, "the log and the bus", func(ctx context.Context) (streams, error) {
		s, err := open(ctx, env, connection)
		return s, unlessUnavailable(WithAdvice(err, env.Program))
	})
}

func createMissing(ctx context.Context, env service.Env, connection *NATS) (s streams, err error) {
	config := connection.Config(logConfig(env))
	if s.log, err = jetstream.Open(ctx, connection.Conn, config); err != nil {
		return s, err
	}
	if s.bus, err = jetstream.OpenBus(ctx, s.log, jetstream.BusConfig{}); err != nil {
		return s, err
	}
	if s.deadlines, err = jetstream.OpenDeadlines(ctx, s.bus); err != nil {
		return s, err
	}
	s.statuses, err = jetstream.OpenKeyValue(ctx, connection.Conn, config, statusBucket)
	return s, err
}

func openExisting(ctx context.Context, env service.Env, connection *NATS) (s streams, err error) {
	config := connection.Config(logConfig(env))
	if s.log, err = jetstream.OpenExisting(ctx, connection.Conn, config); err != nil {
		return s, err
	}
	if s.bus, err = jetstream.OpenExistingBus(ctx, s.log); err != nil {
		return s, err
	}
	if s.deadlines, err = jetstream.OpenExistingDeadlines(ctx, s.bus); err != nil {
		return s, err
	}
	s.statuses, err = jetstream.OpenExistingKeyValue(ctx, connection.Conn, config, statusBucket)
	return s, err
}

// connectNATS waits for NATS.
func connectNATS(ctx context.Context, env service.Env) (*NATS, error) {
	return service.Await(ctx, env.Logger, "NATS", func(ctx context.Context) (*NATS, error) {
		connection, err := ConnectNATS(ctx, env.Connections, "orchestrix-"+env.Name, env.Logger) // its files may be replaced meanwhile
		return connection, unlessUnavailable(err)
	})
}

// migrate waits for Postgres and brings its tables up to date, or waits until the command migrate has done so.
func migrate(ctx context.Context, env service.Env, db *postgres.DB) error {
	prepare := db.Migrate
	if env.Common.AwaitMigration {
		prepare = db.Migrated
	}
	_, err := service.Await(ctx, env.Logger, "Postgres", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, unlessUnavailable(WithAdvice(prepare(ctx), env.Program))
	})
	return err
}

// WithAdvice adds to [port.ErrNotMigrated] what to run. program is the one with the command migrate.
func WithAdvice(err error, program string) error {
	if !errors.Is(err, port.ErrNotMigrated) {
		return err
	}
	return fmt.Errorf("%w: run '%s migrate' of this version", err, program)
}

// unlessUnavailable marks all errors but [port.ErrUnavailable] as permanent, so that they are not retried.
func unlessUnavailable(err error) error {
	if err != nil && !errors.Is(err, port.ErrUnavailable) {
		return retry.Permanent(err)
	}
	return err
}

var errNATSGone = errors.New("the connection to NATS was closed permanently: restart the service")

// readiness is the part that reports the service as ready; it is stopped first. It ends the service when a backend is lost
// permanently.
func readiness(env service.Env, gone <-chan struct{}) service.Part {
	return service.Part{Name: "readiness", Run: func(ctx context.Context) error {
		env.Admin.Health.Started()
		debug.FreeOSMemory() // the memory of the start (schemas, documents, connections) is not needed again
		var err error
		select {
		case <-ctx.Done():
		case <-gone:
			err = errNATSGone
		}
		env.Admin.Health.Draining()
		return err
	}}
}

// listen returns the listener of the HTTP API.
func listen(ctx context.Context, env service.Env, addr string) (net.Listener, error) {
	if env.Listener != nil {
		return env.Listener, nil
	}
	return service.Listen(ctx, service.Prefix+"_ADDR", addr)
}
