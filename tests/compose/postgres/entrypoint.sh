#!/bin/bash
# What compose.yaml uses of the entrypoint of the image "postgres": start as root, make a database, become postgres.
set -euo pipefail
PGDATA=/var/lib/postgresql/data
bin=$(ls -d /usr/lib/postgresql/*/bin)
if [ "$(id -u)" = 0 ]; then
	POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
	export POSTGRES_PASSWORD
	mkdir -p "$PGDATA" /var/run/postgresql
	chown -R postgres "$PGDATA" /var/run/postgresql
	chmod 700 "$PGDATA"
	exec gosu postgres "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	# shellcheck disable=SC2086 # they are several
	"$bin/initdb" -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=<(printf '%s' "$POSTGRES_PASSWORD") --locale=C.UTF-8 $POSTGRES_INITDB_ARGS
	"$bin/pg_ctl" -D "$PGDATA" -w -o "-c listen_addresses=''" start
	createdb -U "$POSTGRES_USER" -h /var/run/postgresql "$POSTGRES_DB"
	"$bin/pg_ctl" -D "$PGDATA" -m fast -w stop
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
unset POSTGRES_PASSWORD
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' "${@:2}"
