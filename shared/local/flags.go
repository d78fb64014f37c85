package local

// Names of command line flags that errors of this package mention. Commands that start these servers define their flags with
// these constants.
const (
	FlagDataDir      = "data-dir"
	FlagNATSAddr     = "nats-addr"
	FlagPostgresPort = "postgres-port"
)

// DatabaseURLVariable is the environment variable that names an existing Postgres.
const DatabaseURLVariable = "DATABASE_URL"
