package ordering_test

import (
	"context"
	"net/url"
	"reflect"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// oneList answers a list with these documents, and keeps what was asked.
type oneList struct {
	es.Views
	view  string
	query es.ListQuery
	items []es.Document
}

func (l *oneList) List(_ context.Context, view string, q es.ListQuery) (es.Page, error) {
	l.view, l.query = view, q
	return es.Page{Items: l.items}, nil
}

func TestTopCustomers(t *testing.T) {
	t.Parallel()
	registry, err := compile.Modules(ordering.Module())
	if err != nil {
		t.Fatal(err)
	}
	views := &oneList{items: []es.Document{
		{Key: "QUICK", Data: []byte(`{"customer_id":"QUICK","customer_name":"QUICK-Stop","orders":28,"net_total":"110277.3050"}`)},
		{Key: "ERNSH", Data: []byte(`{"customer_id":"ERNSH","customer_name":"Ernst Handel","orders":30,"net_total":"104874.9785"}`)},
	}}
	result, err := registry.Queries()[0].Run(t.Context(), views, []byte(`{"limit":2}`))
	if err != nil {
		t.Fatal(err)
	}
	top := result.(ordering.TopCustomers).Items
	if len(top) != 2 || top[0].CustomerID != "QUICK" || top[1].Orders != 30 || !top[1].NetTotal.Equal(money("104874.9785")) {
		t.Errorf("top customers are %+v", top)
	}
	if want := (es.ListQuery{Sort: "net_total", Desc: true, Limit: 2}); !reflect.DeepEqual(views.query, want) {
		t.Errorf("it asked for %+v, not %+v", views.query, want)
	}
	view, ok := registry.View(views.view)
	if !ok || view.DocType != reflect.TypeFor[ordering.CustomerSales]() {
		t.Errorf("it asked the view %q", views.view)
	}
	if field, ok := view.Field(views.query.Sort); !ok || field.Kind != es.Number {
		t.Errorf("it sorts by %+v", field)
	}
}

func TestTopCustomersLimit(t *testing.T) {
	t.Parallel()
	e := edge()
	if e.err != nil {
		t.Fatal(e.err)
	}
	query := e.registry.Queries()[0]
	for limit, valid := range map[string]bool{"1": true, "100": true, "0": false, "101": false, "many": false} {
		if _, err := e.schemas.Params(query, url.Values{"limit": {limit}}); valid != (err == nil) {
			t.Errorf("limit %s: %v", limit, err)
		}
	}
	if params, err := e.schemas.Params(query, nil); err != nil || string(params) != `{"limit":10}` {
		t.Errorf("without a limit, the parameters are %s, %v", params, err)
	}
}
