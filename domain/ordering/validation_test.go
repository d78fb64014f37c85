package ordering_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// edge is what the edge checks requests by, made once.
var edge = sync.OnceValue(func() (e struct {
	registry *core.Registry
	schemas  *schema.Schemas
	err      error
}) {
	if e.registry, e.err = compile.Modules(ordering.Module()); e.err == nil {
		e.schemas, e.err = schema.New(e.registry)
	}
	return e
})

// validate checks a command as the edge does: by the schema that its struct tags make.
func validate(t testing.TB, command any, body []byte) []schema.FieldError {
	t.Helper()
	e := edge()
	if e.err != nil {
		t.Fatal(e.err)
	}
	for _, a := range e.registry.Aggregates() {
		c, ok := a.CommandOf(command)
		if !ok {
			continue
		}
		var invalid *schema.Invalid
		switch err := e.schemas.CheckCommand(c, body); {
		case errors.As(err, &invalid):
			return invalid.Fields
		case err != nil:
			return []schema.FieldError{{Message: err.Error()}}
		}
		return nil
	}
	t.Fatalf("no decider takes %T", command)
	return nil
}

const (
	validPlace = `{"customer_id":"HANAR","customer_name":"Hanari Carnes","country":"Brazil","ordered_at":"1996-07-08","required_at":"1996-08-05","freight":"65.83",
		"lines":[{"product_id":"41","product":"Chowder","unit_price":"7.70","quantity":10,"discount":"0.15"}]}`
	validShip   = `{"shipped_at":"1996-07-12","carrier":"United Package"}`
	validCancel = `{"reason":"out of stock"}`
)

func TestValidation(t *testing.T) {
	t.Parallel()
	text200, text201 := strings.Repeat("ü", 200), strings.Repeat("ü", 201)
	lines := func(n int) []any {
		return slices.Repeat([]any{json.RawMessage(`{"product_id":"41","product":"Chowder","unit_price":"7.70","quantity":10,"discount":"0"}`)}, n)
	}
	for _, c := range []struct {
		command   any
		body      string
		field     string
		good, bad []any
	}{
		{ordering.Place{}, validPlace, "customer_id", []any{"a", "A_1-b"}, []any{"", "a b", "a.b", "ä", strings.Repeat("a", 65), 1, nil}},
		{ordering.Place{}, validPlace, "customer_name", []any{"x", text200, "O'Neill <\"&>"}, []any{"", text201, "a\nb", "a\u0000b", 1}},
		{ordering.Place{}, validPlace, "country", []any{"Côte d’Ivoire", strings.Repeat("国", 60)}, []any{"", strings.Repeat("a", 61), "a\tb", 1}},
		{ordering.Place{}, validPlace, "ordered_at", []any{"2024-02-29"}, []any{"", "2023-02-29", "1996-7-8", "1996-07-08T00:00:00Z", 19960708}},
		{ordering.Place{}, validPlace, "required_at", []any{"2024-02-29"}, []any{"", "tomorrow"}},
		{ordering.Place{}, validPlace, "freight", []any{"0", "0.0001"}, []any{"-1", "0.00001", "1e3", 32.38, "", nil}},
		{ordering.Place{}, validPlace, "lines", []any{lines(0), lines(500)}, []any{lines(501), nil, "none"}},
		{ordering.Place{}, validPlace, "lines.product_id", []any{"11"}, []any{"", "1/1", 11}},
		{ordering.Place{}, validPlace, "lines.product", []any{text200}, []any{"", text201, "\u0000"}},
		{ordering.Place{}, validPlace, "lines.unit_price", []any{"0", "14", "14.0000", "999999999999.9999"}, []any{"-1", "+1", "1.", ".5", "1.00001", "1e9", "1000000000000", "NaN", 14, ""}},
		{ordering.Place{}, validPlace, "lines.quantity", []any{1, 1_000_000}, []any{0, -1, 1_000_001, 1.5, "1", nil}},
		{ordering.Place{}, validPlace, "lines.discount", []any{"0", "0.0", "0.9999"}, []any{"1", "1.0", "-0.1", "0.00001", ".5", "0.", 0.15}},
		{ordering.Place{}, validPlace, "fulfilment", []any{"managed"}, []any{"", "Managed", 1}},
		{ordering.Place{}, validPlace, "extra", nil, []any{"what"}},
		{ordering.Ship{}, validShip, "shipped_at", []any{"2026-01-02"}, []any{"", "2026-13-01"}},
		{ordering.Ship{}, validShip, "carrier", []any{text200}, []any{"", text201, "a\u0085b"}},
		{ordering.Cancel{}, validCancel, "reason", []any{text200}, []any{"", text201, "a\x7fb"}},
	} {
		for _, value := range c.good {
			if errs := validate(t, c.command, with(t, c.body, c.field, value)); len(errs) > 0 {
				t.Errorf("%T.%s = %.40q is refused: %v", c.command, c.field, fmt.Sprint(value), errs)
			}
		}
		for _, value := range c.bad {
			if errs := validate(t, c.command, with(t, c.body, c.field, value)); len(errs) != 1 {
				t.Errorf("%T.%s = %.40q should have one error, got %v", c.command, c.field, fmt.Sprint(value), errs)
			}
		}
	}
}

// Every field of every command is required.
func TestFieldsAreRequired(t *testing.T) {
	t.Parallel()
	for body, command := range map[string]any{validPlace: ordering.Place{}, validShip: ordering.Ship{}, validCancel: ordering.Cancel{}} {
		var fields map[string]any
		if err := json.Unmarshal([]byte(body), &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			rest := maps.Clone(fields)
			delete(rest, name)
			data, err := json.Marshal(rest)
			if err != nil {
				t.Fatal(err)
			}
			if errs := validate(t, command, data); len(errs) != 1 {
				t.Errorf("%T without %s should have one error, got %v", command, name, errs)
			}
		}
	}
}

// What passes validation has keys that every view can store.
func TestKeysFit(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("\U0001F30D", 60)
	if errs := validate(t, ordering.Place{}, with(t, validPlace, "country", longest)); len(errs) > 0 {
		t.Error(errs)
	}
	if err := core.CheckKey(longest); err != nil {
		t.Error(err)
	}
}

// with sets a field of a JSON object, or of its only line, to a value.
func with(t testing.TB, body, field string, value any) []byte {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatal(err)
	}
	if name, ok := strings.CutPrefix(field, "lines."); ok {
		object["lines"].([]any)[0].(map[string]any)[name] = value
	} else {
		object[field] = value
	}
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
