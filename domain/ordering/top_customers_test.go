package ordering_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/domain/ordering"
	"orchestrix/shared/es"
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
	registry, err := es.NewRegistry(ordering.Module())
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
	params := reflect.TypeFor[ordering.TopCustomersParams]()
	for body, valid := range map[string]bool{`{"limit":1}`: true, `{"limit":100}`: true, `{"limit":0}`: false, `{"limit":101}`: false, `{"limit":"many"}`: false} {
		if errs := validate(t, params, []byte(body)); valid != (len(errs) == 0) {
			t.Errorf("%s: %v", body, errs)
		}
	}
	limit := huma.SchemaFromType(huma.NewMapRegistry("#/", huma.DefaultSchemaNamer), params).Properties["limit"]
	if limit.Default != 10 {
		t.Errorf("the default is %v", limit.Default)
	}
}
