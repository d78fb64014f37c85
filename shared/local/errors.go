package local

import "errors"

var (
	// ErrLocked means that another process, or another part of this one, uses the directory.
	ErrLocked = errors.New("directory is in use")
	// ErrPortInUse means that another program listens on the address.
	ErrPortInUse = errors.New("address is in use")
	// ErrNoPostgres means that no programs of Postgres were found, and they could not be downloaded.
	ErrNoPostgres = errors.New("no Postgres to run")
	// ErrPostgresVersion means that the major version of Postgres that created the cluster is not installed.
	ErrPostgresVersion = errors.New("wrong Postgres version")
	// ErrOtherModule means that the directory holds the data of a program of another module.
	ErrOtherModule = errors.New("data of another program")
	// ErrStarting means that a dev runs, and has not written its addresses yet.
	ErrStarting = errors.New("dev is starting")
	// ErrUnreachable means that the unprivileged user that runs Postgres for root may not enter a parent of the directory.
	ErrUnreachable = errors.New("directory can't be reached")
	// ErrNoAccount means that this process is root, and there is no unprivileged user to run Postgres as.
	ErrNoAccount = errors.New("no user to run Postgres as")
)
