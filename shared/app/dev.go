package app

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/dev"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

func (p program) newDev() *cobra.Command {
	o := dev.Options{Name: p.name, Version: programVersion(), Modules: p.options.Modules, Hooks: p.hooks, Variables: p.variables}
	command := &cobra.Command{
		Use:   "dev",
		Short: "Start the whole platform on this machine",
		Long: `Start the whole platform on this machine: NATS, Postgres and all services in one process.

Postgres is the server of DATABASE_URL, else a private server of the installed programs, else a downloaded one. Ctrl-C stops
everything; the data is kept for the next start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.variables.Load(); err != nil {
				return usageError{fmt.Errorf("%w\n(%s command -h lists all variables)", err, p.name)}
			}
			return dev.Run(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	flags := command.Flags()
	profiles, _ := strconv.ParseBool(os.Getenv("ORCHESTRIX_PPROF")) // false where it is none
	flags.StringVar(&o.DataDir, local.FlagDataDir, "", "directory of the data (default: "+o.Name+" in the user's data directory)")
	flags.BoolVar(&o.Ephemeral, "ephemeral", false, "keep the data in a temporary directory that is removed at the end")
	flags.BoolVar(&o.Memory, "memory", false, "keep all data in memory, without NATS and Postgres: for the development of a domain")
	flags.StringVar(&o.Log, "log", cmp.Or(os.Getenv("ORCHESTRIX_LOG"), service.LogInJetStream), "store of the log: jetstream, or postgres, without NATS (ORCHESTRIX_LOG)")
	flags.StringVar(&o.CommandAddr, "command-addr", "127.0.0.1:8080", "address of the command service; port 0 picks a free one")
	flags.StringVar(&o.QueryAddr, "query-addr", "127.0.0.1:8081", "address of the query service; port 0 picks a free one")
	flags.StringVar(&o.HealthAddr, "health-addr", "127.0.0.1:9082", "address of the health port: readiness and metrics; port 0 picks a free one")
	flags.StringVar(&o.AdminAddr, "admin-addr", "127.0.0.1:9182", "address of the admin port; port 0 picks a free one")
	flags.StringSliceVar(&o.Hosts, "host", nil, "further name of this machine by which the ports may be called, besides localhost")
	flags.StringSliceVar(&o.TrustedOrigins, "trusted-origins", originsFromEnv(), "origins of web pages on other hosts or ports whose requests may change something: http://localhost:5173 (ORCHESTRIX_TRUSTED_ORIGINS)")
	flags.BoolVar(&o.Profiles, "pprof", profiles, "serve profiles of Go on the admin port (ORCHESTRIX_PPROF)")
	flags.StringVar(&o.NATSAddr, local.FlagNATSAddr, "127.0.0.1:4222", "address of NATS; port 0 picks a free one")
	flags.BoolVar(&o.JSON, "json", false, "print the addresses as one line of JSON")
	command.PreRunE = func(cmd *cobra.Command, _ []string) error { return checkDataFlags(cmd, o) }
	return command
}

// originsFromEnv returns the origins of the variable, as a service reads it.
func originsFromEnv() []string {
	return strings.FieldsFunc(os.Getenv("ORCHESTRIX_TRUSTED_ORIGINS"), func(r rune) bool { return r == ',' })
}

// checkDataFlags refuses flags that contradict each other about where the data is.
func checkDataFlags(cmd *cobra.Command, o dev.Options) error {
	named := cmd.Flags().Changed(local.FlagDataDir)
	if named && o.DataDir == "" {
		return fmt.Errorf("--%s is empty: name a directory, or leave the flag out for the default one", local.FlagDataDir)
	}
	if o.Memory && o.Ephemeral || named && (o.Memory || o.Ephemeral) {
		return fmt.Errorf("--%s, --ephemeral and --memory contradict each other about where the data is: keep one of them", local.FlagDataDir)
	}
	return nil
}
