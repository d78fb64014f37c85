package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// tableName is the quoted name of the table that holds a build of a view.
func tableName(b core.Build) string {
	name := "view_" + b.View + "_v" + strconv.Itoa(b.Version)
	if b.Rebuild > 0 {
		name += "_r" + strconv.Itoa(b.Rebuild)
	}
	return pgx.Identifier{viewsSchema, name}.Sanitize()
}

// sortExpression is the SQL expression by which a declared field is sorted and filtered. The index of the field has the
// same expression, or Postgres would not use it. A text is cut, since an index row has at most some 2,700 bytes; a document
// without the number sorts before those with one.
func sortExpression(f core.Field) string {
	value := "(data->>" + literal(f.Name) + ")"
	if f.Kind == core.Number {
		return "coalesce(" + value + "::numeric, '-Infinity')"
	}
	return fmt.Sprintf(`left(coalesce(%s, ''), %d) collate "C"`, value, core.SortedPrefix)
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// indexName is a function of the table and the field. It is a hash, since Postgres cuts names at 63 bytes.
func indexName(table string, f core.Field) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", table, f.Name, f.Kind))
	return "view_field_" + hex.EncodeToString(sum[:8])
}

// createTable creates the table of a build. Data is json and not jsonb, which keeps the text of a document byte for byte; it
// is only read whole, or by the indexes.
func createTable(table string) string {
	return `create table ` + table + ` (
		tenant    text   collate "C" not null,
		key       text   collate "C" not null,
		partition integer not null,
		sequence  bigint not null,
		data      json,
		primary key (tenant, key)
	) with (fillfactor = 85)`
}

func createIndex(table string, f core.Field) string {
	return fmt.Sprintf("create index if not exists %s on %s (tenant, (%s), key)", indexName(table, f), table, sortExpression(f))
}

const (
	upsertBuild = `
insert into orchestrix.view_builds as old (view, version, rebuild, fields, shared) values ($1, $2, $3, $4, $5)
on conflict (view, version, rebuild) do update set fields = excluded.fields, shared = excluded.shared, prepared_at = now()
where old.fields::text <> excluded.fields::text or old.shared <> excluded.shared`

	activateFirstBuild = `
with made as (
	insert into orchestrix.views (name, active_version, active_rebuild) values ($1, $2, $3) on conflict do nothing returning name
)
update orchestrix.view_builds b set state = 'active', since = now() from made
where b.view = $1 and b.version = $2 and b.rebuild = $3`
)

// prepareRetries is for workers that create the same table concurrently: the catalogue refuses all but one of them. A lock for
// all who prepare could be held by any role, for as long as it likes.
var prepareRetries = retry.Policy{First: 20 * time.Millisecond, Max: time.Second, FullJitter: true, Limit: 10}

// Prepare implements [port.ViewWriter]. A field that was added without a new version of the view gets its index here;
// creating it locks the table. An existing table is used only if this program has made it.
func (v *Views) Prepare(ctx context.Context, view core.ViewSpec) error {
	what := fmt.Sprintf("prepare %s", view.Build())
	fields, err := core.Marshal(view.Fields)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	_, err = retry.Do(ctx, prepareRetries, func(ctx context.Context) (struct{}, error) {
		err := pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error {
			if view.Name != core.ProcessRunner {
				if err := prepareTable(ctx, tx, view); err != nil {
					return err
				}
			}
			batch := &pgx.Batch{}
			batch.Queue(upsertBuild, view.Name, view.Version, view.Rebuild, fields, view.Shared)
			batch.Queue(activateFirstBuild, view.Name, view.Version, view.Rebuild)
			return tx.SendBatch(ctx, batch).Close()
		})
		if !hasCode(err, uniqueViolation, duplicateTable, duplicateObject, serialization, deadlock) {
			err = retry.Permanent(err)
		}
		return struct{}{}, err
	})
	return translate(what, err)
}

// prepareTable creates the table and the indexes of a build where they are missing.
func prepareTable(ctx context.Context, tx pgx.Tx, view core.ViewSpec) error {
	table := tableName(view.Build())
	err := checkTable(ctx, tx, table)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = tx.Exec(ctx, createTable(table))
	}
	if err != nil {
		return err
	}
	for _, f := range view.Fields {
		if _, err := tx.Exec(ctx, createIndex(table, f)); err != nil {
			return err
		}
	}
	return nil
}
