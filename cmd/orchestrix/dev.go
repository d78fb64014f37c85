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

Postgres is the one that DATABASE_URL names, else a private one from the programs that are installed, else one that is
downloaded. Ctrl-C stops everything; the data stays for the next start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDev(cmd.Context(), cmd, o) },
	}
	flags := command.Flags()
	flags.StringVar(&o.dataDir, local.FlagDataDir, "", "where the data is kept (default: orchestrix in the user's data directory)")
	flags.BoolVar(&o.ephemeral, "ephemeral", false, "keep the data in a temporary directory that is removed at the end")
	flags.BoolVar(&o.memory, "memory", false, "keep everything in memory, without NATS and Postgres: for work on a domain")
	flags.StringVar(&o.log, "log", fromEnv("ORCHESTRIX_LOG", service.LogInJetStream), "where the log is: jetstream, or postgres, without NATS (ORCHESTRIX_LOG)")
	flags.StringVar(&o.commandAddr, "command-addr", "127.0.0.1:8080", "address of the command service; port 0 picks a free one")
	flags.StringVar(&o.queryAddr, "query-addr", "127.0.0.1:8081", "address of the query service; port 0 picks a free one")
	flags.StringVar(&o.adminAddr, "admin-addr", "127.0.0.1:9082", "address of the admin port; port 0 picks a free one")
	flags.StringVar(&o.natsAddr, local.FlagNATSAddr, "127.0.0.1:4222", "address of NATS; port 0 picks a free one")
	flags.BoolVar(&o.json, "json", false, "print where everything is as one line of JSON")
	command.MarkFlagsMutuallyExclusive(local.FlagDataDir, "ephemeral", "memory")
	return command
}
