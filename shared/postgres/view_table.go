package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/es"
)

// tableName is the quoted name of the table that holds a version of a view.
func tableName(view string, version int) string {
	return pgx.Identifier{schemaName, "view_" + view + "_v" + strconv.Itoa(version)}.Sanitize()
}

// sortExpression is what a declared field compares as. The index of the field has the same expression, or
// Postgres would not use it. A text is cut, since an entry of an index has at most some 2,700 bytes; a document
// without the number stands before those with one.
func sortExpression(f es.Field) string {
	value := "(data->>" + literal(f.Name) + ")"
	if f.Kind == es.Number {
		return "coalesce(" + value + "::numeric, '-Infinity')"
	}
	return fmt.Sprintf(`left(coalesce(%s, ''), %d) collate "C"`, value, es.SortedPrefix)
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// indexName is the same for the same field of the same table, and short enough.
func indexName(table string, f es.Field) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", table, f.Name, f.Kind))
	return "view_field_" + hex.EncodeToString(sum[:8])
}

// tableStatements create what is missing of a view's version. Data is json and not jsonb: it is kept as it was
// written, and is only ever read as a whole or by the indexes.
func tableStatements(view es.ViewSpec) []string {
	table := tableName(view.Name, view.Version)
	statements := []string{`create table if not exists ` + table + ` (
		tenant    text   collate "C" not null,
		key       text   collate "C" not null,
		partition integer not null,
		sequence  bigint not null,
		data      json,
		primary key (tenant, key)
	) with (fillfactor = 85)`}
	for _, f := range view.Fields {
		statements = append(statements, fmt.Sprintf("create index if not exists %s on %s (tenant, (%s), key)",
			indexName(table, f), table, sortExpression(f)))
	}
	return statements
}

const (
	recordVersion = `
insert into orchestrix.view_versions as old (view, version, fields, shared) values ($1, $2, $3, $4)
on conflict (view, version) do update set fields = excluded.fields, shared = excluded.shared, prepared_at = now()
where old.fields::text <> excluded.fields::text or old.shared <> excluded.shared`

	makeActive = `insert into orchestrix.views (name, active_version) values ($1, $2) on conflict do nothing`
)

// Prepare implements [es.ViewWriter]. A field that is declared without raising the version gets its index here,
// which locks the table while it is built.
func (v *Views) Prepare(ctx context.Context, view es.ViewSpec) error {
	what := fmt.Sprintf("prepare view %s, version %d", view.Name, view.Version)
	fields, err := es.Marshal(view.Fields)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	batch := &pgx.Batch{} // without "begin", a batch is one transaction
	batch.Queue("select pg_advisory_xact_lock($1)", schemaLock)
	for _, statement := range tableStatements(view) {
		batch.Queue(statement)
	}
	batch.Queue(recordVersion, view.Name, view.Version, fields, view.Shared)
	batch.Queue(makeActive, view.Name, view.Version)
	return translate(what, v.db.pool.SendBatch(ctx, batch).Close())
}

// activate compares with what readers see in one statement, so that nothing can move in between.
const activate = `
with switched as (
	update orchestrix.views v set active_version = $2, activated_at = now()
	where name = $1 and active_version < $2
	and (select count(*) from orchestrix.checkpoints where view = $1 and version = $2) >= $3
	and not exists (
		select from orchestrix.checkpoints old
		left join orchestrix.checkpoints new on new.view = old.view and new.version = $2 and new.partition = old.partition
		where old.view = $1 and old.version = v.active_version and coalesce(new.position, 0) < old.position
	)
	returning active_version
)
select exists (select from switched) or exists (select from orchestrix.views where name = $1 and active_version >= $2)`

// Activate implements [es.ViewWriter].
func (v *Views) Activate(ctx context.Context, view es.ViewSpec, partitions int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var active bool
	err := v.db.pool.QueryRow(ctx, activate, view.Name, view.Version, partitions).Scan(&active)
	return active, translate(fmt.Sprintf("activate view %s, version %d", view.Name, view.Version), err)
}
