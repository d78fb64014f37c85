package postgres

import (
	"context"

	"github.com/pressly/goose/v3"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// MigrateDown undoes every migration.
func (db *DB) MigrateDown(ctx context.Context) error {
	return db.withMigrations(ctx, func(p *goose.Provider) error {
		_, err := p.DownTo(ctx, 0)
		return err
	})
}

// ListStatement is the SQL of a list.
func ListStatement(view core.ViewSpec, tenant string, q core.ListQuery) (string, []any, error) {
	cursor, err := view.CheckList(tenant, q)
	if err != nil {
		return "", nil, err
	}
	sql, args := listStatement(view, tenant, q, cursor)
	return sql, args, nil
}
