package httpapi

import (
	"context"
	"hash/crc32"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// The parameters that every list has, and their limits.
const (
	paramSort   = "sort"
	paramLimit  = "limit"
	paramCursor = "cursor"

	defaultListLimit = 50
	maxListLimit     = 1000
)

// document answers one document of a view.
func (a *queryAPI) document(ctx context.Context, r readRequest) ([]byte, error) {
	view, err := a.view(r.PathValue("view"))
	if err != nil {
		return nil, err
	}
	key := r.PathValue("key")
	if err := core.CheckKey(key); err != nil {
		return nil, err
	}
	if err := only(r.values); err != nil {
		return nil, err
	}
	document, fresh, err := a.router.Document(ctx, view.Name, core.DefaultTenant, key, r.wait)
	if err != nil {
		return nil, err
	}
	position := document.Position.String()
	tag := documentTag(position, document.Data)
	a.setAsOf(r.header, fresh)
	r.header.Set(headerETag, tag)
	r.header.Set(headerPosition, position)
	if noneMatch(r.Header, tag) {
		return nil, errNotModified
	}
	return appendDocument(make([]byte, 0, len(document.Data)+len(key)+64), document)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// documentTag is the entity tag of a document. The position alone is not enough: changed folds make another document from the
// same events, and so does an event that is applied after it was parked.
func documentTag(position string, data []byte) string {
	return quoted(position + "-" + strconv.FormatUint(uint64(crc32.Checksum(data, castagnoli)), 36))
}

// list answers one page of a view.
func (a *queryAPI) list(ctx context.Context, r readRequest) ([]byte, error) {
	view, err := a.view(r.PathValue("view"))
	if err != nil {
		return nil, err
	}
	q, err := listQuery(view, r.values)
	if err != nil {
		return nil, err
	}
	page, fresh, err := a.router.List(ctx, view.Name, core.DefaultTenant, q, r.wait)
	if err != nil {
		return nil, err
	}
	a.setAsOf(r.header, fresh)
	return appendPage(page)
}

func (a *queryAPI) view(name string) (*core.ViewType, error) {
	view, ok := a.registry.View(name)
	if ok {
		return view, nil
	}
	names := make([]string, 0, len(a.registry.Views()))
	for _, v := range a.registry.Views() {
		names = append(names, v.Name)
	}
	return nil, unknown("view", name, names)
}

// listQuery reads the parameters of a list: filters by declared fields, sort order and page.
func listQuery(view *core.ViewType, values url.Values) (core.ListQuery, error) {
	names := make([]string, 0, len(view.Fields)+3)
	for _, f := range view.Fields {
		names = append(names, f.Name)
	}
	if err := only(values, append(names, paramSort, paramLimit, paramCursor)...); err != nil {
		return core.ListQuery{}, err
	}
	limit, err := number(values, paramLimit, defaultListLimit, 1, maxListLimit)
	if err != nil {
		return core.ListQuery{}, err
	}
	q := core.ListQuery{Limit: int(limit), Cursor: values.Get(paramCursor)}
	for _, name := range names {
		if values.Has(name) {
			q.Filter = append(q.Filter, core.FieldValue{Field: name, Value: values.Get(name)})
		}
	}
	if values.Has(paramSort) {
		q.Sort, q.Desc = strings.CutPrefix(values.Get(paramSort), "-")
		if _, ok := view.Field(q.Sort); !ok {
			return core.ListQuery{}, problem.BadQuery.Errorf("can't sort by %s; there are: %s", quote(q.Sort), strings.Join(names, ", "))
		}
	}
	return q, nil
}

// asOfFormat is RFC 3339 in UTC, with milliseconds.
const asOfFormat = "2006-01-02T15:04:05.000Z"

// asOfText is a time and its form in the header, which many answers share.
type asOfText struct {
	time time.Time
	text string
}

// setAsOf sets Orchestrix-As-Of, if the freshness of the view is known.
func (a *queryAPI) setAsOf(h http.Header, fresh query.Freshness) {
	if fresh.AsOf.IsZero() {
		return
	}
	last := a.asOf.Load()
	if last == nil || !last.time.Equal(fresh.AsOf) {
		last = &asOfText{fresh.AsOf, fresh.AsOf.UTC().Format(asOfFormat)}
		a.asOf.Store(last)
	}
	h.Set(headerAsOf, last.text)
}

// appendKey writes a key as JSON.
func appendKey(to []byte, key string) ([]byte, error) {
	for i := range len(key) {
		if c := key[i]; c < ' ' || c > '~' || strings.IndexByte(`"\<>&`, c) >= 0 {
			text, err := core.Marshal(key)
			return append(to, text...), err
		}
	}
	to = append(to, '"')
	to = append(to, key...)
	return append(to, '"'), nil
}

// appendDocument writes a document. Its data is copied byte for byte from the view store.
func appendDocument(to []byte, d core.Document) ([]byte, error) {
	to, err := appendKey(append(to, `{"key":`...), d.Key)
	if err != nil {
		return nil, err
	}
	to = append(to, `,"position":"`...)
	to = append(to, d.Position.String()...)
	to = append(to, `","data":`...)
	to = append(to, d.Data...)
	return append(to, '}'), nil
}

func appendPage(page core.Page) ([]byte, error) {
	size := 64 + len(page.Next)
	for _, d := range page.Items {
		size += len(d.Data) + len(d.Key) + 64
	}
	to := append(make([]byte, 0, size), `{"items":[`...)
	var err error
	for i, d := range page.Items {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendDocument(to, d); err != nil {
			return nil, err
		}
	}
	to = append(to, ']')
	if page.Next != "" {
		cursor, err := core.Marshal(page.Next)
		if err != nil {
			return nil, err
		}
		to = append(to, `,"next_cursor":`...)
		to = append(to, cursor...)
	}
	return append(to, '}'), nil
}
