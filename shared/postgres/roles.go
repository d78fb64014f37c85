package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Rights are the access rights of a role to the tables.
type Rights struct {
	ReadViews             bool   // documents, builds, checkpoints
	ReadParked            bool   // events that a view could not apply
	WriteViews            bool   // read and write all of these but those of processes; create tables for documents, unless OnlyView is set
	OnlyView              string // limits WriteViews to the rows of this view, which has no documents; empty: all views
	RecordActions         bool   // add actions of operators
	ReadActions           bool
	ReadSnapshots         bool
	WriteSnapshots        bool // of aggregates
	WriteProcessSnapshots bool // of process instances
	ReadLog               bool // where the log is in Postgres
	AppendLog             bool // to the streams of aggregates
	Monitor               bool // statistics of the server, and no table
}

// Role is a role of the database that a service logs in with.
type Role struct {
	Name     string
	Password string // or its [Verifier]
	Rights   Rights
}

// grant is a right to tables that the migrations create.
type grant struct{ verbs, tables string }

const (
	viewsSchema = "orchestrix_views" // of the tables with documents

	readTables = "orchestrix.views, orchestrix.view_builds, orchestrix.checkpoints"
	viewTables = readTables + ", orchestrix.workers, orchestrix.parked"
	logTables  = "orchestrix.log_partitions, orchestrix.log_commits"
	allTables  = versionTable + ", " + viewTables + ", orchestrix.actions, orchestrix.snapshots, " + logTables
)

func (r Rights) grants() []grant {
	var grants []grant
	grantIf := func(granted bool, verbs, tables string) {
		if granted {
			grants = append(grants, grant{verbs, tables})
		}
	}
	grantIf(!r.Monitor, "select", versionTable)
	grantIf(r.ReadViews, "select", readTables)
	grantIf(r.ReadParked, "select", "orchestrix.parked")
	grantIf(r.WriteViews, "select, insert, update, delete", viewTables)
	// Without a right to the id and the time of an action, both are what Postgres makes of them.
	grantIf(r.RecordActions, "insert (who, did, view, object, reason)", "orchestrix.actions")
	grantIf(r.ReadActions, "select", "orchestrix.actions")
	grantIf(r.ReadSnapshots, "select", "orchestrix.snapshots")
	grantIf(r.WriteSnapshots || r.WriteProcessSnapshots, "select, insert, update", "orchestrix.snapshots")
	grantIf(r.ReadLog, "select", logTables)
	grantIf(r.AppendLog, "select", logTables)
	grantIf(r.AppendLog, "insert", "orchestrix.log_commits")
	grantIf(r.AppendLog, "update (head, head_at)", "orchestrix.log_partitions")
	return grants
}

// makesTables reports whether a role creates, owns and drops tables of documents.
func (r Rights) makesTables() bool { return r.WriteViews && r.OnlyView == "" }

// SetRoles creates the missing roles, sets the passwords and the limits, and gives each role exactly its rights in a migrated
// database. The user who migrates owns the tables of the migrations; the role that writes views owns the tables of the
// documents, in a schema of their own. SetRoles takes all rights in the database from PUBLIC. It needs the right to create
// roles, and the ownership of the database. It returns [port.ErrUnavailable] where Postgres does not answer or refuses. It
// sends a [Verifier] instead of the password, which the log of Postgres might show.
func (db *DB) SetRoles(ctx context.Context, roles []Role) error {
	tx, err := db.pool.Begin(ctx)
	if err != nil {
		return translate("create roles", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it does nothing
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", schemaLock); err != nil {
		return translate("create roles", err)
	}
	database, err := closeDatabase(ctx, tx)
	if err != nil {
		return translate("take the rights of PUBLIC", err)
	}
	for _, role := range roles {
		if err := setRole(ctx, tx, database, role); err != nil {
			return translate("role "+role.Name, err)
		}
		if err := setGuards(ctx, tx, role); err != nil {
			return translate("limit role "+role.Name+" to its rows", err)
		}
	}
	if err := shareViews(ctx, tx, roles); err != nil {
		return translate("share the tables of the views", err)
	}
	return translate("create roles", tx.Commit(ctx))
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// maxRoleName leaves room for a suffix within the 63 bytes that Postgres keeps of a name.
const maxRoleName = 58

func setRole(ctx context.Context, tx pgx.Tx, database string, role Role) error {
	if role.Name == "" || role.Password == "" {
		return errors.New("a role needs a name and a password")
	}
	if len(role.Name) > maxRoleName {
		return fmt.Errorf("the name of a role has at most %d bytes", maxRoleName)
	}
	if may, err := maySetRole(ctx, tx, role); !may || err != nil {
		return err
	}
	login, err := loginStatement(ctx, tx, role)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, login); err != nil {
		return err
	}
	name := quoted(role.Name)
	statements := []string{
		"revoke all on " + allTables + " from " + name,
		"revoke all on schema " + schemaName + ", " + viewsSchema + " from " + name,
		"revoke all on database " + database + " from " + name,
		"grant connect on database " + database + " to " + name,
	}
	if role.Rights.Monitor {
		statements = append(statements, "grant pg_monitor to "+name)
	} else {
		statements = append(statements, "grant usage on schema "+schemaName+", "+viewsSchema+" to "+name)
	}
	if role.Rights.makesTables() {
		statements = append(statements, "grant create on schema "+viewsSchema+" to "+name)
	}
	for _, g := range role.Rights.grants() {
		statements = append(statements, "grant "+g.verbs+" on "+g.tables+" to "+name)
	}
	limits, err := roleLimits(ctx, tx, database, role)
	if err != nil {
		return err
	}
	return execAll(ctx, tx, append(statements, limits...))
}

// loginStatement creates a role, or changes its password, without any attribute that gives rights over the server. Only a
// superuser may name these attributes of an existing role, so they are named where one has to be taken away.
func loginStatement(ctx context.Context, tx pgx.Tx, role Role) (string, error) {
	const without = " nosuperuser nocreatedb nocreaterole noreplication nobypassrls"
	var powerful bool
	err := tx.QueryRow(ctx, `
select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls from pg_roles where rolname = $1`, role.Name).Scan(&powerful)
	verb, attributes := "alter", ""
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		verb = "create"
	case err != nil:
		return "", err
	case powerful:
		attributes = without
	}
	verifier := role.Password
	if !strings.HasPrefix(verifier, scramPrefix) {
		if verifier, err = Verifier(role.Password); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s role %s login%s password %s", verb, quoted(role.Name), attributes, literal(verifier)), nil
}

func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
