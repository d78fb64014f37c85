package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// documentRead is one read of a document, with its result.
type documentRead struct {
	tenant, key string

	stale    bool // the build was replaced as the active one
	found    bool
	position core.Position
	data     []byte
}

// documentSelects are the two statements that read documents of a build: one document, or many in one round trip.
type documentSelects struct{ one, many string }

func selectsOf(b core.Build) documentSelects {
	from := "from " + tableName(b) + " d where d.data is not null and "
	return documentSelects{
		one: "select 1::bigint, d.partition, d.sequence, d.data " + from + "d.tenant = $1 and d.key = $2",
		many: `select w.n, d.* from unnest($1::text[], $2::text[]) with ordinality as w (tenant, key, n)
cross join lateral (
	select d.partition, d.sequence, d.data ` + from + `d.tenant = w.tenant collate "C" and d.key = w.key collate "C" limit 1
) d`,
	}
}

// Get implements [port.ViewReader]. Concurrent reads of one view share statements.
func (v *Views) Get(ctx context.Context, view, tenant, key string) (core.Document, error) {
	var r *documentRead
	err := v.readActive(ctx, view, func(ctx context.Context, known *activeBuild) (stale bool, err error) {
		r = &documentRead{tenant: tenant, key: key}
		err = known.reads.do(ctx, r, func(ctx context.Context, all []*documentRead) error { return v.readDocuments(ctx, known, all) })
		if err != nil {
			return false, translate("read view "+view, err)
		}
		return r.stale, nil
	})
	if err != nil {
		return core.Document{}, err
	}
	if !r.found {
		return core.Document{}, fmt.Errorf("view %s, document %q: %w", view, key, core.ErrNotFound)
	}
	return core.Document{Key: key, Position: r.position, Data: json.RawMessage(r.data)}, nil
}

// readDocuments fills in the reads whose document exists.
func (v *Views) readDocuments(ctx context.Context, known *activeBuild, reads []*documentRead) error {
	s := statement{sql: known.selects.one, args: []any{reads[0].tenant, reads[0].key}}
	if n := len(reads); n > 1 {
		tenants, keys := make([]string, n), make([]string, n)
		for i, r := range reads {
			tenants[i], keys[i] = r.tenant, r.key
		}
		s.sql, s.args = known.selects.many, []any{tenants, keys}
	}
	s.scan = func(rows pgx.Rows) error { return scanDocuments(rows, reads) }
	stale, err := v.queryBuild(ctx, known, s)
	for _, r := range reads {
		r.stale = stale
	}
	return err
}

func scanDocuments(rows pgx.Rows, reads []*documentRead) error {
	var n int
	var found documentRead
	_, err := pgx.ForEachRow(rows, []any{&n, &found.position.Partition, &found.position.Sequence, &found.data}, func() error {
		r := reads[n-1]
		r.found, r.position, r.data = true, found.position, found.data
		return nil
	})
	return err
}
