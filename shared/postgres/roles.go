package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Rights are the access rights of a role to the tables.
type Rights struct {
	ReadViews      bool   // documents, builds, checkpoints
	ReadParked     bool   // events that a view could not apply
	WriteViews     bool   // read and write all of these and the actions of operators; create tables for documents
	OnlyView       string // limits WriteViews to this view; empty: all views, except the documents of another role's view
	RecordActions  bool   // write actions of operators
	ReadSnapshots  bool
	WriteSnapshots bool
	ReadLog        bool // where the log is in Postgres
	AppendLog      bool
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
	readTables = "orchestrix.views, orchestrix.view_builds, orchestrix.checkpoints"
	viewTables = readTables + ", orchestrix.workers, orchestrix.parked, orchestrix.actions"
	logTables  = "orchestrix.log_partitions, orchestrix.log_commits"
)

func (r Rights) grants() []grant {
	grants := []grant{{"select", versionTable}}
	grantIf := func(granted bool, verbs, tables string) {
		if granted {
			grants = append(grants, grant{verbs, tables})
		}
	}
	grantIf(r.ReadViews, "select", readTables)
	grantIf(r.ReadParked, "select", "orchestrix.parked")
	grantIf(r.WriteViews, "select, insert, update, delete", viewTables)
	grantIf(r.RecordActions, "insert", "orchestrix.actions")
	grantIf(r.ReadSnapshots, "select", "orchestrix.snapshots")
	grantIf(r.WriteSnapshots, "select, insert, update", "orchestrix.snapshots")
	grantIf(r.ReadLog, "select", logTables)
	grantIf(r.AppendLog, "select", logTables)
	grantIf(r.AppendLog, "insert", "orchestrix.log_commits")
	grantIf(r.AppendLog, "update", "orchestrix.log_partitions")
	return grants
}

// SetRoles creates the missing roles, sets the passwords, and gives each role exactly its rights in a migrated database.
// The user who migrates owns the tables of the migrations; the role that writes views owns the tables of the documents.
// SetRoles needs the right to create roles. It returns [port.ErrUnavailable] where Postgres does not answer or refuses. It
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
	for _, role := range roles {
		if err := setRole(ctx, tx, role); err != nil {
			return translate("role "+role.Name, err)
		}
		if err := guardViews(ctx, tx, role); err != nil {
			return translate("limit role "+role.Name+" to its view", err)
		}
	}
	if err := shareViews(ctx, tx, roles); err != nil {
		return translate("share the tables of the views", err)
	}
	return translate("create roles", tx.Commit(ctx))
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

func setRole(ctx context.Context, tx pgx.Tx, role Role) error {
	if role.Name == "" || role.Password == "" {
		return errors.New("a role needs a name and a password")
	}
	var exists bool
	if err := tx.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", role.Name).Scan(&exists); err != nil {
		return err
	}
	verb := "create"
	if exists {
		verb = "alter"
	}
	verifier := role.Password
	if !strings.HasPrefix(verifier, scramPrefix) {
		var err error
		if verifier, err = Verifier(role.Password); err != nil {
			return err
		}
	}
	name := quoted(role.Name)
	if _, err := tx.Exec(ctx, fmt.Sprintf("%s role %s login nosuperuser nocreatedb nocreaterole noreplication password %s",
		verb, name, literal(verifier))); err != nil {
		return err
	}
	statements := []string{
		"revoke all on " + strings.Join([]string{versionTable, viewTables, "orchestrix.snapshots", logTables}, ", ") + " from " + name,
		"revoke all on schema " + schemaName + " from " + name,
		"grant usage on schema " + schemaName + " to " + name,
	}
	if role.Rights.WriteViews {
		statements = append(statements, "grant create on schema "+schemaName+" to "+name)
	}
	for _, g := range role.Rights.grants() {
		statements = append(statements, "grant "+g.verbs+" on "+g.tables+" to "+name)
	}
	return execAll(ctx, tx, statements)
}

func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// documentTable is the name of a table with the documents of a view; see tableName.
var documentTable = regexp.MustCompile(`^view_.+_v[0-9]+(_r[0-9]+)?$`)

// shareViews makes the role that writes views the owner of the tables of the documents, existing and future ones, and
// grants the roles with ReadViews to read them.
func shareViews(ctx context.Context, tx pgx.Tx, roles []Role) error {
	rows, err := tx.Query(ctx, "select tablename from pg_tables where schemaname = $1 order by tablename", schemaName)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var statements []string
	for _, writer := range roles {
		if !writer.Rights.WriteViews {
			continue
		}
		// Only a member of a role may change the owner of a table to it, or its default privileges.
		statements = append(statements, "grant "+quoted(writer.Name)+" to current_user")
		for _, reader := range roles {
			if reader.Rights.ReadViews && reader.Name != writer.Name {
				statements = append(statements, fmt.Sprintf("alter default privileges for role %s in schema %s grant select on tables to %s",
					quoted(writer.Name), schemaName, quoted(reader.Name)))
			}
		}
	}
	for _, table := range tables {
		owner := ownerOf(table, roles)
		if owner == "" || !documentTable.MatchString(table) {
			continue
		}
		name := pgx.Identifier{schemaName, table}.Sanitize()
		statements = append(statements, "alter table "+name+" owner to "+quoted(owner))
		for _, reader := range roles {
			if reader.Rights.ReadViews && reader.Name != owner {
				statements = append(statements, "grant select on "+name+" to "+quoted(reader.Name))
			}
		}
	}
	return execAll(ctx, tx, statements)
}

// ownerOf returns the role that writes a table of documents, or an empty string.
func ownerOf(table string, roles []Role) (owner string) {
	for _, role := range roles {
		switch only := role.Rights.OnlyView; {
		case !role.Rights.WriteViews:
		case only == "" && owner == "", only != "" && strings.HasPrefix(table, "view_"+only+"_v"):
			owner = role.Name
		}
	}
	return owner
}
