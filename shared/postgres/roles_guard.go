package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// guardedTables maps each table with rows of every view to its column with the name of the view. A grant is about a whole
// table, and row security would hide the rows of other views silently from a role that should see an error.
var guardedTables = map[string]string{"views": "name", "view_builds": "view", "checkpoints": "view", "parked": "view"}

// guardFunction rejects the change of a row whose view is not the first argument; the second names the column.
const guardFunction = `create or replace function orchestrix.only_own_view() returns trigger language plpgsql as $$
declare
    own constant text := tg_argv[0];
    belongs constant text := tg_argv[1];
begin
    if tg_op <> 'INSERT' and to_jsonb(old) ->> belongs is distinct from own
       or tg_op <> 'DELETE' and to_jsonb(new) ->> belongs is distinct from own then
        raise insufficient_privilege using message = format('%s may change view %s alone', current_user, own);
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$`

// guardViews limits a role with [Rights.OnlyView] to the rows of that view, by a trigger with the name of the role; other
// roles pay for the comparison with current_user. An unchanged trigger is not created again, since projections hold locks
// on these tables.
func guardViews(ctx context.Context, tx pgx.Tx, role Role) error {
	own := ""
	if role.Rights.WriteViews {
		own = role.Rights.OnlyView
	}
	name := quoted(role.Name)
	for _, table := range slices.Sorted(maps.Keys(guardedTables)) {
		const find = "select coalesce(obj_description(oid, 'pg_trigger'), '') from pg_trigger where tgrelid = $1::regclass and tgname = $2"
		on, current := schemaName+"."+table, ""
		if err := tx.QueryRow(ctx, find, on, role.Name).Scan(&current); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if current == own {
			continue
		}
		statements := []string{fmt.Sprintf("drop trigger if exists %s on %s", name, on)}
		if own != "" {
			statements = append(statements, guardFunction,
				fmt.Sprintf("create trigger %s before insert or update or delete on %s for each row when (current_user = %s) execute function %s.only_own_view(%s, %s)",
					name, on, literal(role.Name), schemaName, literal(own), literal(guardedTables[table])),
				fmt.Sprintf("comment on trigger %s on %s is %s", name, on, literal(own)))
		}
		if err := execAll(ctx, tx, statements); err != nil {
			return err
		}
	}
	return nil
}
