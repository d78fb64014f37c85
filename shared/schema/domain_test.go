package schema_test

import (
	"cmp"
	"context"
	"encoding/json"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// amount is a decimal as a library has it: JSON holds it as a string, and the zero value is 0.
type amount struct{ digits string }

func (a amount) MarshalText() ([]byte, error) { return []byte(cmp.Or(a.digits, "0")), nil }

func (a *amount) UnmarshalText(text []byte) error {
	a.digits = string(text)
	return nil
}

// A small domain with one field of each sort that bodies have.
type (
	order struct {
		Lines []line `json:"lines"`
	}

	place struct {
		Customer string            `json:"customer" minLength:"1" maxLength:"20" doc:"Who orders."`
		Day      string            `json:"day" format:"date"`
		Lines    []line            `json:"lines" minItems:"1" maxItems:"500"`
		Notes    []string          `json:"notes,omitempty" uniqueItems:"true"`
		Labels   map[string]string `json:"labels,omitempty"`
		Rush     *bool             `json:"rush,omitempty" nullable:"true"`
		Shelf    int8              `json:"shelf,omitempty"`
		Extra    json.RawMessage   `json:"extra,omitempty"`
	}

	line struct {
		Quantity int     `json:"quantity" minimum:"1"`
		Price    amount  `json:"price" pattern:"^[0-9]{1,9}(\\.[0-9]{1,2})?$" patternDescription:"an amount with at most two decimals"`
		Weight   float64 `json:"weight,omitempty"`
	}

	touch struct{}

	placed struct {
		Lines []line `json:"lines"`
	}
)

func (o order) place(c place) ([]core.Event, error) { return es.Accept(placed{Lines: c.Lines}) }
func (o order) touch(touch) ([]core.Event, error)   { return es.Accept() }
func (o order) placed(e placed) order               { return order(e) }

type (
	searchParams struct {
		Country string   `json:"country" minLength:"2"`
		Limit   int      `json:"limit" minimum:"1" maximum:"100" default:"10"`
		Ratio   float64  `json:"ratio,omitempty"`
		Open    bool     `json:"open,omitempty"`
		Tags    []string `json:"tags,omitempty" maxItems:"2"`
		Small   int8     `json:"small,omitempty"`
	}
	found struct {
		Names []string `json:"names"`
	}
)

func search(context.Context, core.Views, searchParams) (found, error) { return found{}, nil }

func testModule() es.Module {
	return es.Module{
		Name: "shop",
		Deciders: []es.DeciderDef{es.Decider[order]{
			Category: "order",
			Decide:   es.Commands[order]{es.Handle("place", order.place), es.Handle("touch", order.touch)},
			Evolve:   es.Events[order]{es.Apply("OrderPlaced", order.placed)},
		}},
		Queries: []es.QueryDef{es.Query[searchParams, found]{Name: "search", Run: search}},
	}
}

func newSchemas(t testing.TB, modules ...es.Module) (*core.Registry, *schema.Schemas) {
	t.Helper()
	registry, err := compile.Modules(modules...)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	return registry, schemas
}

func commandType(t testing.TB, registry *core.Registry, name string) *core.CommandType {
	t.Helper()
	a, _ := registry.Aggregate("order")
	c, ok := a.Command(name)
	if !ok {
		t.Fatalf("no command %s", name)
	}
	return c
}
