package local

import "errors"

var (
	// ErrLocked says that another process, or another part of this one, uses the directory.
	ErrLocked = errors.New("directory is in use")
	// ErrPortInUse says that something else listens on the wanted address.
	ErrPortInUse = errors.New("address is in use")
	// ErrNoPostgres says that no Postgres programs were found or could be had.
	ErrNoPostgres = errors.New("no Postgres to run")
	// ErrPostgresVersion says that the cluster was made by a major version of Postgres that is not installed.
	ErrPostgresVersion = errors.New("wrong Postgres version")
	// ErrUnreachable says that the unprivileged user who runs Postgres for root can't get to the directory.
	ErrUnreachable = errors.New("directory can't be reached")
	// ErrNoAccount says that this process is root and there is no unprivileged user to run Postgres as.
	ErrNoAccount = errors.New("no user to run Postgres as")
)
