package main

import (
	"github.com/spf13/cobra"

	"orchestrix/shared/local"
	"orchestrix/shared/service"
)

// devOptions are the flags of dev.
type devOptions struct {
	dataDir, log                                string
	commandAddr, queryAddr, adminAddr, natsAddr string
	ephemeral, memory, json                     bool
}

func newDev() *cobra.Command {
	var o devOptions
	command := &cobra.Command{
		Use:   "dev",
		Short: "Start the whole platform on this machine",
		Long: `Start the whole platform on this machine: NATS, Postgres and all services in one process.

Postgres is the server of DATABASE_URL, else a private server of the installed programs, else a downloaded one. Ctrl-C stops
everything; the data is kept for the next start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDev(cmd.Context(), cmd, o) },
	}
	flags := command.Flags()
	flags.StringVar(&o.dataDir, local.FlagDataDir, "", "directory of the data (default: orchestrix in the user's data directory)")
	flags.BoolVar(&o.ephemeral, "ephemeral", false, "keep the data in a temporary directory that is removed at the end")
	flags.BoolVar(&o.memory, "memory", false, "keep all data in memory, without NATS and Postgres: for the development of a domain")
	flags.StringVar(&o.log, "log", fromEnv("ORCHESTRIX_LOG", service.LogInJetStream), "store of the log: jetstream, or postgres, without NATS (ORCHESTRIX_LOG)")
	flags.StringVar(&o.commandAddr, "command-addr", "127.0.0.1:8080", "address of the command service; port 0 picks a free one")
	flags.StringVar(&o.queryAddr, "query-addr", "127.0.0.1:8081", "address of the query service; port 0 picks a free one")
	flags.StringVar(&o.adminAddr, "admin-addr", "127.0.0.1:9082", "address of the admin port; port 0 picks a free one")
	flags.StringVar(&o.natsAddr, local.FlagNATSAddr, "127.0.0.1:4222", "address of NATS; port 0 picks a free one")
	flags.BoolVar(&o.json, "json", false, "print the addresses as one line of JSON")
	command.MarkFlagsMutuallyExclusive(local.FlagDataDir, "ephemeral", "memory")
	return command
}
