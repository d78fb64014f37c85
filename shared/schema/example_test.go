package schema_test

import (
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// everyTag has a field for each rule that an example has to follow.
type everyTag struct {
	Named    string            `json:"named" example:"an example" minLength:"3"`
	Kind     string            `json:"kind" enum:"big,small"`
	Kinds    []string          `json:"kinds" enum:"big,small" minItems:"2"`
	Token    string            `json:"token" format:"token"`
	Long     string            `json:"long" format:"text" minLength:"9" maxLength:"10"`
	Short    string            `json:"short" maxLength:"2"`
	Amount   string            `json:"amount" format:"amount"`
	Positive string            `json:"positive" format:"positive-amount"`
	Part     string            `json:"part" format:"fraction"`
	Currency string            `json:"currency" format:"currency"`
	At       string            `json:"at" format:"date-time"`
	Mail     string            `json:"mail" format:"email"`
	ID       string            `json:"id" format:"uuid"`
	Link     string            `json:"link" format:"uri"`
	Plate    string            `json:"plate" pattern:"^[A-Z]{1,3}-[0-9]{2,}( H)?$"`
	Hex      string            `json:"hex" pattern:"^(0x|#)?[0-9a-f]+$" minLength:"8"`
	Pair     string            `json:"pair" pattern:"^(left|right)/.+$"`
	Count    int               `json:"count" minimum:"5"`
	More     float64           `json:"more" exclusiveMinimum:"1" multipleOf:"0.5"`
	Less     int               `json:"less" maximum:"-3"`
	Below    int               `json:"below" exclusiveMaximum:"0" multipleOf:"7"`
	Yes      bool              `json:"yes"`
	Bytes    []byte            `json:"bytes"`
	Lines    []line            `json:"lines"`
	Labels   map[string]string `json:"labels" minProperties:"1"`
	Any      any               `json:"any"`
	Optional string            `json:"optional,omitempty" minLength:"99"`
}

type endless struct {
	Next *endless `json:"next"`
}

func tried[C any](name string) es.Module {
	return es.Module{Name: "shop", Deciders: []es.DeciderDef{es.Decider[order]{
		Category: "order",
		Decide:   es.Commands[order]{es.Handle(name, func(order, C) ([]core.Event, error) { return es.Accept() })},
	}}}
}

// ExampleCommand checks what it returns, as a request would be.
func TestAnExampleFollowsEveryTag(t *testing.T) {
	t.Parallel()
	registry, schemas := newSchemas(t, tried[everyTag]("try"))
	body, err := schemas.ExampleCommand(registry.Aggregates()[0].Commands()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"named":"an example","kind":"big",`, `"long":"texttextte"`, `"lines":[{"quantity":1,"price":"`, `"currency":"EUR"`, `"at":"2026-01-02T03:04:05Z"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s does not contain %s", body, want)
		}
	}
	if strings.Contains(string(body), "optional") {
		t.Errorf("%s contains an optional field", body)
	}
	t.Logf("%s", body)
}

func TestAnExampleThatDoesNotExist(t *testing.T) {
	t.Parallel()
	type contradictory struct {
		Code string `json:"code" pattern:"^[a-z]{3}$" minLength:"4"`
	}
	for says, module := range map[string]es.Module{"example of command order/a: next: ": tried[endless]("a"), "example of command order/b: validation failed": tried[contradictory]("b")} {
		registry, schemas := newSchemas(t, module)
		if body, err := schemas.ExampleCommand(registry.Aggregates()[0].Commands()[0]); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s, %v; want an error that begins with %q", body, err, says)
		}
	}
}
