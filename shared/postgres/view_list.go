package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// List implements [port.ViewReader]. The cursor of a page holds the sort value and the key of the last document, not
// an offset: writes between two pages do not shift the next one.
func (v *Views) List(ctx context.Context, view, tenant string, q core.ListQuery) (core.Page, error) {
	var items []core.Document
	var full bool
	var sort core.Field
	err := v.readActive(ctx, view, func(ctx context.Context, known *activeBuild) (stale bool, err error) {
		spec := known.ViewSpec
		cursor, err := spec.CheckList(tenant, q)
		if err != nil {
			return false, err
		}
		items, sort = make([]core.Document, 0, q.Limit+1), core.Field{}
		sort, _ = spec.Field(q.Sort)
		sql, args := listStatement(spec, tenant, q, cursor)
		stale, err = v.queryBuild(ctx, known, statement{sql: sql, args: args, scan: func(rows pgx.Rows) error {
			items, full, err = scanPage(items, rows)
			return err
		}})
		return stale, translate("read view "+view, err)
	})
	if err != nil {
		return core.Page{}, err
	}
	page := core.Page{Items: items[:min(len(items), q.Limit)]}
	if full || len(items) > q.Limit {
		page.Next, err = nextCursor(view, tenant, q, sort, page.Items[len(page.Items)-1])
	}
	return page, err
}

// scanPage appends the documents of the rows to a page. It reports whether it has left some out, since the page is full.
func scanPage(page []core.Document, rows pgx.Rows) (items []core.Document, full bool, err error) {
	defer rows.Close()
	for size := 0; rows.Next(); {
		d, err := scanDocument(rows)
		if err != nil {
			return page, false, err
		}
		if size += len(d.Data); size > core.MaxListBytes && len(page) > 0 {
			return page, true, nil
		}
		page = append(page, d)
	}
	return page, false, rows.Err()
}

func scanDocument(row pgx.CollectableRow) (d core.Document, err error) {
	err = row.Scan(&d.Key, &d.Position.Partition, &d.Position.Sequence, (*[]byte)(&d.Data))
	return d, err
}

// arguments are the parameters of a statement.
type arguments []any

// bind appends a parameter and returns its placeholder, such as $3.
func (a *arguments) bind(value any) string {
	*a = append(*a, value)
	return fmt.Sprintf("$%d", len(*a))
}

func listStatement(spec core.ViewSpec, tenant string, q core.ListQuery, cursor *core.ListCursor) (string, []any) {
	var args arguments
	where := []string{"tenant = " + args.bind(tenant), "data is not null"}
	for _, f := range q.Filter {
		field, _ := spec.Field(f.Field)
		where = append(where, filter(field, f.Value, &args))
	}
	order, direction, after := []string{"key"}, " asc", " > "
	if q.Desc {
		direction, after = " desc", " < "
	}
	sort, sorted := spec.Field(q.Sort)
	if sorted {
		order = []string{sortExpression(sort), "key"}
	}
	if cursor != nil {
		from := []string{args.bind(cursor.Key) + "::text"}
		if sorted {
			from = []string{cursorValue(sort, cursor.Value, &args), from[0]}
		}
		where = append(where, "("+strings.Join(order, ", ")+")"+after+"("+strings.Join(from, ", ")+")")
	}
	sql := "select key, partition, sequence, data from " + tableName(spec.Build()) +
		" where " + strings.Join(where, " and ") +
		" order by " + strings.Join(order, direction+", ") + direction +
		" limit " + args.bind(q.Limit+1)
	return sql, args
}

// filter is a condition that the index answers. The index holds a prefix of a long text, so such a text is compared whole too.
func filter(f core.Field, value string, args *arguments) string {
	if f.Kind == core.Number {
		return sortExpression(f) + " = " + args.bind(value) + "::text::numeric"
	}
	given := args.bind(value) + "::text"
	condition := fmt.Sprintf("%s = left(%s, %d)", sortExpression(f), given, core.SortedPrefix)
	if len(value) >= core.SortedPrefix {
		condition += " and data->>" + literal(f.Name) + " = " + given
	}
	return condition
}

func cursorValue(f core.Field, value string, args *arguments) string {
	if f.Kind == core.Text {
		return args.bind(value) + "::text"
	}
	if value == "" {
		value = "-Infinity"
	}
	return args.bind(value) + "::text::numeric"
}

func nextCursor(view, tenant string, q core.ListQuery, sort core.Field, last core.Document) (string, error) {
	c := core.ListCursor{Key: last.Key}
	if q.Sort != "" {
		var fields map[string]json.RawMessage
		if err := core.Unmarshal(last.Data, &fields); err != nil {
			return "", fmt.Errorf("view %s, document %q: %w", view, last.Key, err)
		}
		c.Value, _ = core.FieldText(fields, q.Sort)
		if runes := []rune(c.Value); sort.Kind == core.Text && len(runes) > core.SortedPrefix {
			c.Value = string(runes[:core.SortedPrefix])
		}
	}
	return c.Text(view, tenant, q)
}
