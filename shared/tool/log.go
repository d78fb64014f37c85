package tool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/redact"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

const (
	defaultNATSURL     = "nats://127.0.0.1:4222"
	defaultDatabaseURL = "postgres://127.0.0.1:5432/orchestrix"
)

// logFlags are the flags that name the store of the log.
type logFlags struct {
	kind, natsURL, databaseURL string // empty until resolve, where no flag names it
	user                       string // of NATS; empty: operator
	dev                        *devFinder
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.kind, "log", "", "store of the log: jetstream or postgres (default: ORCHESTRIX_LOG, or that of the dev that runs, or jetstream)")
	flags.StringVar(&f.natsURL, "nats-url", "", "NATS server, if the log is in JetStream (default: NATS_URL, or that of the dev that runs, or "+defaultNATSURL+")")
	flags.StringVar(&f.databaseURL, "database-url", "", "Postgres database (default: DATABASE_URL, or that of the dev that runs, or "+defaultDatabaseURL+")")
	f.dev.flag(flags)
}

// resolve completes what no flag names: from the environment, from the dev that runs, or with the defaults. The addresses of a
// dev belong together: they are used only if no flag and no variable names another store.
func (f *logFlags) resolve() error {
	f.kind = cmp.Or(f.kind, f.dev.variable("ORCHESTRIX_LOG"))
	f.natsURL = cmp.Or(f.natsURL, f.dev.variable("NATS_URL"))
	f.databaseURL = cmp.Or(f.databaseURL, f.dev.variable(local.DatabaseURLVariable))
	named := f.kind+f.natsURL+f.databaseURL != ""
	dev, err := f.dev.find()
	switch fits := func(value, ofDev string) bool { return value == "" || value == ofDev }; {
	case err != nil && (!named || f.dev.dataDir != ""):
		return err
	case dev == nil:
	case !fits(f.kind, dev.Log) || !fits(f.natsURL, dev.NATSURL) || !fits(f.databaseURL, dev.DatabaseURL):
		if f.dev.dataDir != "" {
			return fmt.Errorf("the store that --log, --nats-url or --database-url names is not of the dev that runs on --%s %s: leave them out, or --%[1]s",
				local.FlagDataDir, f.dev.dataDir)
		}
	case dev.Log == local.LogInMemory:
		return fmt.Errorf("the dev that runs (process %d) keeps its log in memory, where only its own services read it: "+
			"start it without --memory, or name another log with --nats-url or --database-url", dev.PID)
	default:
		f.kind, f.natsURL, f.databaseURL = dev.Log, dev.NATSURL, dev.DatabaseURL
	}
	f.kind, f.natsURL = cmp.Or(f.kind, service.LogInJetStream), cmp.Or(f.natsURL, defaultNATSURL)
	if f.kind != service.LogInJetStream && f.kind != service.LogInPostgres {
		return fmt.Errorf("--log is %q, it may be jetstream or postgres", f.kind)
	}
	return nil
}

// quietLogger logs warnings and errors.
func quietLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(redact.Writer(os.Stderr), &slog.HandlerOptions{Level: slog.LevelWarn}))
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
	if err := f.resolve(); err != nil {
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

func (f *logFlags) openJetStream(ctx context.Context, config jetstream.Config, open opener) (port.Restorable, func(), error) {
	logger := quietLogger()
	connections, err := f.connections()
	if err != nil {
		return nil, nil, err
	}
	connection, err := platform.ConnectNATS(ctx, connections, "orchestrix", logger)
	if errors.Is(err, port.ErrUnavailable) {
		err = fmt.Errorf("no NATS server at %s: start one with '%s dev', or name another with --nats-url: %w", f.natsURL, f.dev.program, err)
	}
	if err != nil {
		return nil, nil, err
	}
	config.Logger = logger
	log, err := open(ctx, connection.Conn, connection.Config(config))
	if err != nil {
		connection.Close()
		return nil, nil, platform.WithAdvice(err, f.dev.program)
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
		return nil, nil, fmt.Errorf("the log can't be opened, name another database with --database-url: %w", platform.WithAdvice(err, f.dev.program))
	}
	return log, db.Close, nil
}
