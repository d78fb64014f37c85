package banking_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// edge is what the edge checks requests by, made once.
var edge = sync.OnceValue(func() (e struct {
	registry *core.Registry
	schemas  *schema.Schemas
	err      error
}) {
	if e.registry, e.err = compile.Modules(banking.Module()); e.err == nil {
		e.schemas, e.err = schema.New(e.registry)
	}
	return e
})

// errorsOf checks a command as the edge does: by the schema that its struct tags make.
func errorsOf(t *testing.T, command any, body string) []schema.FieldError {
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
		switch err := e.schemas.CheckCommand(c, []byte(body)); {
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

// An amount is an exact decimal above zero, written in one way.
func TestAmounts(t *testing.T) {
	t.Parallel()
	good := []string{"1", "10", "0.1", "0.01", "0.001", "0.0001", "0.0100", "0.9999", "1.0000", "125.50", "999999999999.9999"}
	bad := []string{"", "0", "0.0", "0.0000", "00", "01", "1.", ".5", "-1", "+1", "1e3", "0.00001", "0.00010", "1.00000", "1000000000000", "NaN", " 1", "1 ", "1,5", "٣"}
	for _, command := range []any{banking.Deposit{}, banking.Withdraw{}} {
		for _, amount := range good {
			body := fmt.Sprintf(`{"amount":%q}`, amount)
			if errs := errorsOf(t, command, body); len(errs) > 0 {
				t.Errorf("%T of %q is refused: %v", command, amount, errs)
			}
			var decoded banking.Deposit
			if err := core.UnmarshalStrict([]byte(body), &decoded); err != nil || !decoded.Amount.IsPos() {
				t.Errorf("%q is read as %s, %v", amount, decoded.Amount, err)
			}
		}
		for _, amount := range bad {
			if errs := errorsOf(t, command, fmt.Sprintf(`{"amount":%q}`, amount)); len(errs) == 0 {
				t.Errorf("%T of %q is accepted", command, amount)
			}
		}
		for _, body := range []string{`{"amount":5}`, `{"amount":null}`, `{}`} {
			if errs := errorsOf(t, command, body); len(errs) == 0 {
				t.Errorf("%T %s is accepted", command, body)
			}
		}
	}
}

func TestRequestIsValidated(t *testing.T) {
	t.Parallel()
	const body = `{"from":%q,"to":%q,"amount":"1","currency":%q}`
	for _, c := range []struct {
		from, to, currency string
		valid              bool
	}{
		{"ada", "bob", "EUR", true}, {"ada", "ada", "EUR", true}, // rejected by the domain, not by the schema
		{"", "bob", "EUR", false}, {"ada", "b.b", "EUR", false}, {"ada", "bob", "eur", false}, {"ada", "bob", "EURO", false}, {"ada", "bob", "", false},
	} {
		if errs := errorsOf(t, banking.Request{}, fmt.Sprintf(body, c.from, c.to, c.currency)); c.valid != (len(errs) == 0) {
			t.Errorf("%+v: %v", c, errs)
		}
	}
}
