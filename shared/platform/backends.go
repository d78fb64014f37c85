package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"

	"github.com/nats-io/nats.go"

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
	observePool(env, db)
	inPostgres := env.Common.Log == service.LogInPostgres
	env.Admin.Health.Add(service.Check{Name: "postgres", Optional: databaseOptional && !inPostgres, Probe: db.Ping})
	backends := &Backends{
		Views: postgres.NewViews(db), Snapshots: postgres.NewSnapshots(db),
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
	return backends, nil
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
	files := service.WatchFiles(natsLogin(env.Connections).Files()...)
	connection, gone, err := connectNATS(ctx, env)
	if err != nil {
		return err
	}
	streams, err := openStreams(ctx, env, connection)
	if err != nil {
		connection.Close()
		return err
	}
	env.Admin.Health.Add(service.Check{Name: "log", Probe: streams.log.Ping})
	env.Admin.Metrics.NATS(func() (bool, uint64) { return connection.IsConnected(), connection.Stats().Reconnects })
	backends.Log, backends.Bus, backends.Statuses, backends.Deadlines = streams.log, streams.bus, streams.statuses, streams.deadlines
	backends.StatusesSize = streams.statuses.Size
	backends.Reply = func(_ context.Context, subject string, body []byte) error { return connection.Publish(subject, body) }
	backends.Gone = gone
	closeOthers, stopFollowing := backends.Close, followLogin(ctx, env, files, natsLogin(env.Connections), connection)
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
func openStreams(ctx context.Context, env service.Env, connection *nats.Conn) (streams, error) {
	open := createMissing
	if env.Common.AwaitMigration {
		open = openExisting
	}
	return service.Await(ctx, env.Logger, "the log and the bus", func(ctx context.Context) (streams, error) {
		s, err := open(ctx, env, connection)
		return s, unlessUnavailable(WithAdvice(err, env.Program))
	})
}

func createMissing(ctx context.Context, env service.Env, connection *nats.Conn) (s streams, err error) {
	if s.log, err = jetstream.Open(ctx, connection, logConfig(env)); err != nil {
		return s, err
	}
	if s.bus, err = jetstream.OpenBus(ctx, s.log, jetstream.BusConfig{}); err != nil {
		return s, err
	}
	if s.deadlines, err = jetstream.OpenDeadlines(ctx, s.bus); err != nil {
		return s, err
	}
	s.statuses, err = jetstream.OpenKeyValue(ctx, connection, statusBucket, env.Common.Replicas)
	return s, err
}

func openExisting(ctx context.Context, env service.Env, connection *nats.Conn) (s streams, err error) {
	if s.log, err = jetstream.OpenExisting(ctx, connection, logConfig(env)); err != nil {
		return s, err
	}
	if s.bus, err = jetstream.OpenExistingBus(ctx, s.log); err != nil {
		return s, err
	}
	if s.deadlines, err = jetstream.OpenExistingDeadlines(ctx, s.bus); err != nil {
		return s, err
	}
	s.statuses, err = jetstream.OpenExistingKeyValue(ctx, connection, statusBucket)
	return s, err
}

// connectNATS waits for NATS. The channel is closed with the connection. The client library closes it too, permanently, after
// a protocol error.
func connectNATS(ctx context.Context, env service.Env) (*nats.Conn, <-chan struct{}, error) {
	if _, err := Login(env.Connections); err != nil {
		return nil, nil, err
	}
	gone := make(chan struct{})
	connection, err := service.Await(ctx, env.Logger, "NATS", func(ctx context.Context) (*nats.Conn, error) {
		login, err := Login(env.Connections) // the files may be replaced while the service waits
		if err != nil {
			return nil, err
		}
		login = append(login, nats.ClosedHandler(func(*nats.Conn) { close(gone) })) // not called if connecting fails
		return jetstream.Connect(ctx, env.Connections.NATSURL, "orchestrix-"+env.Name, env.Logger, login...)
	})
	return connection, gone, err
}

// Login returns the options of a connection to NATS.
func Login(c service.Connections) ([]nats.Option, error) { return natsLogin(c).Options() }

func natsLogin(c service.Connections) jetstream.Login {
	return jetstream.Login{NKeyFile: c.NATSNKeyFile, CredsFile: c.NATSCredsFile, CAFile: c.NATSCAFile, InboxPrefix: c.NATSInboxPrefix}
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
