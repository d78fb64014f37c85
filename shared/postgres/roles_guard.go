package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A grant is about a whole table. A guard limits a role to some of its rows, by triggers: row security would hide the other
// rows silently from a role that should see an error.

// rowGuard is the limit of one role in one table.
type rowGuard struct {
	table string
	own   string // an SQL condition on the row %s
	moves string // an SQL condition on the rows old and new: with it, own is about new rows alone, and every row may be deleted
	what  string // the rows that the role may write, for the error
}

// viewColumns maps each table with rows of every view to its column with the name of the view.
var viewColumns = map[string]string{"views": "name", "view_builds": "view", "checkpoints": "view", "parked": "view"}

// guards returns the limits of a role in each of the guarded tables; a limit with an empty condition is none.
func (r Rights) guards() (guards []rowGuard) {
	for _, table := range slices.Sorted(maps.Keys(viewColumns)) {
		g := rowGuard{table: table}
		switch view := "%s." + viewColumns[table]; {
		case r.makesTables():
			g = guardProcesses(table)
		case r.WriteViews:
			g.own, g.what = view+" = "+literal(r.OnlyView), "of view "+r.OnlyView
		}
		guards = append(guards, g)
	}
	workers := rowGuard{table: "workers", what: "of its kind of worker"}
	switch kind := "%s.kind = "; {
	case r.makesTables():
		workers.own = kind + literal(string(port.ProjectionWorker))
	case r.WriteViews:
		workers.own = kind + literal(string(port.ProcessWorker))
	}
	const isProcess = "starts_with(%s.category, '" + core.ProcessCategoryPrefix + "')"
	snapshots, commits := rowGuard{table: "snapshots"}, rowGuard{table: "log_commits"}
	switch {
	case r.WriteSnapshots && !r.WriteProcessSnapshots:
		snapshots.own, snapshots.what = "not "+isProcess, "of aggregates"
	case r.WriteProcessSnapshots && !r.WriteSnapshots:
		snapshots.own, snapshots.what = isProcess, "of process instances"
	}
	if r.AppendLog {
		commits.own, commits.what = "not "+isProcess, "of aggregates"
	}
	return append(guards, workers, snapshots, commits)
}

// guardProcesses is the limit of a role that writes all views. It acts on the build of the process runner too, as an operator
// wants: it pauses, rebuilds, cancels and drops that. It does not move a checkpoint, nor park an event: the runner would skip
// reactions. A checkpoint that is lost skips none.
func guardProcesses(table string) rowGuard {
	const of = " <> '" + core.ProcessRunner + "'"
	g := rowGuard{table: table, what: "of views"}
	switch table {
	case "parked":
		g.own = "%s.view" + of
	case "checkpoints":
		const position = "(%[1]s.view, %[1]s.version, %[1]s.rebuild, %[1]s.partition, %[1]s.position, %[1]s.log_created, %[1]s.commit_sha256)"
		g.own = "%s.view" + of
		g.moves = "old.view" + of + " and new.view" + of + " or " +
			fmt.Sprintf(position, "old") + " is not distinct from " + fmt.Sprintf(position, "new")
	}
	return g
}

// refuseFunction is what the triggers call for a row that is not the role's own.
const refuseFunction = `create or replace function orchestrix.refuse_row() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    raise insufficient_privilege using message = format('%s may change rows %s alone', current_user, tg_argv[0]);
end $$`

// setGuards sets the triggers of a role. Rows of its own cost a comparison, those of other roles one of current_user. An
// unchanged trigger is not created again, since projections hold locks on these tables.
func setGuards(ctx context.Context, tx pgx.Tx, role Role) error {
	for _, g := range role.Rights.guards() {
		// The row before a change is checked too: else a change of its key would take it from its owner.
		added, changed, kept := "insert or update", "update or delete", g.condition("old")
		if g.moves != "" {
			added, changed, kept = "insert", "update", g.moves
		}
		err := errors.Join(
			setTrigger(ctx, tx, role.Name, role.Name, added, g.condition("new"), g),
			setTrigger(ctx, tx, role.Name, role.Name+" old", changed, kept, g),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (g rowGuard) condition(row string) string {
	if g.own == "" {
		return ""
	}
	return fmt.Sprintf(g.own, row)
}

// setTrigger sets the trigger that refuses a role the changes for which own is not true; it removes the trigger where own is empty.
func setTrigger(ctx context.Context, tx pgx.Tx, role, trigger, on, own string, g rowGuard) error {
	const find = "select coalesce(obj_description(oid, 'pg_trigger'), '') from pg_trigger where tgrelid = $1::regclass and tgname = $2"
	table, current, condition, comment := schemaName+"."+g.table, "", "", ""
	if err := tx.QueryRow(ctx, find, table, trigger).Scan(&current); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if own != "" {
		condition = fmt.Sprintf("current_user = %s and (%s) is not true", literal(role), own)
		comment = on + " when " + condition
	}
	if current == comment {
		return nil
	}
	name := quoted(trigger)
	statements := []string{fmt.Sprintf("drop trigger if exists %s on %s", name, table)}
	if condition != "" {
		statements = append(statements, refuseFunction, "revoke all on function orchestrix.refuse_row() from public",
			fmt.Sprintf("create trigger %s before %s on %s for each row when (%s) execute function %s.refuse_row(%s)",
				name, on, table, condition, schemaName, literal(g.what)),
			fmt.Sprintf("comment on trigger %s on %s is %s", name, table, literal(comment)))
	}
	return execAll(ctx, tx, statements)
}
