// Package local runs the servers that Orchestrix needs on a developer's machine: an embedded NATS server and a private
// Postgres. "orchestrix dev" starts them with it, and the tests of every package through localtest.
//
//	lock, err := local.LockDir(dir)                                    // one instance per data directory
//	nats, err := local.StartNATS(ctx, local.NATSOptions{Dir: filepath.Join(dir, "nats")})
//	pg, err := local.StartPostgres(ctx, local.PostgresOptions{Dir: filepath.Join(dir, "postgres")})
//	defer lock.Unlock(); defer nats.Close(); defer pg.Close()
//
// Both keep their data between starts and hold a lock on their directory. Their errors name the cause, the path or address,
// and the remedy.
//
// # NATS
//
// The server runs inside this process, listens on loopback, and keeps JetStream on disk. By default it syncs
// every write before it acknowledges it, as the event log requires. It requires no credentials: keep it on
// loopback.
//
// # Postgres
//
// With a database URL, that server is used and none is started. Otherwise a private cluster is created in
// PostgresOptions.Dir and run as a child process. Its programs (initdb and postgres) are searched on PATH, then in the
// directories of Debian's packages and of Homebrew, newest first; where there are none, they are downloaded. An existing
// cluster is only opened with the major version that created it.
//
// The directory holds
//
//	pgdata/         the cluster
//	password        of the only role, "orchestrix"; only its owner can read it
//	postgres.log    the log of the server; a large one becomes postgres.log.1 at the next start
//	postgres.lock   held while the server runs
//	binaries/       the programs, where they had to be downloaded
//
// The server listens on 127.0.0.1 only and requires the password, so that other users of the machine have no access. It has
// no Unix socket, whose path may be too long.
//
// Postgres does not run as root. Started by root, it runs as the owner of the cluster; a new cluster gets the user
// "postgres", or "nobody" where there is none. That user must be able to enter the directory, which a private home
// prevents; [DefaultDataDir] then returns another one.
//
// # Lifetime
//
// The Postgres child has its own process group, so Ctrl-C reaches only this process, and the caller decides when the child
// stops. If this process is killed, Linux stops the child too. On other systems the child survives, and the next start on
// the same directory stops it first. The operating system releases the locks when the process ends.
package local
