package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// selectDocumentTables lists the tables with documents: see tableName. A table without a row in view_builds is not ours.
const selectDocumentTables = `
select c.relname, pg_get_userbyid(c.relowner)::text, pg_get_userbyid(c.relowner) = current_user from pg_class c
where c.relnamespace = 'orchestrix_views'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') order by c.relname`

// shareViews makes the role that writes views the owner of the tables of the documents, existing and future ones, and
// grants the roles with ReadViews to read them. It takes over only what the user who migrates has created, as a service did
// that had no role of its own: a table of a stranger may have triggers that run with the rights of its new owner.
func shareViews(ctx context.Context, tx pgx.Tx, roles []Role) error {
	writer := ""
	for _, role := range roles {
		if role.Rights.makesTables() {
			writer = role.Name
		}
	}
	if writer == "" {
		return nil
	}
	// Only a member of a role may change the owner of a table to it, or its default privileges.
	statements := []string{"grant " + quoted(writer) + " to current_user"}
	for _, reader := range roles {
		if reader.Rights.ReadViews && reader.Name != writer {
			statements = append(statements, fmt.Sprintf("alter default privileges for role %s in schema %s grant select on tables to %s",
				quoted(writer), viewsSchema, quoted(reader.Name)))
		}
	}
	tables, err := ownTables(ctx, tx, writer)
	if err != nil {
		return err
	}
	for _, table := range tables {
		name := pgx.Identifier{viewsSchema, table}.Sanitize()
		statements = append(statements, "alter table "+name+" owner to "+quoted(writer))
		for _, reader := range roles {
			if reader.Rights.ReadViews && reader.Name != writer {
				statements = append(statements, "grant select on "+name+" to "+quoted(reader.Name))
			}
		}
	}
	return execAll(ctx, tx, statements)
}

// ownTables returns the tables of the documents. The error names those that a stranger has created or changed.
func ownTables(ctx context.Context, tx pgx.Tx, writer string) (tables []string, err error) {
	rows, err := tx.Query(ctx, selectDocumentTables)
	if err != nil {
		return nil, err
	}
	var strange error
	var table, owner string
	var mine bool
	_, err = pgx.ForEachRow(rows, []any{&table, &owner, &mine}, func() error {
		if owner != writer && !mine {
			strange = errors.Join(strange, fmt.Errorf("%w: %s.%q belongs to %s, not to %s: find out who created it, then drop it or change its owner",
				errNotOurs, viewsSchema, table, owner, writer))
		}
		tables = append(tables, table)
		return nil
	})
	if err = errors.Join(err, strange); err != nil {
		return nil, err
	}
	for _, table := range tables {
		if err := checkTable(ctx, tx, pgx.Identifier{viewsSchema, table}.Sanitize()); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// errNotOurs is the error for a table that another program or role has created.
var errNotOurs = errors.New("a table is in the way that this program did not create")

// selectTable reads what makes a table do more than store documents, or store them for another.
const selectTable = `
select pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'usage'), c.relkind = 'r',
	exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) or exists (select from pg_rewrite r where r.ev_class = c.oid)
	or exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) or c.relrowsecurity
	or exists (select from pg_attrdef d where d.adrelid = c.oid)
from pg_class c where c.oid = to_regclass($1)`

// checkTable returns an error where the table exists and was not made by this program: by another role, or with triggers,
// rules, defaults, policies or parents. It returns [pgx.ErrNoRows] where there is none.
func checkTable(ctx context.Context, tx pgx.Tx, name string) error {
	var owner string
	var ours, isTable, acts bool
	if err := tx.QueryRow(ctx, selectTable, name).Scan(&owner, &ours, &isTable, &acts); err != nil {
		return err
	}
	switch {
	case !ours:
		return fmt.Errorf("%w: %s belongs to %s: find out who created it, then drop it", errNotOurs, name, owner)
	case !isTable || acts:
		return fmt.Errorf("%w: %s is no plain table, or it has a trigger, a rule, a default, a policy or a parent: find out who created it, then drop it", errNotOurs, name)
	}
	return nil
}
