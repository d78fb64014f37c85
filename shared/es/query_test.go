package es_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// shelf is a read side with some documents.
type shelf []es.Document

func (s shelf) Get(_ context.Context, view, key string) (es.Document, error) {
	for _, d := range s {
		if d.Key == key {
			return d, nil
		}
	}
	return es.Document{}, es.ErrNotFound
}

func (s shelf) List(_ context.Context, _ string, q es.ListQuery) (es.Page, error) {
	if q.Sort != "" {
		return es.Page{}, es.ErrBadQuery
	}
	return es.Page{Items: s[:min(q.Limit, len(s))]}, nil
}

var logShelf = shelf{
	{Key: "Ada", Data: []byte(`{"by":"Ada","times":2}`)},
	{Key: "Bob", Data: []byte(`{"by":"Bob","times":"often"}`)},
}

func TestGet(t *testing.T) {
	t.Parallel()
	d, err := es.Get[log](t.Context(), logShelf, "logs", "Ada")
	if err != nil || d != (log{By: "Ada", Times: 2}) {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err := es.Get[log](t.Context(), logShelf, "logs", "Eve"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("a document that is not there: %v", err)
	}
	if _, err := es.Get[log](t.Context(), logShelf, "logs", "Bob"); !errors.Is(err, core.ErrBadPayload) {
		t.Errorf("a document of another form: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	all, err := es.List[log](t.Context(), logShelf, "logs", es.ListQuery{Limit: 1})
	if err != nil || len(all) != 1 || all[0] != (log{By: "Ada", Times: 2}) {
		t.Errorf("got %+v, %v", all, err)
	}
	if _, err := es.List[log](t.Context(), logShelf, "logs", es.ListQuery{Limit: 2}); !errors.Is(err, core.ErrBadPayload) || !strings.Contains(err.Error(), `"Bob"`) {
		t.Errorf("a document of another form: %v", err)
	}
	if _, err := es.List[log](t.Context(), logShelf, "logs", es.ListQuery{Sort: "by", Limit: 1}); !errors.Is(err, es.ErrBadQuery) {
		t.Errorf("a field that is not declared: %v", err)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	type params struct {
		Who string `json:"who"`
	}
	q := register(t, es.Module{Name: "house", Queries: []es.QueryDef{es.Query[params, log]{
		Name: "find",
		Run: func(ctx context.Context, views es.Views, p params) (log, error) {
			return es.Get[log](ctx, views, "logs", p.Who)
		},
	}}}).Queries()[0]
	if q.Module != "house" || q.Params != reflect.TypeFor[params]() || q.Result != reflect.TypeFor[log]() {
		t.Errorf("query is %+v", q)
	}
	if result, err := q.Run(t.Context(), logShelf, []byte(`{"who":"Ada"}`)); err != nil || result != (log{By: "Ada", Times: 2}) {
		t.Errorf("got %+v, %v", result, err)
	}
	if _, err := q.Run(t.Context(), logShelf, []byte(`{"who":"Eve"}`)); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := q.Run(t.Context(), logShelf, []byte(`{"whom":"Ada"}`)); !errors.Is(err, core.ErrBadPayload) || !strings.Contains(err.Error(), "find") {
		t.Errorf("got %v", err)
	}
}
