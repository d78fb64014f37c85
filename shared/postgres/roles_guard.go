package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// guarded are the tables in which every view has rows, and the column that says whose a row is. Grants are about whole
// tables; a policy of row security would do for rows, and hide those of others without a word from whoever asks for them.
var guarded = map[string]string{"views": "name", "view_builds": "view", "checkpoints": "view", "parked": "view"}

// guardFunction refuses a row of another view than the one in its first argument.
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

// guardViews keeps a role with [Rights.OnlyView] to the rows of that view, by a trigger that has the role's name and costs
// others the look at who they are. What is as it should be is left alone: projections hold locks on these tables.
func guardViews(ctx context.Context, tx pgx.Tx, role Role) error {
	own := ""
	if role.Rights.WriteViews {
		own = role.Rights.OnlyView
	}
	name := quoted(role.Name)
	for _, table := range slices.Sorted(maps.Keys(guarded)) {
		const find = "select coalesce(obj_description(oid, 'pg_trigger'), '') from pg_trigger where tgrelid = $1::regclass and tgname = $2"
		on, there := schemaName+"."+table, ""
		if err := tx.QueryRow(ctx, find, on, role.Name).Scan(&there); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if there == own {
			continue
		}
		statements := []string{fmt.Sprintf("drop trigger if exists %s on %s", name, on)}
		if own != "" {
			statements = append(statements, guardFunction,
				fmt.Sprintf("create trigger %s before insert or update or delete on %s for each row when (current_user = %s) execute function %s.only_own_view(%s, %s)",
					name, on, literal(role.Name), schemaName, literal(own), literal(guarded[table])),
				fmt.Sprintf("comment on trigger %s on %s is %s", name, on, literal(own)))
		}
		if err := execEach(ctx, tx, statements); err != nil {
			return err
		}
	}
	return nil
}
