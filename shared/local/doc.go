// Package local runs what Orchestrix needs on a developer's machine: an embedded NATS server and a private
// Postgres. "orchestrix dev" starts its two stores with it, and the tests of every package do through localtest.
//
//	lock, err := local.LockDir(dir)                                    // one instance a data directory
//	nats, err := local.StartNATS(ctx, local.NATSOptions{Dir: filepath.Join(dir, "nats")})
//	pg, err := local.StartPostgres(ctx, local.PostgresOptions{Dir: filepath.Join(dir, "postgres")})
//	defer lock.Unlock(); defer nats.Close(); defer pg.Close()
//
// Both keep their data between starts, both hold a lock on their directory, and an error of either says what was
// wrong, where, and what to do.
//
// # NATS
//
// The server runs inside this process, listens on loopback, and keeps JetStream on disk. By default it syncs
// every write before it acknowledges it, as the event log demands. It asks for no credentials: keep it on
// loopback.
//
// # Postgres
//
// With a database URL, that server is used and nothing is started. Otherwise a private cluster is made in
// PostgresOptions.Dir and run as a child process. Its programs (initdb and postgres) are looked for on PATH, then
// in the places where Debian's packages and Homebrew put them, newest first; where there are none, they are
// downloaded. A directory that holds a cluster is only ever opened with the major version that made it.
//
// The directory holds
//
//	pgdata/         the cluster
//	password        of the only role, "orchestrix"; readable by its owner alone
//	postgres.log    what the server says; a large one becomes postgres.log.1 at the next start
//	postgres.lock   held while the server runs
//	binaries/       the programs, where they had to be downloaded
//
// The server listens on 127.0.0.1 only, asks for the password, and has no Unix socket, so that nobody else on the
// machine gets in and no path is too long for one.
//
// Postgres refuses to run as root. Started by root, it therefore runs as the owner of the cluster, which for a
// new one is the user postgres, or nobody where that does not exist. That user has to be able to reach the
// directory: a home that is closed to others won't do, and [DefaultDataDir] knows.
//
// # Life and death
//
// The Postgres child has its own process group, so Ctrl-C reaches only us and the caller decides when it stops.
// If this process is killed, Linux stops the child too. Elsewhere it survives, and the next start on the same
// directory stops it first. The locks belong to the process and vanish with it, however it ends.
package local
