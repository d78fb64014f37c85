package tool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// migrateOptions are the flags of migrate.
type migrateOptions struct {
	target               logFlags
	partitions, replicas int
	wait                 time.Duration
	roles                string
	ownServer            bool
}

func newMigrate(dev *devFinder) *cobra.Command {
	o := migrateOptions{target: logFlags{user: "migrate", dev: dev}}
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Create the streams and the tables that the services need, or bring them up to date",
		Long: `Create the streams and the tables that the services need, and bring the tables up to date. It may run again at any time,
also while services run. Services with ORCHESTRIX_AWAIT_MIGRATION=true wait for it, and need no rights to create streams
or tables.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), o) },
	}
	flags := command.Flags()
	o.target.register(flags)
	flags.IntVar(&o.partitions, "partitions", numberFromEnv("ORCHESTRIX_PARTITIONS", 4), "partitions of a new log (ORCHESTRIX_PARTITIONS)")
	flags.IntVar(&o.replicas, "replicas", numberFromEnv("ORCHESTRIX_REPLICAS", 1), "replicas of new streams: 1, 3 or 5 (ORCHESTRIX_REPLICAS)")
	flags.DurationVar(&o.wait, "wait", 2*time.Minute, "time limit of the wait for NATS and Postgres")
	flags.StringVar(&o.roles, "roles", "", "file with a line SERVICE:ROLE:PASSWORD for each role of Postgres to create or update; "+
		"'"+dev.program+" keys init' makes one")
	flags.BoolVar(&o.ownServer, "own-server", false, "Postgres has no other users: no role of it may connect to its other databases without a grant")
	return command
}

func runMigrate(ctx context.Context, o migrateOptions) error {
	if r := o.replicas; r != 1 && r != 3 && r != 5 {
		return fmt.Errorf("--replicas is %d, it may be 1, 3 or 5", r)
	}
	if o.partitions < 1 || o.partitions > 256 {
		return fmt.Errorf("--partitions is %d, it may be 1 to 256", o.partitions)
	}
	if err := o.target.resolve(); err != nil {
		return err
	}
	connections, err := o.target.connections()
	if err != nil {
		return err
	}
	roles, err := readRoles(o.roles)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeoutCause(ctx, o.wait, fmt.Errorf("NATS or Postgres was not reachable within %s (--wait)", o.wait))
	defer cancel()
	err = platform.Migrate(waiting, service.Env{
		Name: "migrate", Connections: connections,
		Common: service.Common{Log: o.target.kind, Partitions: o.partitions, Replicas: o.replicas},
		Logger: service.NewLogger(os.Stderr, fromEnv("ORCHESTRIX_LOG_FORMAT", "auto"), new(slog.LevelVar)),
		Admin:  service.NewAdmin(new(slog.LevelVar), observe.NewMetrics("migrate"), false),
	}, roles)
	if err == nil && o.ownServer {
		err = closeOtherDatabases(waiting, connections)
	}
	if err != nil && waiting.Err() != nil {
		return errors.Join(context.Cause(waiting), err)
	}
	return err
}

func closeOtherDatabases(ctx context.Context, c service.Connections) error {
	db, err := postgres.Connect(c.DatabaseURL, postgres.Options{Conns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.CloseOtherDatabases(ctx); err != nil {
		return fmt.Errorf("--own-server: %w", err)
	}
	return nil
}

// readRoles reads the roles of Postgres, each with the rights of its service.
func readRoles(file string) ([]postgres.Role, error) {
	if file == "" {
		return nil, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--roles: %w", err)
	}
	users := platform.Deployment{Registry: core.NewRegistry(), Partitions: 1}.Users()
	var roles []postgres.Role
	for i, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s: line %d is not SERVICE:ROLE:PASSWORD", file, i+1)
		}
		if fields[0] == monitorRole {
			roles = append(roles, postgres.Role{Name: fields[1], Password: fields[2], Rights: postgres.Rights{Monitor: true}})
			continue
		}
		known := slices.IndexFunc(users, func(u platform.User) bool { return u.Name == fields[0] })
		if known < 0 || fields[0] == platform.MigrateUser || users[known].NATSOnly {
			return nil, fmt.Errorf("%s: line %d: %q is not a service", file, i+1, fields[0])
		}
		roles = append(roles, postgres.Role{Name: fields[1], Password: fields[2], Rights: users[known].Postgres})
	}
	return roles, nil
}

// numberFromEnv is the default of a flag that an environment variable may set. If the variable is not a number,
// it returns 0, which the check of the flag rejects.
func numberFromEnv(variable string, otherwise int) int {
	text := fromEnv(variable, "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
