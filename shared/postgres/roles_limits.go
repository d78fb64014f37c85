package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Limits of a role's sessions. A service has shorter ones for each request; these are for a service that hangs or has a fault.
// A session may change them, so they don't bind whoever has stolen the password: the number of connections does.
const (
	statementLimit = time.Minute
	tablesLimit    = time.Hour // the index of a new field of a large view is built in one statement
	idleLimit      = time.Minute
)

var errNotOwner = errors.New("run it as the owner of the database")

// closeDatabase takes the rights of every role in this database from PUBLIC, and returns its quoted name. By default every
// role of the server may connect to it, and create temporary tables.
func closeDatabase(ctx context.Context, tx pgx.Tx) (database string, err error) {
	var owner bool
	if err := tx.QueryRow(ctx, `
select datname, pg_has_role(datdba, 'usage') from pg_database where datname = current_database()`).Scan(&database, &owner); err != nil {
		return "", err
	}
	if !owner {
		return "", fmt.Errorf("%w: only the owner of the database %s can take the right to connect from other roles", errNotOwner, database)
	}
	database = quoted(database)
	return database, execAll(ctx, tx, []string{
		"revoke all on database " + database + " from public",
		"revoke all on schema " + schemaName + ", " + viewsSchema + " from public",
		"revoke create on schema public from public", // of servers before version 15
	})
}

// CloseOtherDatabases takes the right to connect to the other databases of the server from PUBLIC. It is for a server that
// has no other users: each of its roles then needs a grant. It needs the rights of a superuser.
func (db *DB) CloseOtherDatabases(ctx context.Context) error {
	rows, err := db.pool.Query(ctx, `
select datname from pg_database where datname <> current_database() and has_database_privilege('public', oid, 'connect')`)
	if err != nil {
		return translate("list the databases", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return translate("list the databases", err)
	}
	for _, name := range names {
		if _, err := db.pool.Exec(ctx, "revoke connect, temporary on database "+quoted(name)+" from public"); err != nil {
			return translate("close the database "+name, err)
		}
	}
	return nil
}

// maySetRole reports false for a role that monitors where the one who migrates may not grant that: a hosted Postgres has its
// own monitoring.
func maySetRole(ctx context.Context, tx pgx.Tx, role Role) (may bool, err error) {
	if !role.Rights.Monitor {
		return true, nil
	}
	const mayGrant = `
select rolsuper or exists (
	select from pg_auth_members where roleid = 'pg_monitor'::regrole and member = r.oid and admin_option
) from pg_roles r where rolname = current_user`
	err = tx.QueryRow(ctx, mayGrant).Scan(&may)
	return may, err
}

// roleLimits returns the statements that limit a role. Half of the server's connections is the most that one role gets, so
// that none of them shuts the others out.
func roleLimits(ctx context.Context, tx pgx.Tx, database string, role Role) ([]string, error) {
	var connections int
	if err := tx.QueryRow(ctx, "select greatest(current_setting('max_connections')::integer / 2, 1)").Scan(&connections); err != nil {
		return nil, err
	}
	statement := statementLimit
	if role.Rights.makesTables() {
		statement = tablesLimit
	}
	name := quoted(role.Name)
	statements := []string{fmt.Sprintf("alter role %s connection limit %d", name, connections)}
	for _, setting := range [][2]string{
		{"statement_timeout", literal(fmt.Sprint(statement.Milliseconds()))},
		{"idle_in_transaction_session_timeout", literal(fmt.Sprint(idleLimit.Milliseconds()))},
		{"search_path", "pg_catalog, pg_temp"}, // all our names have their schema
	} {
		statements = append(statements, fmt.Sprintf("alter role %s in database %s set %s to %s", name, database, setting[0], setting[1]))
	}
	return statements, nil
}
