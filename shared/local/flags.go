package local

// The names of the flags that errors of this package tell people to use. Commands that start these servers
// define their flags by these names.
const (
	FlagDataDir      = "data-dir"
	FlagNATSAddr     = "nats-addr"
	FlagPostgresPort = "postgres-port"
)

// DatabaseURLVariable is the environment variable that names an existing Postgres.
const DatabaseURLVariable = "DATABASE_URL"
