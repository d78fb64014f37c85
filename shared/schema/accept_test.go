package schema

import (
	"errors"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// line and order are what most commands are made of.
type line struct {
	Product  string `json:"product" minLength:"1" maxLength:"5" pattern:"^[a-z0-9é]*$"`
	Quantity int    `json:"quantity" minimum:"-3" maximum:"1000"`
	Gift     bool   `json:"gift,omitempty"`
}

type order struct {
	Day   string          `json:"day" format:"date"`
	Lines []line          `json:"lines" minItems:"1" maxItems:"2"`
	Note  *string         `json:"note,omitempty"`
	Tags  map[string]bool `json:"tags,omitempty"`
	Next  *order          `json:"next,omitempty"`
	Share float64         `json:"share,omitempty"`
}

func orderSchemas(t testing.TB) (*core.CommandType, *Schemas) {
	t.Helper()
	registry, err := compile.Modules(es.Module{Name: "m", Deciders: []es.DeciderDef{es.Decider[struct{}]{
		Category: "order",
		Decide:   es.Commands[struct{}]{es.Handle("place", func(struct{}, order) ([]core.Event, error) { return nil, nil })},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := New(registry)
	if err != nil {
		t.Fatal(err)
	}
	aggregate, _ := registry.Aggregate("order")
	command, _ := aggregate.Command("place")
	return command, schemas
}

func TestPlainlyGoodBodiesAreAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	command, schemas := orderSchemas(t)
	for _, body := range []string{
		`{"day":"2026-01-02","lines":[{"product":"aé","quantity":-3}]}`,
		" {\n\"lines\" : [ { \"quantity\" : 0 , \"product\" : \"abcde\" , \"gift\" : false } , {\"product\":\"a\",\"quantity\":1000,\"gift\":true} ] ,\t\"day\":\"2026-12-31\" }\r\n",
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1}],"share":3}`,
	} {
		if !schemas.acceptors[command].accepts([]byte(body)) {
			t.Errorf("%s is not", body)
		}
	}
}

// A body that the acceptor accepts passes the whole check too, and decodes to the same command.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1,"gift":true}]}`,
		`{"day":"2026-02-30","lines":[{"product":"a","quantity":1}]}`,
		`{"day":"2026-01-02","lines":[]}`, `{"day":"2026-01-02","lines":[{},{},{}]}`, `{"day":"2026-01-02"}`,
		`{"day":"2026-01-02","lines":[{"product":"","quantity":1}]}`, `{"day":"2026-01-02","lines":[{"product":"abcdef","quantity":1}]}`,
		`{"day":"2026-01-02","lines":[{"product":"A","quantity":1}]}`, `{"day":"2026-01-02","lines":[{"product":"a","quantity":1001}]}`,
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":01}]}`, `{"day":"2026-01-02","lines":[{"product":"a","quantity":-0}]}`,
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1.0}]}`, `{"day":"2026-01-02","lines":[{"product":"a","quantity":1e2}]}`,
		`{"day":"2026-01-02","lines":[{"product":"a","product":"a","quantity":1}]}`, `{"day":"2026-01-02","lines":[{"product":"a","Quantity":1}]}`,
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1,}]}`, `{"day":"2026-01-02","lines":[{"product":"a","quantity":1}],"note":null}`,
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1}],"note":"x","tags":{"a":true},"next":{}}`,
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1}]}x`, "{\"day\":\"2026-01-02\",\"lines\":[{\"product\":\"\x01\",\"quantity\":1}]}",
		`{"day":"2026-01-02","lines":[{"product":"a","quantity":1}],"share":1.5}`, `{"day":"2026-01-02","lines":[{"product":"\u0061","quantity":1}]}`,
		"{\"day\":\"2026-01-02\",\"lines\":[{\"product\":\"\xff\",\"quantity\":1}]}", `{"day":"2026-01-02","lines":[{"product":"a","quantity":99999999999999999999}]}`,
	} {
		f.Add([]byte(seed))
	}
	command, schemas := orderSchemas(f)
	whole := *schemas
	whole.acceptors = nil
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := schemas.DecodeCommand(command, body)
		want, wantErr := whole.DecodeCommand(command, body)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: the acceptor's command decodes with %v, the whole check returns %v", body, err, wantErr)
		}
		if err != nil {
			var invalid *Invalid
			if errors.As(err, &invalid) != errors.As(wantErr, &invalid) {
				t.Errorf("%s: %v is not %v", body, err, wantErr)
			}
			return
		}
		first, err := core.Marshal(got)
		second, wantErr := core.Marshal(want)
		if err != nil || wantErr != nil || string(first) != string(second) {
			t.Errorf("%s: decoded as %s (%v), by the whole check as %s (%v)", body, first, err, second, wantErr)
		}
	})
}
