package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// amount is a decimal as a library has it: JSON holds it as a string without zeros at the end, and the zero value is 0.
type amount struct{ digits string }

func (a amount) MarshalText() ([]byte, error) { return []byte(cmp.Or(a.digits, "0")), nil }

func (a *amount) UnmarshalText(text []byte) error {
	a.digits = string(text)
	if whole, fraction, ok := strings.Cut(a.digits, "."); ok {
		a.digits = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction, "0"), ".")
	}
	return nil
}

// A small domain with a decimal, a date and an array.
type (
	order struct {
		Lines []line `json:"lines"`
	}
	place struct {
		Customer string `json:"customer" minLength:"1" maxLength:"20"`
		Day      string `json:"day" format:"date"`
		Lines    []line `json:"lines" maxItems:"100"`
	}
	settle struct {
		Proof proof `json:"proof"`
	}
	proof struct {
		Number int `json:"number" minimum:"1"`
	}
	line struct {
		Quantity int    `json:"quantity" minimum:"1"`
		Price    amount `json:"price" pattern:"^[0-9]{1,9}(\\.[0-9]{1,2})?$" patternDescription:"an amount with at most two decimals"`
	}
	placed struct {
		Lines []line `json:"lines"`
	}
	summary struct {
		Country string `json:"country"`
		Total   amount `json:"total"`
	}
	topParams struct {
		Limit int `json:"limit" minimum:"1" maximum:"100" default:"10"`
	}
	top struct {
		Names []string `json:"names"`
	}
)

func testModule() es.Module {
	return es.Module{
		Name: "shop",
		Deciders: []es.DeciderDef{es.Decider[order]{
			Category: "order",
			Decide: es.Commands[order]{
				es.Handle("place", func(o order, c place) ([]core.Event, error) { return es.Accept(placed{c.Lines}) }).Doc("Places an order"),
				es.Handle("settle", func(order, settle) ([]core.Event, error) { return es.Accept() }).Internal(),
			},
			Evolve: es.Events[order]{es.Apply("OrderPlaced", func(o order, e placed) order { return order(e) })},
		}},
		Views: []es.ViewDef{es.View[summary]{
			Name: "order-summary", Version: 1, Doc: "Orders, one document each",
			Fields: core.Fields{{Name: "country", Kind: core.Text}, {Name: "total", Kind: core.Number}},
			On:     es.Folds[summary]{es.On(func(*summary, placed) {})},
		}},
		Queries: []es.QueryDef{es.Query[topParams, top]{
			Name: "top", Doc: "The best customers", Run: func(context.Context, core.Views, topParams) (top, error) { return top{}, nil },
		}},
	}
}

func registry(t testing.TB) (*core.Registry, *schema.Schemas) {
	t.Helper()
	r, err := compile.Modules(testModule())
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

type executorFunc func(context.Context, runtime.Command) (runtime.Result, error)

func (f executorFunc) Execute(ctx context.Context, c runtime.Command) (runtime.Result, error) {
	return f(ctx, c)
}

// accept is an executor whose stream has one event already.
func accept(_ context.Context, c runtime.Command) (runtime.Result, error) {
	return runtime.Result{
		Stream: c.Stream, Version: 2, Position: core.Position{Partition: 3, Sequence: 1042}, CommandID: c.ID, Events: []string{"OrderPlaced"},
	}, nil
}

func failWith(err error) executorFunc {
	return func(context.Context, runtime.Command) (runtime.Result, error) { return runtime.Result{}, err }
}

var errUnwanted = errors.New("the test did not expect this call")

// router is a QueryRouter made of functions; one that is not set fails.
type router struct {
	document func(view, key string, w query.Wait) (core.Document, query.Freshness, error)
	list     func(view string, l core.ListQuery, w query.Wait) (core.Page, query.Freshness, error)
	query    func(name string, params json.RawMessage, w query.Wait) (any, error)
	state    func(s core.Stream, m query.PointInTime, w query.Wait) (query.State, error)
	history  func(s core.Stream, after core.Version, limit int, w query.Wait) ([]cloudevents.CloudEvent, bool, error)
}

func (q *router) Document(_ context.Context, view, tenant, key string, w query.Wait) (core.Document, query.Freshness, error) {
	if q.document == nil || tenant != core.DefaultTenant {
		return core.Document{}, query.Freshness{}, errUnwanted
	}
	return q.document(view, key, w)
}

func (q *router) List(_ context.Context, view, tenant string, l core.ListQuery, w query.Wait) (core.Page, query.Freshness, error) {
	if q.list == nil || tenant != core.DefaultTenant {
		return core.Page{}, query.Freshness{}, errUnwanted
	}
	return q.list(view, l, w)
}

func (q *router) Query(_ context.Context, name, tenant string, params json.RawMessage, w query.Wait) (any, error) {
	if q.query == nil || tenant != core.DefaultTenant {
		return nil, errUnwanted
	}
	return q.query(name, params, w)
}

func (q *router) State(_ context.Context, s core.Stream, m query.PointInTime, w query.Wait) (query.State, error) {
	if q.state == nil {
		return query.State{}, errUnwanted
	}
	return q.state(s, m, w)
}

func (q *router) History(_ context.Context, s core.Stream, after core.Version, limit int, w query.Wait) ([]cloudevents.CloudEvent, bool, error) {
	if q.history == nil {
		return nil, false, errUnwanted
	}
	return q.history(s, after, limit, w)
}

func commandServer(t testing.TB, x httpapi.CommandExecutor, o httpapi.Options) *httptest.Server {
	t.Helper()
	r, s := registry(t)
	h, err := httpapi.NewCommandAPI(r, s, x, o)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, h)
}

func queryServer(t testing.TB, q httpapi.QueryRouter, o httpapi.Options) *httptest.Server {
	t.Helper()
	r, s := registry(t)
	h, err := httpapi.NewQueryAPI(r, s, q, o)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, h)
}

func serve(t testing.TB, h http.Handler) *httptest.Server {
	server := httptest.NewServer(h)
	server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(server.Close)
	return server
}

const goodBody = `{"customer":"ALFKI","day":"1996-07-04","lines":[{"quantity":2,"price":"9.50"}]}`

const placePath = "/v1/commands/order/10248/place"
