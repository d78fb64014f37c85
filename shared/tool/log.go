package tool

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

const (
	defaultNATSURL     = "nats://127.0.0.1:4222"
	defaultDatabaseURL = "postgres://127.0.0.1:5432/orchestrix"
)

// logFlags are the flags that name the store of the log.
type logFlags struct {
	kind, natsURL, databaseURL string
	user                       string // of NATS; empty: operator
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.kind, "log", fromEnv("ORCHESTRIX_LOG", service.LogInJetStream), "store of the log: jetstream or postgres (ORCHESTRIX_LOG)")
	flags.StringVar(&f.natsURL, "nats-url", fromEnv("NATS_URL", defaultNATSURL), "NATS server, if the log is in JetStream (NATS_URL)")
	f.registerDatabase(flags)
}

func (f *logFlags) registerDatabase(flags *pflag.FlagSet) {
	flags.StringVar(&f.databaseURL, "database-url", "", "Postgres database (default: DATABASE_URL, or "+defaultDatabaseURL+")")
}

// quietLogger logs warnings and errors.
func quietLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (f *logFlags) check() error {
	if f.kind != service.LogInJetStream && f.kind != service.LogInPostgres {
		return fmt.Errorf("--log is %q, it may be jetstream or postgres", f.kind)
	}
	return nil
}

// connections returns the addresses of the flags, and the other settings of the environment.
func (f *logFlags) connections() (service.Connections, error) {
	c, err := service.LoadConnections(cmp.Or(f.user, "operator"))
	c.NATSURL = f.natsURL
	if f.databaseURL != "" {
		c.DatabaseURL = f.databaseURL
	}
	return c, err
}

// open opens an existing log. Its reads are retried for patience while the log is unavailable; 0 is no limit.
func (f *logFlags) open(ctx context.Context, patience time.Duration) (log port.Log, closeLog func(), err error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	if f.kind == service.LogInPostgres {
		log, closeLog, err = f.openPostgres(ctx)
	} else {
		log, closeLog, err = f.openJetStream(ctx, jetstream.Config{}, jetstream.OpenExisting)
	}
	if err != nil {
		return nil, nil, err
	}
	return patientLog{log, patience}, closeLog, nil
}

type opener = func(context.Context, *nats.Conn, jetstream.Config) (*jetstream.Log, error)

func (f *logFlags) openJetStream(ctx context.Context, config jetstream.Config, open opener) (port.Log, func(), error) {
	logger := quietLogger()
	connections, err := f.connections()
	if err != nil {
		return nil, nil, err
	}
	login, err := platform.Login(connections)
	if err != nil {
		return nil, nil, err
	}
	connection, err := jetstream.Connect(ctx, f.natsURL, "orchestrix", logger, login...)
	if err != nil {
		return nil, nil, fmt.Errorf("no NATS server at %s: start one with 'orchestrix dev', or name another with --nats-url: %w", f.natsURL, err)
	}
	config.Logger = logger
	log, err := open(ctx, connection, config)
	if err != nil {
		connection.Close()
		return nil, nil, err
	}
	return log, connection.Close, nil
}

// database connects to Postgres. The password that a URL may hold is not shown as a default of the flag.
func (f *logFlags) database() (*postgres.DB, error) {
	connections, err := f.connections()
	if err != nil {
		return nil, err
	}
	return postgres.Connect(connections.DatabaseURL, postgres.Options{Application: "orchestrix-tool"})
}

func (f *logFlags) openPostgres(ctx context.Context) (port.Log, func(), error) {
	db, err := f.database()
	if err != nil {
		return nil, nil, err
	}
	log, err := postgres.OpenExistingLog(ctx, db, postgres.LogConfig{})
	if err != nil {
		db.Close()
		return nil, nil, fmt.Errorf("the log can't be opened, name another database with --database-url: %w", err)
	}
	return log, db.Close, nil
}
